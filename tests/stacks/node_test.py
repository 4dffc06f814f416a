# SPDX-License-Identifier: Apache-2.0
"""Exported JavaScript in Node.js."""
import os

import proof


class Node(proof.Proof):
    name = "node"

    def run_cases(self, cases):
        modules = {name: self.write(f"{name}.js", text) for name, text in self.exported.items()}
        words = [" ".join([*(modules[name] for name in policies), url])
                 for policies, url, _, _ in cases]
        client = os.path.join(proof.SOURCE, "tests/stacks/client.js")
        return proof.command("node", client, self.roots, *words).stdout.splitlines()


proof.main(Node)
