# SPDX-License-Identifier: Apache-2.0
"""A client whose clock is wrong by ten years, or goes back, and one that may not write: what it enforces stays, and it goes on
when that is mended. And what a change costs in bytes."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from tuf_repository import Repository  # noqa: E402

COTTER = os.environ["COTTER_BIN"]


def pin(name):
    return "sha256/" + base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()


def policy(version, hosts=1):
    """Four pins a host."""
    return json.dumps({"policy": {"name": "acme", "environment": "production", "version": version},
                       "host": [{"pattern": f"h{host}.example.com", "pins": [{"pin": pin(f"{host} {each}")} for each in range(4)]}
                                for host in range(hosts)]}).encode()


class Clocks(unittest.TestCase):
    def setUp(self):
        self.repository = self.enterContext(Repository())
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="cotter-clock-"))
        self.state = os.path.join(self.folder, "state")
        self.root = os.path.join(self.folder, "root.json")
        with open(self.root, "wb") as file:
            file.write(self.repository.files["metadata/1.root.json"])
        self.put(policy(1))

    def put(self, content):
        self.repository.add_target("targets", "production/policy.json", content)
        self.repository.update("targets")

    def update(self, clock=None, under=()):
        """(exit status, outcome, code, the version in force after it), by a clock that is moved."""
        under = ["faketime", "-f", clock] if clock else list(under)
        done = subprocess.run([*under, COTTER, "update", "--remote", self.repository.url, "--state", self.state, "--root",
                               self.root, "--insecure-http", "--json"], capture_output=True, text=True, timeout=60, check=False)
        self.assertTrue(done.stdout, done.stderr)
        answer = json.loads(done.stdout)
        try:
            with open(os.path.join(self.state, "policy.json"), encoding="utf-8") as file:
                version = json.load(file)["policy"]["version"]
        except FileNotFoundError:
            version = None
        return done.returncode, answer["outcome"], answer.get("code"), version

    def test_S3_13_a_clock_ten_years_ahead_stops_updates_and_not_enforcement_until_it_is_mended(self):
        self.assertEqual(self.update(), (0, "updated", None, 1))
        self.put(policy(2))
        self.assertEqual(self.update("+3650d"), (1, "update_rejected", "metadata_expired", 1))
        self.assertEqual(self.update(), (0, "updated", None, 2))

    def test_S3_13_a_clock_ten_years_behind_loosens_nothing(self):
        self.assertEqual(self.update("-3650d"), (0, "updated", None, 1))
        self.put(policy(2))
        self.assertEqual(self.update("-3650d"), (0, "updated", None, 2))
        old = dict(self.repository.files)
        self.put(policy(3))
        self.assertEqual(self.update(), (0, "updated", None, 3))
        # A clock that goes back makes old files good again, but not newer than what was seen.
        self.repository.files = old
        self.assertEqual(self.update("-3650d"), (1, "update_rejected", "metadata_rollback", 3))

    def test_S3_13_a_first_run_with_a_wrong_clock_spoils_nothing(self):
        self.assertEqual(self.update("+3650d")[:3], (1, "update_rejected", "metadata_expired"))
        self.assertEqual(self.update(), (0, "updated", None, 1))

    def test_S3_13_a_state_that_cannot_be_written_keeps_what_it_has_and_says_so(self):
        self.assertEqual(self.update(), (0, "updated", None, 1))
        self.put(policy(2))
        for path, names, files in os.walk(self.folder):
            for name in [*names, *files]:
                os.chown(os.path.join(path, name), 65534, 65534)
        os.chown(self.folder, 65534, 65534)
        for folder in (self.state, os.path.join(self.state, "metadata")):
            os.chmod(folder, 0o555)
        under = ["setpriv", "--reuid", "65534", "--clear-groups", "--inh-caps=-all"] if os.geteuid() == 0 else []
        self.assertEqual(self.update(under=under), (2, "update_rejected", "file_unreadable", 1))
        for folder in (self.state, os.path.join(self.state, "metadata")):
            os.chmod(folder, 0o755)
        self.assertEqual(self.update(under=under), (0, "updated", None, 2))

    def test_S3_13_a_state_that_everybody_can_write_is_not_trusted(self):
        self.assertEqual(self.update(), (0, "updated", None, 1))
        os.chmod(os.path.join(self.state, "metadata"), 0o777)
        self.assertEqual(self.update(), (2, "update_rejected", "file_unreadable", 1))

    def test_a_change_of_a_policy_of_twenty_hosts_is_less_than_twelve_kibibytes(self):
        self.put(policy(2, 20))
        self.assertEqual(self.update()[0], 0)
        self.put(policy(3, 20))
        self.repository.requests.clear()
        self.assertEqual(self.update(), (0, "updated", None, 3))
        sizes = {path: len(self.repository.files.get(path, b"")) for path in self.repository.requests}
        self.assertEqual(len(sizes), 5, sizes)  # root N + 1, timestamp, snapshot, targets, the policy
        self.assertLessEqual(sum(sizes.values()), 12 * 1024, sizes)


unittest.main()
