# SPDX-License-Identifier: Apache-2.0
"""The rows of docs/contradictions.md, each seen to work: C1 to C9 and C11. C10 is in tests/report."""

import json
import os
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from folder_case import FolderCase  # noqa: E402
from lab import Lab  # noqa: E402

COTTER = os.environ["COTTER_BIN"]
HOST = "api.example.com"
NOTHING = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
PINS = ["pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU=", "oZb2ItbSoJl3Kamv2sgIeC345I3lhH5V7HblBOPDPUs=",
        "k2v657xBsOVe1PQRwOsHsw3bsGT2VzIqz5K+59sNQws="]


def run(*words):
    return subprocess.run([COTTER, *words], capture_output=True, text=True, timeout=60, check=False)


class Contradictions(FolderCase):
    def policy(self, *pins, pattern=HOST, head="", rule=""):
        entries = ", ".join(pin if pin.startswith("{") else f'{{ pin = "{pin}" }}' for pin in pins)
        return self.write("policy.toml", f'[policy]\nenvironment = "production"\n{head}'
                                         f'[[host]]\npattern = "{pattern}"\n{rule}pins = [{entries}]\n')

    def codes(self, path, *words):
        done = run("lint", "--json", "--at", "2026-11-20", *words, path)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        return {each["code"]: each["severity"] for each in json.loads(done.stdout)["findings"]}

    def test_C1_the_digest_of_nothing_is_no_pin_anywhere(self):
        path = self.policy(NOTHING, PINS[0])
        self.assertEqual(self.codes(path)["pin_empty_input"], "error")
        self.assertEqual(run("policy", "show", "--policy", path).returncode, 2)
        self.assertEqual(run("check", "--pin", NOTHING, HOST).returncode, 2)
        self.assertEqual(run("import", self.write("map.json", json.dumps({HOST: [NOTHING]}))).returncode, 2)
        # And nothing prints it: a server that does not answer has no pin.
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{listener.getsockname()[1]}"
        for words in (["pins", "--bare", address], ["pins", "--bare", self.write("empty.pem", "")]):
            done = run(*words)
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(done.stdout, "")

    def test_C2_one_star_is_one_label_and_exports_say_where_it_is_not(self):
        path = self.policy(*PINS, pattern="*.example.com")
        def applies(host):
            return json.loads(run("policy", "show", host, "--json", "--policy", path).stdout)["applies"]
        self.assertEqual(applies("a.example.com")["rule"], "*.example.com")
        self.assertEqual([applies("example.com"), applies("b.a.example.com")], [None, None])
        told = run("export", "--to", "tls-client", path).stderr
        self.assertIn("*.example.com: the name itself and all deeper names are covered too", told)

    def test_C3_each_reader_gets_the_spelling_that_it_takes(self):
        with Lab([]) as lab:
            bare = run("pins", "--bare", lab.file("leaf")).stdout.split()
            self.assertEqual(["sha256/" + pin for pin in bare], [lab.pin("leaf")])
        path = self.policy(*PINS)
        self.assertNotIn("sha256/", run("export", "--to", "tls-client", path).stdout.split("{", 1)[1])
        self.assertIn("sha256/" + PINS[0], run("export", "--to", "okhttp", path).stdout)
        self.assertIn("sha256//" + PINS[0], run("export", "--to", "curl", path).stdout)
        both = self.write("map.json", json.dumps({HOST: [PINS[0], "sha256/" + PINS[0]]}))
        self.assertEqual(run("import", both).stdout.count(PINS[0]), 1)

    def test_C4_the_hash_of_a_certificate_is_a_kind_of_its_own(self):
        path = self.policy(*(f'{{ pin = "{pin}", kind = "cert", place = "leaf" }}' for pin in PINS))
        self.assertEqual(self.codes(path)["cert_pin"], "warning")
        self.assertIn('"kind": "cert"', run("export", "--to", "dart", path).stdout)
        done = run("export", "--to", "okhttp", path)  # which has no such kind
        self.assertEqual((done.returncode, done.stdout), (2, ""))

    def test_C5_a_root_that_is_not_sent_is_pinned_by_the_verified_path(self):
        with Lab([]) as lab:
            words = ["--no-system-roots", "--cacert", lab.file("root"), "--connect-to", lab.address(), HOST]
            self.assertEqual(run("check", "--pin", lab.pin("root"), *words).returncode, 0)
            served = subprocess.run(["openssl", "s_client", "-connect", lab.address(), "-showcerts"], input="",
                                    capture_output=True, text=True, timeout=60, check=False).stdout
            self.assertEqual(served.count("BEGIN CERTIFICATE"), 2)
            self.assertIn(lab.pin("root"), run("pins", *words).stdout)

    def test_C6_the_profile_decides_how_many_pins_are_enough(self):
        path = self.policy(*PINS[:2])
        found = {profile: self.codes(path, "--profile", profile).get("few_pins")
                 for profile in ("standard", "internal", "strict")}
        self.assertEqual(found, {"standard": "warning", "internal": "info", "strict": "error"})

    def test_C7_an_expiry_opens_nothing_unless_somebody_wrote_so(self):
        nsc = self.write("nsc.xml", '<network-security-config><domain-config><domain>a.example</domain><pin-set '
                                    f'expiration="2027-06-30"><pin digest="SHA-256">{PINS[0]}</pin></pin-set>'
                                    "</domain-config></network-security-config>")
        done = run("import", nsc)
        self.assertIn('on_expiry = "pki"', done.stdout)
        self.assertIn("from then on the host is not pinned at all", done.stderr)
        dates = "expires = 2027-06-30\n"
        self.assertNotIn("pki_on_expiry", self.codes(self.policy(*PINS, rule=dates)))
        self.assertEqual(self.codes(self.policy(*PINS, rule=dates + 'on_expiry = "pki"\n'))["pki_on_expiry"], "error")

    def test_C8_the_dart_export_pins_in_the_connection(self):
        text = run("export", "--to", "dart", self.policy(*PINS)).stdout
        self.assertIn("connectionFactory", text)
        self.assertEqual(text.count("badCertificateCallback = ((_, __, ___) => false)"), text.count("badCertificateCallback"))

    def test_C9_a_pin_that_is_none_is_no_mismatch(self):
        path = self.policy("wrong-pin-on-purpose", PINS[0])
        for words in (["check", "--policy", path, HOST], ["check", "--pin", "wrong-pin-on-purpose", HOST]):
            done = run(*words)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertNotIn("bad ssl pin detected", done.stderr)
        self.assertIn("pin_malformed", self.codes(path))

    def test_C11_lead_times_shrink_with_the_life_of_the_key(self):
        # 51 days are late for a key that lives a year, and early for one that lives 70 days.
        expires = "expires = 2027-01-10\n"
        self.assertEqual(self.codes(self.policy(*PINS, rule="updated = 2026-01-10\n" + expires))["expiry_soon"], "error")
        self.assertNotIn("expiry_soon", self.codes(self.policy(*PINS, rule="updated = 2026-11-01\n" + expires)))


if __name__ == "__main__":
    unittest.main()
