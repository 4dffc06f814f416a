# SPDX-License-Identifier: Apache-2.0
"""cotter demo: the story happens, its facts are right, and it fails where it cannot happen.

S0-03, S0-06, S0-21, S1-01, S1-02, S1-31, S2-13, S3-01: told by the program about itself, so each fact that openssl can
judge is judged by it.
"""
import base64
import hashlib
import json
import os
import resource
import subprocess
import tempfile
import unittest

COTTER = os.environ["COTTER_BIN"]
STEPS = ["server", "pins", "pinned", "renewed", "refused", "without_pins", "backup"]
PROMISED_SECONDS = 10


def demo(*arguments, **options):
    return subprocess.run([COTTER, "demo", *arguments], capture_output=True, text=True,
                          timeout=PROMISED_SECONDS, check=False, **options)


def pin_by_openssl(pem):
    """The pin of a certificate by the openssl program alone."""
    public = subprocess.run(["openssl", "x509", "-noout", "-pubkey"], input=pem.encode(),
                            capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=public,
                         capture_output=True, check=True).stdout
    return "sha256/" + base64.b64encode(hashlib.sha256(der).digest()).decode()


class Demo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        result = demo("--json")
        assert result.returncode == 0, result.stdout + result.stderr
        cls.told = json.loads(result.stdout)
        cls.facts = {step["step"]: step["facts"] for step in cls.told["steps"]}

    def test_every_step_happens(self):
        self.assertTrue(self.told["ok"])
        self.assertEqual([step["step"] for step in self.told["steps"]], STEPS)
        self.assertTrue(all(step["ok"] and not step["failures"] for step in self.told["steps"]))

    def test_pins_are_those_of_the_certificates(self):
        leaf, issuer = self.facts["server"]["certificates"]
        self.assertEqual(self.facts["pins"]["active"], pin_by_openssl(leaf))
        self.assertEqual(self.facts["pins"]["ca"], pin_by_openssl(issuer))

    def test_renewal_keeps_the_pin_and_changes_the_certificate(self):
        before, after = self.facts["pinned"], self.facts["renewed"]
        self.assertEqual(before["matched"], self.facts["pins"]["active"])
        self.assertEqual(after["matched"], before["matched"])
        self.assertNotEqual(after["serial"], before["serial"])

    def test_interceptor_receives_nothing(self):
        refused = self.facts["refused"]
        self.assertEqual(refused["verdict"], "pin_mismatch")
        self.assertTrue(refused["presented_holds_pinned_ca"])
        self.assertEqual(refused["interceptor"],
                         {"connections": 1, "handshakes_completed": 0, "application_bytes": 0})
        self.assertRegex(refused["message"],
                         r"^bad ssl pin detected, found pins: \[sha256/\S{44} sha256/\S{44}\]$")
        for pin in self.facts["pins"].values():
            self.assertNotIn(pin, refused["message"])

    def test_interceptor_is_let_in_without_pins(self):
        record = self.facts["without_pins"]["interceptor"]
        self.assertEqual(record["handshakes_completed"], 1)
        self.assertGreater(record["application_bytes"], 0)

    def test_backup_key_passes_and_is_told(self):
        backup = self.facts["backup"]
        self.assertEqual(backup["verdict"], "pinned_ok")
        self.assertEqual(backup["matched"], self.facts["pins"]["backup"])
        self.assertTrue(backup["backup_pin_matched"])
        self.assertFalse(self.facts["pinned"]["backup_pin_matched"])

    def test_narrates_in_text_and_leaves_nothing_behind(self):
        with tempfile.TemporaryDirectory() as empty:
            changed = {"HOME": empty, "TMPDIR": empty, "XDG_CACHE_HOME": empty, "XDG_RUNTIME_DIR": empty}
            result = demo(cwd=empty, env={**os.environ, **changed})
            self.assertEqual(os.listdir(empty), [])
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stderr, "")
        self.assertIn("bad ssl pin detected, found pins: [sha256/", result.stdout)
        self.assertIn("the interceptor received nothing", result.stdout)
        self.assertIn(f"\n{len(STEPS)}. ", result.stdout)

    def test_fails_where_no_server_can_start(self):
        # One descriptor is enough to load libraries, and too few to listen.
        few_files = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))  # noqa: E731
        result = demo("--json", preexec_fn=few_files)
        self.assertEqual(result.returncode, 1, result.stderr)
        told = json.loads(result.stdout)
        self.assertFalse(told["ok"])
        self.assertTrue(told["steps"][-1]["failures"])


if __name__ == "__main__":
    unittest.main()
