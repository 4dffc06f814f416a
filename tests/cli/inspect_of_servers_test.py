# SPDX-License-Identifier: Apache-2.0
"""S0-23: cotter inspect on live servers: the verified path, and an unverified chain only where it was asked for."""

import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from lab import Lab  # noqa: E402

COTTER = os.environ["COTTER_BIN"]


def inspect(lab, *words, root="root"):
    command = [COTTER, "inspect", "--no-system-roots", "--cacert", lab.file(root), "--timeout", "20", *words]
    return subprocess.run([*command, lab.address()], capture_output=True, text=True, timeout=60, check=False)


def fingerprint(path):
    done = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-fingerprint", "-sha256"], capture_output=True, text=True,
                          check=True)
    return done.stdout.strip().split("=")[1].replace(":", "").lower()


class InspectOfServers(unittest.TestCase):
    def test_the_verified_path_is_shown_with_its_root(self):
        with Lab([]) as lab:
            done = inspect(lab, "--json")
            self.assertEqual([done.returncode, done.stderr], [0, ""])
            shown = json.loads(done.stdout)["certificates"]
            self.assertEqual([one["fingerprints"]["sha256"] for one in shown],
                             [fingerprint(lab.file(name)) for name in ("leaf", "intermediate", "root")])
            self.assertEqual([one["verified"] for one in shown], [True] * 3)
            self.assertIn("certificate of the verified path, 3 of 3", inspect(lab).stdout)

    def test_a_server_that_does_not_verify_is_not_shown(self):
        with Lab([]) as lab:
            done = inspect(lab, root="rogue-root")
            self.assertEqual([done.returncode, done.stdout], [1, ""])
            self.assertIn(lab.address(), done.stderr)

    def test_insecure_show_marks_what_it_shows(self):
        with Lab([]) as lab:
            text = inspect(lab, "--insecure-show", root="rogue-root")
            self.assertEqual(text.returncode, 1)
            self.assertIn("certificate of an UNVERIFIED chain, 1 of 2", text.stdout)
            shown = json.loads(inspect(lab, "--insecure-show", "--json", root="rogue-root").stdout)["certificates"]
            self.assertEqual([one["verified"] for one in shown], [False] * 2)


if __name__ == "__main__":
    unittest.main()
