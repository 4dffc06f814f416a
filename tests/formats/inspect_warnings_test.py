# SPDX-License-Identifier: Apache-2.0
"""S0-23: the warnings of `cotter inspect`, and that hostile certificates are shown safely. python-cryptography and
openssl make the certificates."""

import datetime
import json
import os
import subprocess
import tempfile
import unittest

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
SECOND = datetime.timedelta(seconds=1)
NOW = datetime.datetime.utcnow().replace(microsecond=0)
KEY = ec.generate_private_key(ec.SECP256R1())
CA_KEY = ec.generate_private_key(ec.SECP256R1())
SAN = (x509.SubjectAlternativeName([x509.DNSName("a.example.com")]), False)
CA = (x509.BasicConstraints(True, None), True)


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def make(*extensions, start=NOW - DAY, end=NOW + 30 * DAY, public=KEY.public_key(), issuer="issuer", signer=CA_KEY,
         digest=hashes.SHA256(), subject="subject"):
    builder = x509.CertificateBuilder(name(issuer), name(subject), public, 7, start, end)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, digest).public_bytes(serialization.Encoding.DER)


def run(der, *words):
    return subprocess.run([os.environ["COTTER_BIN"], "inspect", *words, "-"], input=der, capture_output=True, timeout=30,
                          check=False)


def inspect(der):
    done = run(der, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["certificates"][0]


def warnings(der):
    return [warning["warning"] for warning in inspect(der)["warnings"]]


def patch(der, old, new):
    """`der` with `old`, which is there once, replaced by as many bytes. Its signature no longer verifies."""
    assert der.count(old) == 1 and len(old) == len(new)
    return der.replace(old, new)


class Warnings(unittest.TestCase):
    def test_sound_certificates_have_none(self):
        self.assertEqual(warnings(make(SAN)), [])
        self.assertEqual(warnings(make(CA, end=NOW + 4000 * DAY)), [])

    def test_dates(self):
        self.assertEqual(warnings(make(SAN, start=NOW - 20 * DAY, end=NOW - SECOND)), ["expired"])
        self.assertEqual(warnings(make(SAN, start=NOW + DAY, end=NOW + 2 * DAY)), ["not_yet_valid"])
        broken = patch(make(SAN, end=datetime.datetime(2049, 12, 31), start=datetime.datetime(2049, 12, 1)),
                       b"491231000000Z", b"499931000000Z")
        self.assertEqual(warnings(broken), ["broken_date"])
        self.assertEqual(inspect(broken)["validity"]["not_after_raw"], "499931000000Z")
        self.assertIsNone(inspect(broken)["validity"]["not_after"])

    def test_days_left_are_whole_days(self):
        self.assertEqual(inspect(make(SAN, end=NOW + 30 * DAY + DAY / 2))["validity"]["days_left"], 30)
        self.assertEqual(inspect(make(SAN, start=NOW - 9 * DAY, end=NOW - DAY / 2))["validity"]["days_left"], -1)

    # CA/Browser Forum, TLS Baseline Requirements, 6.3.2. A life includes its last second.
    def test_over_long_life_for_its_date(self):
        limits = [((2018, 2, 28), None), ((2018, 3, 1), 825), ((2020, 8, 31), 825), ((2020, 9, 1), 398), ((2026, 3, 14), 398),
                  ((2026, 3, 15), 200), ((2027, 3, 14), 200), ((2027, 3, 15), 100), ((2029, 3, 14), 100), ((2029, 3, 15), 47)]
        for date, days in limits:
            start = datetime.datetime(*date)
            longest = start + (days or 5000) * DAY - SECOND
            self.assertNotIn("over_long_validity", warnings(make(SAN, start=start, end=longest)), date)
            if days:
                self.assertIn("over_long_validity", warnings(make(SAN, start=start, end=longest + SECOND)), date)
        # It is a rule for servers.
        client = (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
        self.assertEqual(warnings(make(client, end=NOW + 4000 * DAY)), [])

    def test_weak_keys_and_signatures(self):
        weak = rsa.generate_private_key(65537, 1024)
        self.assertEqual(warnings(make(SAN, public=weak.public_key())), ["weak_key"])
        small = dsa.generate_private_key(1024)
        self.assertEqual(warnings(make(SAN, public=small.public_key())), ["weak_key"])
        self.assertEqual(warnings(make(SAN, digest=hashes.SHA1())), ["weak_signature"])
        # A self-signed certificate's signature protects nothing.
        self.assertEqual(warnings(make(CA, subject="root", issuer="root", signer=KEY, digest=hashes.SHA1())), [])

    def test_names(self):
        self.assertEqual(warnings(make()), ["no_subject_alt_name"])
        constraints = x509.NameConstraints([x509.DNSName("example.com")], None)
        self.assertEqual(warnings(make(CA, (constraints, True))), ["name_constraints"])

    def test_extensions(self):
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x05\x00")
        self.assertEqual(warnings(make(SAN, (unknown, True))), ["unknown_critical_extension"])
        self.assertEqual(warnings(make(SAN, (unknown, False))), [])
        shown = inspect(make(SAN, (unknown, True)))["extensions"][1]
        self.assertEqual(shown, {"oid": "1.3.6.1.4.1.55555.1", "name": None, "critical": True, "state": "unknown",
                                 "value": None, "hex": "0500"})
        # Two names that differ in their last octet become one.
        other = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.2"), b"\x05\x00")
        twice = make(SAN, (unknown, False), (other, False))
        oid = bytes.fromhex("060a2b0601040183b20302")
        oid = next(twice[i:i + 12] for i in range(len(twice)) if twice[i:i + 7] == b"\x06\x09\x2b\x06\x01\x04\x01"
                   and twice[i + 10:i + 11] == b"\x02") if twice.count(oid) != 1 else oid
        self.assertEqual(warnings(patch(twice, oid[:11], oid[:10] + b"\x01")), ["duplicate_extension"])

    def test_broken_extensions_are_shown_raw(self):
        san = bytes.fromhex("300f820d") + b"a.example.com"
        broken = patch(make(SAN), san, bytes.fromhex("300f82ff") + b"a.example.com")
        self.assertEqual(warnings(broken), ["no_subject_alt_name", "broken_extension"])
        shown = inspect(broken)["extensions"][0]
        self.assertEqual([shown["name"], shown["state"], shown["value"], shown["hex"]],
                         ["subject_alt_name", "broken", None, "300f82ff" + b"a.example.com".hex()])
        self.assertIn(b"does not decode", run(broken).stdout)

    def test_serial_numbers(self):
        for octet, serial in ((b"\x00", "00"), (b"\x80", "-80"), (b"\xff", "-01")):
            der = patch(make(SAN), bytes.fromhex("a003020102020107"), bytes.fromhex("a0030201020201") + octet)
            self.assertEqual(warnings(der), ["serial_not_positive"])
            self.assertEqual(inspect(der)["serial_number"], serial)

    def test_a_certificate_that_names_itself_but_did_not_sign_itself(self):
        self.assertEqual(warnings(make(CA, subject="same", issuer="same")), ["falsely_self_signed"])
        self.assertTrue(inspect(make(CA, subject="same", issuer="same", signer=KEY))["self_signed"])

    def test_explicit_curves(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "key.pem")
            subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-param_enc", "explicit", "-noout", "-out",
                            path], check=True)
            der = subprocess.run(["openssl", "req", "-x509", "-new", "-key", path, "-subj", "/CN=x", "-days", "30", "-outform",
                                  "der", "-addext", "subjectAltName=DNS:x"], check=True, capture_output=True).stdout
        self.assertIn("explicit_curve", warnings(der))


