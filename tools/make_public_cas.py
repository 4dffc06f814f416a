#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes data/public_cas.txt from the roots that Debian's ca-certificates ships: make_public_cas.py [FOLDER] >FILE."""

import base64
import hashlib
import pathlib
import sys
import unicodedata
import warnings

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

# From when on Chrome or Mozilla take no new certificates of these CAs, and where they said so.
CHROME_2024 = "https://security.googleblog.com/2024/06/sustaining-digital-certificate-security.html"
CHROME_2025 = (
    "https://security.googleblog.com/2025/05/sustaining-digital-certificate-security-chrome-root-store-changes.html"
)
MOZILLA_2022 = "https://groups.google.com/a/mozilla.org/g/dev-security-policy/c/oxX69KFvsm4"
LEAVING = {
    "Entrust": ("2024-11-12", CHROME_2024),
    "AffirmTrust": ("2024-11-12", CHROME_2024),
    "ePKI": ("2025-08-01", CHROME_2025),
    "HiPKI": ("2025-08-01", CHROME_2025),
    "NetLock": ("2025-08-01", CHROME_2025),
    "TrustCor": ("2022-12-01", MOZILLA_2022),
}


def element(data, offset):
    """The content's begin and end of the DER element at `offset`."""
    length, head = data[offset + 1], 2
    if length & 0x80:
        count = length & 0x7F
        length, head = int.from_bytes(data[offset + 2 : offset + 2 + count], "big"), 2 + count
    return offset + head, offset + head + length


def spki(der):
    """The SubjectPublicKeyInfo as it stands in the certificate."""
    at, _ = element(der, element(der, 0)[0])
    if der[at] == 0xA0:
        at = element(der, at)[1]
    for _ in range(5):
        at = element(der, at)[1]
    return der[at : element(der, at)[1]]


def main():
    warnings.filterwarnings("ignore")
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/ca-certificates/mozilla")
    print("# Public roots: SPKI digest, end of the certificate, day from which root programs take no new certificates of it")
    print("# (or -), name. Made by tools/make_public_cas.py from Debian's ca-certificates. Sources of the third column:")
    for source in dict.fromkeys(source for _, source in LEAVING.values()):
        names = ", ".join(name for name, entry in LEAVING.items() if entry[1] == source)
        print(f"#   {names}: {source}")
    for path in sorted(folder.glob("*.crt")):
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        digest = hashlib.sha256(spki(certificate.public_bytes(Encoding.DER))).digest()
        name = unicodedata.normalize("NFKD", path.stem.replace("_", " ")).encode("ascii", "ignore").decode()
        leaving = next((entry[0] for prefix, entry in LEAVING.items() if name.startswith(prefix)), "-")
        print(base64.b64encode(digest).decode(), certificate.not_valid_after.date(), leaving, name)


main()
