#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the certificates of the cases in this folder with python-cryptography, which shares no code with cotter's
verifier. Usage: make_certificates.py FOLDER. Writes NAME.pem for each certificate and NAME.pin, the SHA-256 of its
SubjectPublicKeyInfo, computed here. Names say who signed: inter_a is the intermediate's certificate from root A."""
import base64
import datetime
import hashlib
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

START = datetime.datetime(2026, 1, 1)
END = datetime.datetime(2030, 1, 1)
PAST = datetime.datetime(2026, 3, 1)
HOST = "api.example.test"

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
serial = iter(range(1000, 10000))


class Entity:
    """A name and a key; it may have many certificates."""

    def __init__(self, name, curve=None):
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
        self.key = ec.generate_private_key(curve or ec.SECP256R1())


def write(name, certificate):
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    spki = certificate.public_key().public_bytes(serialization.Encoding.DER,
                                                 serialization.PublicFormat.SubjectPublicKeyInfo)
    pin = base64.b64encode(hashlib.sha256(spki).digest()).decode()
    (folder / f"{name}.pin").write_text("sha256/" + pin)
    der = certificate.public_bytes(serialization.Encoding.DER)
    (folder / f"{name}.certpin").write_text("sha256/" + base64.b64encode(hashlib.sha256(der).digest()).decode())


def issue(name, subject, issuer, *, ca=None, signer=None, start=START, end=END, names=(HOST,), extra=(), usage=None,
          bc_critical=True, path_length=None, akid=True, permitted=None, signature=hashes.SHA256()):
    """Writes one certificate. `ca` None: a server's; True: a CA's; "missing": a CA without basicConstraints. `signer`:
    whose key really signs, for forgeries."""
    signer = signer or issuer
    builder = (x509.CertificateBuilder().subject_name(subject.name).issuer_name(issuer.name)
               .public_key(subject.key.public_key()).serial_number(next(serial))
               .not_valid_before(start).not_valid_after(end))
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(subject.key.public_key()), False)
    if akid:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False)
    if ca is True:
        builder = builder.add_extension(x509.BasicConstraints(True, path_length), bc_critical)
    if ca:
        builder = builder.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
    else:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]),
                                        not list(subject.name))
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([usage or ExtendedKeyUsageOID.SERVER_AUTH]), False)
    if permitted:
        builder = builder.add_extension(x509.NameConstraints([x509.DNSName(n) for n in permitted], None), True)
    for extension, critical in extra:
        builder = builder.add_extension(extension, critical)
    certificate = builder.sign(signer.key, signature)
    write(name, certificate)
    return certificate


# Two public CAs, an intermediate that both signed, and a cross-sign of one root by the other.
root_a, root_b = Entity("Root A"), Entity("Root B")
inter, leaf = Entity("Intermediate"), Entity("api")
issue("root_a", root_a, root_a, ca=True)
issue("root_b", root_b, root_b, ca=True)
issue("root_a_by_b", root_a, root_b, ca=True)
issue("inter_a", inter, root_a, ca=True)
issue("inter_b", inter, root_b, ca=True)
issue("inter_b_expired", inter, root_b, ca=True, end=PAST)
issue("leaf", leaf, inter)
renewed = issue("leaf_renewed", leaf, inter)
issue("leaf_rekeyed", Entity("api"), inter)
issue("leaf_expired", leaf, inter, end=PAST)
issue("leaf_early", leaf, inter, start=datetime.datetime(2029, 1, 1))
issue("leaf_elsewhere", leaf, inter, names=("other.example.test",))
issue("leaf_client", leaf, inter, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
issue("leaf_sha1", leaf, inter, signature=hashes.SHA1())
issue("leaf_unknown_critical", leaf, inter,
      extra=[(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55738.1"), b"\x05\x00"), True)])
issue("leaf_wildcard", leaf, inter, names=("*.example.test",))
issue("leaf_partial_wildcard", leaf, inter, names=("a*.example.test",))

# Interception: a CA that this machine trusts as well, and forgeries of the genuine chain.
rogue_root, rogue_inter, rogue_leaf = Entity("Rogue Root"), Entity("Rogue Intermediate"), Entity("api")
issue("rogue_root", rogue_root, rogue_root, ca=True)
issue("rogue_inter", rogue_inter, rogue_root, ca=True)
issue("rogue_leaf", rogue_leaf, rogue_inter)
issue("forged_leaf", rogue_leaf, inter, signer=rogue_leaf)
issue("forged_same_key", leaf, inter, signer=rogue_leaf)
twin_inter = Entity("Intermediate")
issue("twin_inter", twin_inter, rogue_root, ca=True, akid=False)

# CAs that are none, or not for this.
issue("leaf_as_ca", Entity("below"), leaf)
no_basic = Entity("No Basic")
issue("inter_no_basic", no_basic, root_a, ca="missing")
issue("leaf_no_basic", leaf, no_basic)
plain_basic = Entity("Plain Basic")
issue("inter_plain_basic", plain_basic, root_a, ca=True, bc_critical=False, akid=False)
issue("leaf_plain_basic", leaf, plain_basic, akid=False)
short = Entity("Short")
issue("inter_short", short, root_a, ca=True, path_length=0)
issue("inter_by_short", inter, short, ca=True)
named = Entity("Named")
issue("inter_named", named, root_a, ca=True, permitted=["example.org"])
issue("leaf_named", leaf, named)
issue("self_signed", leaf, leaf)
empty = Entity("")
issue("leaf_empty_subject", empty, inter)

# A mesh: each layer is two CAs, each with a certificate from either CA above it. N layers make 2^N paths.
def mesh(prefix, layers):
    above = [root_a, root_b]
    for layer in range(layers):
        pair = [Entity(f"{prefix} {layer} left"), Entity(f"{prefix} {layer} right")]
        for i, ca in enumerate(pair):
            for k, parent in enumerate(above):
                issue(f"{prefix}_{layer}_{i}{k}", ca, parent, ca=True)
        above = pair
    issue(f"{prefix}_leaf", leaf, above[0])


mesh("mesh3", 3)
mesh("mesh5", 5)


# A ladder: three CAs, one below the other, each with five certificates. 15 certificates make 125 paths.
def ladder():
    above = root_a
    for rung in range(3):
        ca = Entity(f"Rung {rung}")
        for copy in range(5):
            issue(f"ladder_{rung}_{copy}", ca, above, ca=True)
        above = ca
    issue("ladder_leaf", leaf, above)


ladder()
# Padding that leads nowhere: the genuine intermediate's name on other keys, signed by nobody known.
for i in range(13):
    stranger = Entity("Intermediate")
    issue(f"padding_{i}", stranger, Entity("Root A"), ca=True, akid=False)
issue("leaf_no_akid", leaf, inter, akid=False)
