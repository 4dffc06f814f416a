# SPDX-License-Identifier: Apache-2.0
"""Keys that stay inside a token: SoftHSM makes and keeps them, and OpenSSL and python-cryptography say what was signed."""

import hashlib
import json
import os
import subprocess
import sys
import unittest

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from securesystemslib.formats import encode_canonical

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from repository_case import COTTER, PASSPHRASE, RepositoryCase  # noqa: E402

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "8642-vier"


# Asks the module by its C interface, as any other program would (PKCS #11 2.40).
ASK = """
import ctypes, sys
lib, pin = ctypes.CDLL(sys.argv[1]), sys.argv[2].encode()
long = ctypes.c_ulong
class Attribute(ctypes.Structure):
    _fields_ = [("type", long), ("value", ctypes.c_void_p), ("size", long)]
def attribute(kind, buffer):
    return Attribute(kind, ctypes.cast(buffer, ctypes.c_void_p), ctypes.sizeof(buffer))
def must(code):
    if code != 0: sys.exit(f"code {code:#x}")
must(lib.C_Initialize(None))
slots, count = (long * 8)(), long(8)
must(lib.C_GetSlotList(ctypes.c_ubyte(1), slots, ctypes.byref(count)))
session = long()
must(lib.C_OpenSession(slots[0], long(4), None, None, ctypes.byref(session)))
must(lib.C_Login(session, long(1), pin, long(len(pin))))
kind = (long * 1)(3)
must(lib.C_FindObjectsInit(session, ctypes.byref(attribute(0, kind)), long(1)))
found, count = (long * 8)(), long()
must(lib.C_FindObjects(session, found, long(8), ctypes.byref(count)))
must(lib.C_FindObjectsFinal(session))
print(f"{count.value} private keys")
for key in found[:count.value]:
    words = []
    for name, number in (("sensitive", 0x103), ("extractable", 0x162), ("never_extractable", 0x164), ("local", 0x163)):
        flag = (ctypes.c_ubyte * 1)()
        must(lib.C_GetAttributeValue(session, long(key), ctypes.byref(attribute(number, flag)), long(1)))
        words.append(f"{name}={flag[0]}")
    value = (ctypes.c_ubyte * 64)()
    code = lib.C_GetAttributeValue(session, long(key), ctypes.byref(attribute(0x11, value)), long(1))
    print(*words, f"value={code:#x}")
must(lib.C_Finalize(None))
"""


