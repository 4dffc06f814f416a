# SPDX-License-Identifier: Apache-2.0
"""cotter watch with the policy of a signed repository: the configuration's is the first one, and a published one takes its
place while it watches."""
import os
import subprocess
import sys
import tempfile
import unittest

from watch import HOST, PATIENCE, PROGRAM, Lab, Watch, policy_text

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from pin_server import PinServer  # noqa: E402
from tuf_repository import Repository  # noqa: E402


class Remote(unittest.TestCase):
    def test_S3_07_S0_12_a_published_policy_takes_the_place_of_the_configured_one(self):
        lab = self.enterContext(Lab([]))
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="cotter-watch-remote-"))
        repository = Repository()

        def text(name, version):
            spare = "backup" if name == "leaf" else "leaf-rsa"
            content = policy_text([lab.pin(name), (lab.pin(spare), "backup")], version=version)
            return content.replace("[policy]\n", '[policy]\nenvironment = "production"\n')

        def put(name, version):
            repository.add_target("targets", "production/policy.json", text(name, version).encode())
            repository.update("targets")

        put("leaf", 2)
        root = os.path.join(folder, "root.json")
        with open(root, "wb") as file:
            file.write(repository.files["metadata/1.root.json"])
        with PinServer(repository) as server:
            watch = self.enterContext(Watch(text("backup", 1), [lab.file("root")], [f"{HOST}:{lab.port(0)}"], start=False))
            words = ["--remote", server.url, "--root", root, "--remote-cacert", server.ca]

            def once(*more):
                done = subprocess.run([PROGRAM, "watch", "--config", watch.config, "--once", *more], capture_output=True,
                                      text=True, timeout=PATIENCE, check=False)
                return done.returncode, done.stdout + done.stderr

            status, said = once()
            self.assertEqual(status, 1, said)  # its own policy has another key
            status, said = once(*words, "--state", f"{folder}/state")
            self.assertEqual(status, 0, said)
            put("backup", 3)
            server.upload()
            status, said = once(*words, "--state", f"{folder}/state")
            self.assertEqual(status, 1, said)
            # How the repository stands is among the figures while it watches.
            watching = self.enterContext(Watch(text("backup", 1), [lab.file("root")], [f"{HOST}:{lab.port(0)}"],
                                               arguments=(*words, "--state", f"{folder}/third")))
            metrics = watching.metrics()
            self.assertEqual(metrics["cotter_update_policy_version"], 3)
            self.assertEqual(metrics["cotter_policy_version"], 3)
            self.assertGreater(metrics["cotter_update_last_success_timestamp_seconds"], 0)
            status, said = once("--remote", "https://127.0.0.1:1", "--root", root, "--state", f"{folder}/other")
            self.assertEqual(status, 1, said)  # the configuration's again
            self.assertIn("update_rejected", said)


unittest.main()
