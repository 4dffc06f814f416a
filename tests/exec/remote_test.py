# SPDX-License-Identifier: Apache-2.0
"""cotter exec with the policy of a signed repository: fetched before the program starts, or the last good one where the
repository is out of reach or offers what may not be taken."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from lab import Lab  # noqa: E402
from pin_server import PinServer  # noqa: E402
from tuf_repository import Key, Repository  # noqa: E402

COTTER = os.environ["COTTER_BIN"]
HOST = "api.example.com"


class Remote(unittest.TestCase):
    def setUp(self):
        self.repository = Repository()
        self.lab = self.enterContext(Lab([]))
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="cotter-exec-"))
        self.root = self.path("root.json", self.repository.files["metadata/1.root.json"])

    def path(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def policy(self, version, name):
        return json.dumps({"policy": {"name": "acme", "environment": "production", "version": version},
                           "host": [{"pattern": HOST, "pins": [{"pin": self.lab.pin(name)}]}]}).encode()

    def put(self, version, name):
        self.repository.add_target("targets", "production/policy.json", self.policy(version, name))
        self.repository.update("targets")

    def run_curl(self, server, *words, remote=None, state="state"):
        """(exit status of curl under exec, what was said). It is 60 or 35 where the server was refused."""
        words = ["--remote", remote or server.url, "--root", self.root, "--remote-cacert", server.ca, *words]
        if state:
            words += ["--state", os.path.join(self.folder, state)]
        curl = ["curl", "-sS", "-o", "/dev/null", "--cacert", self.lab.file("root"), "--max-time", "60",
                "--connect-to", f"{HOST}:443:127.0.0.1:{self.lab.port()}", f"https://{HOST}/"]
        done = subprocess.run([COTTER, "exec", *words, "--", *curl], capture_output=True, text=True, timeout=120, check=False,
                              env={**os.environ, "HOME": self.folder, "XDG_STATE_HOME": f"{self.folder}/xdg",
                                   "STATE_DIRECTORY": f"{self.folder}/service"})
        return done.returncode, done.stderr

    def test_S3_07_S3_13_each_start_takes_the_newest_policy_or_the_last_good_one(self):
        self.put(1, "leaf")
        with PinServer(self.repository) as server:
            self.assertEqual(self.run_curl(server), (0, ""))
            self.put(2, "backup")
            server.upload()
            self.assertIn("bad ssl pin detected", self.run_curl(server)[1])
            self.put(3, "leaf")
            server.upload()
            self.assertEqual(self.run_curl(server), (0, ""))
            self.repository.signers["targets"] = [Key()]
            self.put(4, "backup")
            server.upload()
            status, said = self.run_curl(server)
            self.assertEqual(status, 0, said)
            self.assertIn("update rejected at step targets (signature_threshold)", said)
            self.assertIn("going on with version 3", said)
            status, said = self.run_curl(server, remote="https://127.0.0.1:1")
            self.assertEqual(status, 0, said)
            self.assertIn("going on with version 3", said)

    def test_S0_12_S3_38_without_any_policy_the_program_does_not_start_and_a_shipped_one_is_enough(self):
        with PinServer(self.repository) as server:
            status, said = self.run_curl(server, remote="https://127.0.0.1:1")
            self.assertEqual(status, 125, said)
            self.assertIn("exec: ", said)
            shipped = self.path("shipped.json", self.policy(1, "leaf"))
            status, said = self.run_curl(server, "--policy", shipped, remote="https://127.0.0.1:1", state=None)
            self.assertEqual(status, 0, said)
            self.assertTrue(os.listdir(f"{self.folder}/service"), "the state is where the service manager says")
            shipped = self.path("other.json", self.policy(1, "backup"))
            status, said = self.run_curl(server, "--policy", shipped, remote="https://127.0.0.1:1", state="other")
            self.assertNotEqual(status, 0)
            self.assertIn("bad ssl pin detected", said)

    def test_S3_13_a_floor_outlives_the_state(self):
        floor = os.path.join(self.folder, "floor")
        self.put(3, "leaf")
        with PinServer(self.repository) as server:
            self.assertEqual(self.run_curl(server, "--floor", floor), (0, ""))
            shutil.rmtree(os.path.join(self.folder, "state"))
            self.put(2, "leaf")
            server.upload()
            status, said = self.run_curl(server, "--floor", floor)
            self.assertEqual(status, 125, said)
            self.assertIn("policy_rollback", said)
            self.assertEqual(self.run_curl(server), (0, ""))  # who keeps no floor has forgotten

    def test_options_that_contradict_one_another_are_refused(self):
        for words in (["--root", "r.json", "--policy", "p.toml"], ["--remote", "https://127.0.0.1:1", "--pin", "a=b"],
                      ["--environment", "staging", "--policy", "p.toml"], ["--state", "s", "--pin", f"{HOST}=x"],
                      ["--floor", "f", "--policy", "p.toml"]):
            done = subprocess.run([COTTER, "exec", *words, "--", "true"], capture_output=True, text=True, timeout=60,
                                  check=False)
            self.assertEqual(done.returncode, 125, words)
            self.assertIn("exec: ", done.stderr)


unittest.main()
