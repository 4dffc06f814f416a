# SPDX-License-Identifier: Apache-2.0
"""cotter key: what it writes, OpenSSL and python-cryptography read; and no private key goes anywhere else."""

import base64
import hashlib
import json
import os
import pty
import shutil
import subprocess
import tempfile
import unittest

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from securesystemslib.formats import encode_canonical

COTTER = os.environ["COTTER_BIN"]
PASSPHRASE = "correct horse battery"


class Keys(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cotter-key-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.keys = os.path.join(self.folder, "keys")

    def key(self, *words, passphrase=PASSPHRASE, status=0):
        reader, writer = os.pipe()
        os.write(writer, passphrase.encode() + b"\n")
        os.close(writer)
        try:
            done = subprocess.run([COTTER, "key", *words, "--keys", self.keys, "--passphrase-fd", str(reader)], timeout=60,
                                  pass_fds=[reader], capture_output=True, text=True, check=False)
        finally:
            os.close(reader)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertNotIn("PRIVATE", done.stdout)
        self.said = done.stderr
        return done.stdout if status == 0 else done.stderr

    def read(self, name):
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read()

    def test_a_key_is_encrypted_pkcs8_under_scrypt_that_others_open(self):
        for kind, expected in (("ed25519", ed25519.Ed25519PrivateKey), ("p256", ec.EllipticCurvePrivateKey)):
            self.key("generate", kind, "--type", kind)
            pem = self.read(f"keys/{kind}.key")
            private = serialization.load_pem_private_key(pem, PASSPHRASE.encode())
            self.assertIsInstance(private, expected)
            shown = subprocess.run(["openssl", "asn1parse"], input=pem, capture_output=True, check=True).stdout.decode()
            self.assertRegex(shown, r":scrypt\n(.*\n){2}.*:4000\n.*:08\n.*:05\n.*\n.*:aes-256-cbc")
            self.assertEqual(os.stat(os.path.join(self.keys, f"{kind}.key")).st_mode & 0o777, 0o600)
            public = json.loads(self.read(f"keys/{kind}.pub"))
            keyid = hashlib.sha256(encode_canonical(public).encode()).hexdigest()
            self.assertIn(f"{keyid}  {kind}  {kind}\n", self.key("list"))
            self.assertEqual(json.loads(self.key("export", kind)), public)

    def test_a_wrong_or_short_passphrase_opens_and_makes_nothing(self):
        self.assertIn("12 characters", self.key("generate", "short", passphrase="hunter2", status=2))
        self.assertEqual(os.path.exists(self.keys), False)
        self.key("generate", "alice")
        self.assertIn("does not open", self.key("csr", "alice", "--host", "a.example", passphrase="wrong" * 4, status=2))

    def test_no_key_is_written_over(self):
        self.key("generate", "alice")
        before = self.read("keys/alice.key")
        self.assertIn("there already", self.key("generate", "alice", status=2))
        self.assertEqual(self.read("keys/alice.key"), before)
        for name in ("../evil", ".hidden", "a/b", ""):
            self.key("generate", name, status=2)

    def test_S2_16_the_next_key_has_a_pin_and_a_request_before_it_is_used(self):
        self.key("generate", "next", "--type", "p256")
        request = x509.load_pem_x509_csr(
            self.key("csr", "next", "--host", "api.example.com", "--host", "www.example.com").encode())
        self.assertTrue(request.is_signature_valid)
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), ["api.example.com", "www.example.com"])
        spki = request.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        pin = "sha256/" + base64.b64encode(hashlib.sha256(spki).digest()).decode()
        self.assertEqual(self.key("pin", "next"), pin + "\n")
        private = serialization.load_pem_private_key(self.read("keys/next.key"), PASSPHRASE.encode())
        self.assertEqual(private.public_key().public_bytes(serialization.Encoding.DER,
                                                           serialization.PublicFormat.SubjectPublicKeyInfo), spki)
        self.key("csr", "next", "--host", "not a host", status=2)
        self.key("csr", "next", status=2)

    def test_S3_33_a_backup_is_proven_restored_and_drilled_and_each_leaves_a_record(self):
        backup = os.path.join(self.folder, "safe.key")
        self.key("generate", "alice")
        self.key("backup", "alice", backup)
        self.key("drill", "alice", backup)
        self.assertEqual(self.said, f"cotter: {backup} opens, and signs as alice; recorded in drills.jsonl\n")
        keyid = json.loads(self.key("list", "--json"))["keys"][0]["keyid"]
        self.assertIn("there already", self.key("backup", "alice", backup, status=2))
        shutil.move(os.path.join(self.keys, "alice.key"), os.path.join(self.folder, "lost"))
        os.remove(os.path.join(self.keys, "alice.pub"))
        self.key("restore", "alice", backup)
        self.assertEqual(json.loads(self.key("list", "--json"))["keys"][0]["keyid"], keyid)
        self.key("generate", "bob")
        self.assertIn("another key", self.key("drill", "bob", backup, status=1))
        with open(backup, "r+b") as file:
            file.seek(200)
            file.write(b"A")
        self.key("drill", "alice", backup, passphrase="wrong" * 4, status=2)
        records = [json.loads(line) for line in self.read("keys/drills.jsonl").splitlines()]
        self.assertEqual([(one["event"], one["key"], one["keyid"]) for one in records],
                         [("backup", "alice", keyid), ("restore_drill", "alice", keyid), ("restore", "alice", keyid)])
        self.assertRegex(records[0]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_a_passphrase_comes_from_a_credential_or_the_terminal_and_is_not_shown(self):
        with open(os.path.join(self.folder, "signing"), "w", encoding="ascii") as file:
            file.write(PASSPHRASE + "\n")
        command = [COTTER, "key", "generate", "alice", "--keys", self.keys]
        environment = {**os.environ, "CREDENTIALS_DIRECTORY": self.folder}
        done = subprocess.run([*command, "--passphrase-credential", "signing"], timeout=60, check=False, capture_output=True,
                              text=True, env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        serialization.load_pem_private_key(self.read("keys/alice.key"), PASSPHRASE.encode())
        for name in ("../signing", "none"):
            done = subprocess.run([*command, "--passphrase-credential", name], timeout=60, check=False, capture_output=True,
                                  env=environment)
            self.assertEqual(done.returncode, 2)
        child, terminal = pty.fork()
        if child == 0:
            os.execv(COTTER, [COTTER, "key", "pin", "alice", "--keys", self.keys])
        os.waitpid(child, 0)
        child, terminal = pty.fork()
        if child == 0:
            os.execv(COTTER, [COTTER, "key", "generate", "bob", "--keys", self.keys])
        seen = b""
        for answer in (PASSPHRASE, PASSPHRASE):
            asked = seen.count(b": ")
            while seen.count(b": ") == asked:
                seen += os.read(terminal, 1024)
            os.write(terminal, answer.encode() + b"\n")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0)
        self.assertNotIn(PASSPHRASE.encode(), seen)
        serialization.load_pem_private_key(self.read("keys/bob.key"), PASSPHRASE.encode())


unittest.main()
