# SPDX-License-Identifier: Apache-2.0
"""A root, an intermediate and leaves with RSA and EC keys, made by python-cryptography, with pins by the openssl program:
nothing here is cotter's own work."""
import base64
import datetime
import hashlib
import ipaddress
import os
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOST = "api.example.com"


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _key(kind):
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())


class Pki:
    """Files in `directory`, readable by the daemons of the tests: root.pem, and for each leaf of LEAVES NAME.pem, NAME.key
    and NAME.chain.pem (leaf and intermediate)."""

    LEAVES = {"rsa": "rsa", "ec": "ec", "ed25519": "ed25519", "other-ec": "ec"}

    def __init__(self, directory):
        self.dir = directory
        now = datetime.datetime.utcnow()
        self._dates = (now - datetime.timedelta(hours=1), now + datetime.timedelta(days=30))
        root_key, sub_key = _key("ec"), _key("rsa")
        root = self._certificate("Root", root_key, "Root", root_key, ca=True)
        sub = self._certificate("Intermediate", sub_key, "Root", root_key, ca=True)
        self._write("root.pem", root)
        self._write("intermediate.pem", sub)
        for name, kind in self.LEAVES.items():
            key = _key(kind)
            leaf = self._certificate(HOST, key, "Intermediate", sub_key, ca=False)
            self._write(name + ".pem", leaf)
            self._write(name + ".chain.pem", leaf + sub)
            self._write(name + ".key", key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))

    def _certificate(self, subject, key, issuer, issuer_key, ca):
        builder = (x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer))
                   .public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(self._dates[0]).not_valid_after(self._dates[1])
                   .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
        if ca:
            builder = builder.add_extension(x509.KeyUsage(
                digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
                key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False),
                critical=True)
        else:
            addresses = [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]
            names = [x509.DNSName(HOST), x509.DNSName("localhost"), *addresses]
            builder = (builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
                       .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False))
        return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _write(self, name, content):
        with open(self.file(name), "wb") as out:
            out.write(content)

    def file(self, name):
        return os.path.join(self.dir, name)

    def pin(self, name):
        """sha256/... by the openssl program."""
        public = subprocess.run(["openssl", "x509", "-in", self.file(name + ".pem"), "-noout", "-pubkey"],
                                check=True, capture_output=True).stdout
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=public,
                             check=True, capture_output=True).stdout
        return "sha256/" + base64.b64encode(hashlib.sha256(der).digest()).decode()
