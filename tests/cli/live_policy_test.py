# SPDX-License-Identifier: Apache-2.0
"""Policies and the servers that they name: what lint --live finds there, and policy add --from-server takes from them."""

import json
import os
import subprocess
import sys
import tempfile
import tomllib
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from lab import Lab  # noqa: E402

COTTER = os.environ["COTTER_BIN"]
HOST = "api.example.com"
NOBODY = "sha256/Tm9ib2R5IGhhcyB0aGlzIGtleSwgbm90IGV2ZW4gdXM="
HEAD = '# ours\n[policy]\nenvironment = "staging" # kept\nexpires = 2040-01-01\n'


def rule(*pins, pattern=HOST, rest=""):
    entries = ",\n  ".join(f'{{ pin = "{pin}", use = "{use}" }}' for pin, use in pins)
    return f'[[host]]\npattern = "{pattern}"\n{rest}pins = [\n  {entries},\n]\n'


class LivePolicy(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="cotter-live-")
        self.addCleanup(folder.cleanup)
        self.policy = os.path.join(folder.name, "policy.toml")

    def write(self, *parts):
        with open(self.policy, "w", encoding="utf-8") as file:
            file.write(HEAD + "".join(parts))

    def text(self):
        with open(self.policy, encoding="utf-8") as file:
            return file.read()

    def run_program(self, lab, *words, server=0, trust="root"):
        command = [COTTER, *words, "--no-system-roots", "--cacert", lab.file(trust), "--connect-to", lab.address(server),
                   "--timeout", "20"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def lint(self, lab, **options):
        """Exit code, the codes that the servers cause, and standard error."""
        done = self.run_program(lab, "lint", "--live", "--json", self.policy, **options)
        found = json.loads(done.stdout)["findings"] if done.stdout else []
        return done.returncode, {each["code"]: each for each in found
                                 if each["code"] in ("live_mismatch", "backup_served", "ca_ends_first")}, done.stderr

    # S0-11: what would lock everybody out is told before it is published.
    def test_lint_asks_the_servers_that_the_policy_names(self):
        with Lab([], ["--identity", "rogue-leaf"]) as lab:
            self.write(rule((lab.pin("leaf"), "active"), (lab.pin("backup"), "backup"), (NOBODY, "next")))
            self.assertEqual(self.lint(lab)[:2], (0, {}))
            # An interceptor whose root the machine trusts, and one that it does not.
            code, found, _ = self.lint(lab, server=1, trust="rogue-root")
            self.assertEqual((code, sorted(found)), (1, ["live_mismatch"]))
            self.assertIn("bad ssl pin detected, found pins: [" + lab.pin("rogue-leaf"), found["live_mismatch"]["message"])
            self.assertEqual((found["live_mismatch"]["rule"], found["live_mismatch"]["line"]), (HOST, 5))
            self.assertEqual(self.lint(lab, server=1)[:2][0], 1)
            # The key in the safe is out of it.
            self.write(rule((lab.pin("backup"), "active"), (lab.pin("leaf"), "backup"), (NOBODY, "next")))
            code, found, _ = self.lint(lab)
            self.assertEqual((code, sorted(found)), (1, ["backup_served"]))
            # The lab's CAs end before 2040, when the pins are to end.
            self.write(rule((lab.pin("intermediate"), "active"), (lab.pin("backup"), "backup"), (NOBODY, "next")))
            self.assertIn("ca_ends_first", self.lint(lab)[1])
            self.assertEqual(sum(each["application_bytes"] for each in lab.settled()), 0)

    def test_lint_cannot_tell_where_nobody_answers(self):
        with Lab(["--fault", "reset"]) as lab:
            self.write(rule((lab.pin("leaf"), "active"), (lab.pin("backup"), "backup"), (NOBODY, "next")))
            code, found, err = self.lint(lab)
            self.assertEqual((code, found), (3, {}), err)
            self.assertIn(f"{HOST}:443", err)

    def test_lint_asks_each_port_and_says_which_rules_name_no_server(self):
        with Lab([]) as lab:
            pins = ((lab.pin("leaf"), "active"), (lab.pin("backup"), "backup"), (NOBODY, "next"))
            self.write(rule(*pins))
            self.assertEqual(self.lint(lab)[:2], (0, {}))
            once = lab.settled()[0]["handshakes_completed"]
            self.write(rule(*pins, rest="ports = [443, 8443]\n"), rule(*pins, pattern="*.cdn.example.com"))
            code, found, err = self.lint(lab)
            self.assertEqual((code, found), (0, {}), err)
            self.assertEqual(lab.settled()[0]["handshakes_completed"], 3 * once)
            self.assertIn("*.cdn.example.com names no server", err)

    # S0-20, S3-12: the keys of a verified path alone get into a policy, and comments stay.
    def test_pins_are_added_from_a_server_that_verifies(self):
        with Lab([]) as lab:
            self.write(rule((NOBODY, "backup")))
            done = self.run_program(lab, "policy", "add", HOST, "--from-server", "--policy", self.policy)
            self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
            self.assertEqual(done.stderr, f"cotter: {self.policy}: {HOST}: added {lab.pin('leaf')}; the rule has 2 pins\n")
            pins = tomllib.loads(self.text())["host"][0]["pins"]
            self.assertEqual([(pin["pin"], pin.get("place")) for pin in pins], [(NOBODY, None), (lab.pin("leaf"), "leaf")])
            self.assertTrue(self.text().startswith(HEAD))
            self.assertEqual(self.lint(lab)[1], {})
            done = self.run_program(lab, "policy", "add", HOST, "--from-server", "--place", "ca", "--policy", self.policy)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(lab.pin("intermediate"), self.text())
            before = self.text()
            done = self.run_program(lab, "policy", "add", HOST, "--from-server", "--policy", self.policy)
            self.assertEqual((done.returncode, self.text()), (2, before))
            self.assertIn("already", done.stderr)
            self.assertEqual(lab.settled()[0]["application_bytes"], 0)

    # A machine in the middle must not get its key into the policy: not even for the asking.
    def test_nothing_is_added_from_a_server_that_does_not_verify(self):
        with Lab(["--identity", "rogue-leaf"], ["--identity", "expired"], ["--identity", "wrong-host"],
                 ["--identity", "rogue-leaf", "--append", "leaf,intermediate,root"], ["--fault", "reset"]) as lab:
            self.write(rule((NOBODY, "backup")))
            before = self.text()
            for server, codes in enumerate(((1,), (1,), (1,), (1,), (2, 3))):
                done = self.run_program(lab, "policy", "add", HOST, "--from-server", "--policy", self.policy, server=server)
                self.assertIn(done.returncode, codes, done.stderr)
                self.assertEqual(self.text(), before)


if __name__ == "__main__":
    unittest.main()