class Hostile(unittest.TestCase):
    def test_control_characters_in_names_never_reach_the_terminal(self):
        bad = "a\x1b[31m\nb\u202ec"
        der = make(SAN, subject=bad)
        text = run(der).stdout
        self.assertNotIn(b"\x1b", text)
        self.assertNotIn("\u202e".encode(), text)
        value = inspect(der)["subject"]["rdn_sequence"][0][0]["value"]
        self.assertEqual(value, bad)

    def test_nul_in_a_host_name_is_kept_and_shown(self):
        der = patch(make(SAN), bytes.fromhex("820d") + b"a.example.com", bytes.fromhex("820d") + b"a.exa\x00ple.com")
        self.assertEqual(inspect(der)["extensions"][0]["value"], [{"dns_name": "a.exa\0ple.com"}])
        self.assertIn(b"a.exa\\x00ple.com", run(der).stdout)

    def test_an_rsa_key_of_16384_bits(self):
        # Making such a key takes minutes; a modulus of that length needs no primes to be shown.
        numbers = rsa.RSAPublicNumbers(65537, (1 << 16383) + 12345678901)
        described = inspect(make(SAN, public=numbers.public_key()))["subject_public_key_info"]
        self.assertEqual([described["bits"], described["exponent"]], [16384, "010001"])

    def test_every_truncation_is_refused_without_output(self):
        der = make(SAN)
        for size in range(0, len(der), 7):
            done = run(der[:size])
            self.assertEqual([done.returncode, done.stdout], [2, b""], size)
            self.assertEqual(len(done.stderr.splitlines()), 2, done.stderr)


if __name__ == "__main__":
    unittest.main()
