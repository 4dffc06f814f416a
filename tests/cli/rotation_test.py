# SPDX-License-Identifier: Apache-2.0
"""A rotation as an operator rehearses it: which certificates a policy survives, told before they are deployed."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from lab import Lab  # noqa: E402

COTTER = os.environ["COTTER_BIN"]
HOST = "api.example.com"


def run(*words):
    return subprocess.run([COTTER, *words], capture_output=True, text=True, timeout=60, check=False)


def openssl_pin(*read_public_key):
    """The pin by the four-process pipeline that people know."""
    pem = subprocess.run(["openssl", *read_public_key], capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=pem, capture_output=True,
                         check=True).stdout
    digest = subprocess.run(["openssl", "dgst", "-sha256", "-binary"], input=der, capture_output=True,
                            check=True).stdout
    base64 = subprocess.run(["openssl", "base64"], input=digest, capture_output=True, check=True, text=False).stdout
    return "sha256/" + base64.decode().strip()


class Rotation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab([])
        cls.lab.__enter__()
        cls.folder = tempfile.TemporaryDirectory(prefix="cotter-rotation-")
        cls.policy = os.path.join(cls.folder.name, "policy.toml")
        with open(cls.policy, "w", encoding="utf-8") as file:
            file.write(f"""[policy]
name = "acme"
version = 3
[[host]]
pattern = "{HOST}"
pins = [
  {{ pin = "{cls.lab.pin("leaf")}", label = "2026 key" }},
  {{ pin = "{cls.lab.pin("backup")}", use = "backup", label = "in the safe" }},
]
""")

    @classmethod
    def tearDownClass(cls):
        cls.lab.__exit__()
        cls.folder.cleanup()

    def judge(self, name, *words):
        """The row of check --chain for the certificate called `name` under the genuine intermediate."""
        chain = os.path.join(self.folder.name, f"{name}.chain.pem")
        with open(chain, "w", encoding="utf-8") as file:
            for part in (name, "intermediate"):
                with open(self.lab.file(part), encoding="utf-8") as source:
                    file.write(source.read())
        done = run("check", "--json", "--policy", self.policy, "--chain", chain, "--no-system-roots",
                   "--cacert", self.lab.file("root"), *words, HOST)
        row = json.loads(done.stdout)["targets"][0]
        return row, done.returncode, done.stderr

    def test_S0_06_S0_07_the_same_key_in_a_new_certificate_survives(self):
        row, code, _ = self.judge("renewed")
        self.assertEqual((row["verdict"], row["code"], code), ("pinned_ok", None, 0))
        self.assertEqual(row["matched"], {"pin": self.lab.pin("leaf"), "place": "leaf", "index": 0})

    def added(self, name, host, *words):
        """What policy add says on standard error of the certificate called `name`."""
        policy = os.path.join(self.folder.name, "added.toml")
        with open(policy, "w", encoding="utf-8") as file:
            file.write(f'[policy]\nname = "p"\nversion = 1\n[[host]]\npattern = "{host}"\n'
                       f'pins = [{{ pin = "{self.lab.pin("backup")}" }}]\n')
        done = run("policy", "add", host, "--from-cert", self.lab.file(name), *words, "--policy", policy)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [line for line in done.stderr.splitlines() if "warning" in line]

    # A typing error here once pinned another server's key without a word.
    def test_S0_13_a_certificate_that_is_not_the_hosts_is_told_when_its_pin_is_added(self):
        for host in (HOST, "*.example.com", "**.example.com"):
            self.assertEqual(self.added("leaf", host), [], host)
        for name, host, words in (("wrong-host", HOST, "not for " + HOST), ("leaf", "shop.example.net", HOST),
                                  ("leaf", "*.example.net", "not for *.example.net")):
            told = self.added(name, host)
            self.assertEqual(len(told), 1, told)
            self.assertIn(words, told[0])

    def test_S0_13_a_pin_that_cannot_match_in_its_place_is_told_when_it_is_added(self):
        self.assertEqual(self.added("intermediate", HOST, "--place", "ca"), [])
        self.assertIn("no CA's", " ".join(self.added("leaf", HOST, "--place", "ca")))
        self.assertIn("is a CA's", " ".join(self.added("intermediate", HOST, "--place", "leaf")))

    def test_S0_07_S0_21_S2_08_the_backup_key_survives_and_is_told(self):
        row, code, _ = self.judge("backup")
        self.assertEqual((row["verdict"], row["code"], code), ("pinned_ok", "backup_pin_matched", 0))

    def test_S0_07_S0_13_a_key_that_no_pin_knows_is_told_before_it_is_deployed(self):
        row, code, _ = self.judge("leaf-rsa")
        self.assertEqual((row["verdict"], row["code"], code), ("pin_mismatch", "pin_mismatch", 1))

    def test_S0_04_a_mismatch_is_an_answer_of_its_own(self):
        codes = {name: self.judge(name)[0]["code"] for name in ("leaf-rsa", "expired", "wrong-host", "forged")}
        self.assertEqual(codes["leaf-rsa"], "pin_mismatch")
        self.assertEqual(codes["expired"], "cert_expired")
        self.assertEqual(codes["wrong-host"], "host_mismatch")
        self.assertNotEqual(codes["forged"], "pin_mismatch")
        self.assertEqual(len(set(codes.values())), 4)

    def test_S0_26_a_short_line_for_people_and_every_detail_in_the_json(self):
        row, _, err = self.judge("leaf-rsa")
        first = err.splitlines()[0]
        self.assertTrue(first.startswith(f"cotter: error: {HOST}:443: bad ssl pin detected"), err)
        self.assertEqual(row["found"], [self.lab.pin(name) for name in ("leaf-rsa", "intermediate", "root")])
        self.assertEqual(row["policy"], {"name": "acme", "version": 3})

    def test_S1_40_pins_of_a_key_before_its_certificate_exists(self):
        csr, public, key = self.lab.file("leaf", "csr"), self.lab.file("leaf", "pub"), self.lab.file("leaf", "key")
        wanted = {
            csr: openssl_pin("req", "-in", csr, "-pubkey", "-noout"),
            public: openssl_pin("pkey", "-pubin", "-in", public),
            key: openssl_pin("pkey", "-in", key, "-pubout"),
            self.lab.file("leaf"): openssl_pin("x509", "-in", self.lab.file("leaf"), "-pubkey", "-noout"),
        }
        self.assertEqual(len(set(wanted.values())), 1)
        for file, pin in wanted.items():
            done = run("pins", "--bare", file)
            self.assertEqual((done.stdout, done.returncode), (pin.removeprefix("sha256/") + "\n", 0), done.stderr)


if __name__ == "__main__":
    unittest.main()