class Tokens(RepositoryCase):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("tokens"))
        config = self.path("softhsm2.conf", f"directories.tokendir = {self.path('tokens')}\nobjectstore.backend = file\n")
        os.environ["SOFTHSM2_CONF"] = config
        self.addCleanup(os.environ.pop, "SOFTHSM2_CONF")
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "release keys", "--so-pin", "1357-acht", "--pin", PIN],
                       check=True, capture_output=True, timeout=60)

    def token(self, *words, status=0, pin=PIN, module=MODULE, under=()):
        reader, writer = os.pipe()
        os.write(writer, pin.encode() + b"\n")
        os.close(writer)
        try:
            done = subprocess.run([*under, COTTER, *words, *(["--module", module] if module else []), "--passphrase-fd", str(reader)],
                                  timeout=60, pass_fds=[reader], capture_output=True, text=True, check=False)
        finally:
            os.close(reader)
        self.assertEqual(done.returncode, status, f"{words}: {done.stderr}{done.stdout}")
        self.assertNotIn(pin, done.stdout + done.stderr)
        return done.stdout if status == 0 else done.stderr

    @staticmethod
    def uri(name="", token="release%20keys"):
        return f"pkcs11:token={token}" + (f";object={name}" if name else "")

    def test_S3_17_a_release_is_signed_by_a_key_that_cannot_leave_its_token(self):
        made = json.loads(self.token("key", "generate", self.uri("bob"), "--json"))
        self.assertEqual([made["name"], made["type"]], ["bob", "p256"])
        public = json.loads(self.token("key", "export", self.uri("bob")))
        self.assertEqual(hashlib.sha256(encode_canonical(public).encode()).hexdigest(), made["keyid"])
        inside = self.path("inside.pub", json.dumps(public))
        roles = [word for role in ("root", "targets") for file in (self.pub("alice"), inside, self.pub("carol"))
                 for word in (f"--{role}-key", file)]
        self.repo("init", *roles, "--root-threshold", "2", "--targets-threshold", "2", "--online-key", self.pub("online"))
        # One signer is away for a day: what was signed waits, and what is there already is enough when the next one comes.
        self.assertIn("signed targets 1", self.token("repo", "sign", self.uri("bob"), "--repo", self.repo_folder))
        self.assertEqual(self.published(), [])
        later = ["faketime", "-f", "+25h"]
        self.repo("sign", "carol", under=later)
        self.repo("sign", "online", under=later)
        self.repo("verify", under=later)
        keys = self.metadata("1.root")["signed"]["keys"]
        for name in ("1.root", "1.targets"):
            file = self.metadata(name)
            signature = next(one for one in file["signatures"] if one["keyid"] == made["keyid"])
            serialization.load_pem_public_key(keys[made["keyid"]]["keyval"]["public"].encode()).verify(
                bytes.fromhex(signature["sig"]), encode_canonical(file["signed"]).encode(), ec.ECDSA(hashes.SHA256()))

    def test_S3_17_a_signer_elsewhere_signs_a_request_in_the_token(self):
        self.token("key", "generate", self.uri("bob"))
        inside = self.path("inside.pub", self.token("key", "export", self.uri("bob")))
        self.repo("init", "--root-key", inside, "--targets-key", inside, "--online-key", self.pub("online"))
        request, signature = self.path("request.json"), self.path("signature.json")
        for role in ("root", "targets"):
            self.repo("request", role, "-o", request)
            self.token("repo", "sign", self.uri("bob"), "--request", request, "-o", signature)
            self.repo("sign", "--add", signature)
        self.sign("online")
        self.assertEqual(self.repo("verify"), "verified\n")

    def test_S2_16_a_servers_next_key_its_pin_and_request_come_from_the_token(self):
        self.token("key", "generate", self.uri("api-2027"))
        pin = self.token("key", "pin", self.uri("api-2027")).strip()
        pem = self.token("key", "csr", self.uri("api-2027"), "--host", "api.example.com")
        request = x509.load_pem_x509_csr(pem.encode())
        self.assertTrue(request.is_signature_valid)
        subprocess.run(["openssl", "req", "-verify", "-noout"], input=pem.encode(), check=True, capture_output=True)
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), ["api.example.com"])
        shown = subprocess.run([COTTER, "pins", "-"], input=pem, capture_output=True, text=True, check=True).stdout
        self.assertIn(pin, shown)

    def test_keys_are_listed_and_none_is_made_twice_or_taken_out(self):
        self.token("key", "generate", self.uri("b"))
        self.token("key", "generate", self.uri("a"))
        names = [key["name"] for key in json.loads(self.token("key", "list", self.uri(), "--json"))["keys"]]
        self.assertEqual(names, ["a", "b"])
        self.assertIn("already", self.token("key", "generate", self.uri("a"), status=2))
        self.assertIn("p256", self.token("key", "generate", self.uri("c"), "--type", "ed25519", status=2))
        # The token itself says so: sensitive, never extractable, made inside; and it does not give the value out.
        done = subprocess.run([sys.executable, "-c", ASK, MODULE, PIN], capture_output=True, text=True, timeout=60, check=True)
        self.assertEqual(done.stdout, "2 private keys\n" + "sensitive=1 extractable=0 never_extractable=1 local=1 value=0x11\n" * 2)

    def test_what_goes_wrong_says_what_to_do(self):
        self.token("key", "generate", self.uri("bob"))
        for words, fields, mentions in (
                (self.uri("bob"), {"module": None}, "--module"),
                (self.uri("bob"), {"module": "/nonexistent.so"}, "cannot be loaded"),
                (self.uri("bob"), {"module": "/usr/lib/x86_64-linux-gnu/libcrypto.so.3"}, "no PKCS #11 module"),
                (self.uri("bob", "other"), {}, "there is release keys"),
                (self.uri("carol"), {}, "no P-256 key carol"),
                (self.uri("bob"), {"pin": "0000-null"}, "PIN")):
            self.assertIn(mentions, self.token("key", "pin", words, status=2 if "--module" in mentions else 3, **fields), words)
        for bad in ("pkcs11:", "pkcs11:object=bob", "pkcs11:token=a;object", "pkcs11:token=%zz", "pkcs11:token=a;slot-id=1",
                    f"pkcs11:token=a;object=b?pin-value={PASSPHRASE}", "pkcs11:token=a;object=b?pin-source=/etc/pin"):
            self.assertIn("pkcs11", self.token("key", "pin", bad, status=2))
        self.assertIn("a PIN is not taken", self.token("key", "pin", "pkcs11:token=a;object=b?pin-value=1", status=2))

    def test_the_module_may_stand_in_the_uri(self):
        uri = f"{self.uri('bob')}?module-path={MODULE}"
        self.token("key", "generate", uri, module=None)
        self.assertRegex(self.token("key", "pin", uri, module=None), r"^sha256/.{44}\n$")


unittest.main()
