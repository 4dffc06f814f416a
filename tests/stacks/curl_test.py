# SPDX-License-Identifier: Apache-2.0
"""Exported curl configurations in curl itself: exit code 90 is a pin that missed."""
import proof


class Curl(proof.Proof):
    name = "curl"
    expected = {**proof.PERFECT, "root pin": "cannot say"}

    def run_cases(self, cases):
        return [self.get(*case) for case in cases]

    def get(self, policies, url, server, host):
        target = f"{host}:{self.lab.port(server)}:127.0.0.1"
        words = ["curl", "-q", "-sS", "--cacert", self.roots, "--resolve", target]
        for name in policies:
            config = self.write(f"{name}.curlrc", self.exported[name])
            if name != policies[0]:  # the same process goes on, with what it remembers
                words += ["--next", "-sS", "--cacert", self.roots, "--resolve", target]
            words += ["-o", "/dev/null", "-K", config, url]
        done = proof.command(*words, check=False)
        assert done.returncode in (0, 90), done.stderr
        return "accept" if done.returncode == 0 else "refuse " + done.stderr.strip()


proof.main(Curl)
