# SPDX-License-Identifier: Apache-2.0
"""Exported Python in Debian's Python and urllib3."""
import os

import proof


class Python(proof.Proof):
    name = "python"

    def run_cases(self, cases):
        for name, text in self.exported.items():
            self.write(f"pins_{name}.py", text)
        words = [" ".join([*(f"pins_{name}" for name in policies), url])
                 for policies, url, _, _ in cases]
        client = os.path.join(proof.SOURCE, "tests/stacks/client.py")
        return proof.command("/usr/bin/python3", "-B", client, self.roots, *words,
                             cwd=self.folder).stdout.splitlines()


proof.main(Python)
