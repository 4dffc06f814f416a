# SPDX-License-Identifier: Apache-2.0
"""make_seeds.py FOLDER: makes the seeds of the fuzz targets that are not text, with python-cryptography.

FOLDER/NAME/ is for fuzz/NAME_fuzz.cc. Keys are fresh on each run; what matters of a seed is its structure.
"""

import datetime
import io
import ipaddress
import pathlib
import plistlib
import struct
import sys
import zipfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Which targets take which kinds of data.
TARGETS = {
    "der": ("certificate", "spki", "csr"),
    "certificate": ("certificate",),
    "pem": ("pem",),
    "preamble": ("dialogue",),
    "certificate_message": ("message",),
    "hello_answer": ("hello",),
    "key_material": ("certificate", "spki", "csr", "pem", "key"),
    "x509_description": ("certificate",),
    "exchange": ("foreign",),
    "elf": ("program",),
}

KEYS = {
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ed448": ed448.Ed448PrivateKey.generate,
    "dsa": lambda: dsa.generate_private_key(2048),
}

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "NL"), x509.NameAttribute(NameOID.COMMON_NAME, text)])


def extensions():
    """One of each extension that cotter decodes, with whether it is critical."""
    names = x509.SubjectAlternativeName([
        x509.DNSName("*.example.test"), x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
        x509.RFC822Name("a@example.test"), x509.UniformResourceIdentifier("https://example.test/"),
        x509.DirectoryName(name("directory")), x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")),
    ])
    constraints = x509.NameConstraints([x509.DNSName(".example.test")], [x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))])
    point = x509.DistributionPoint([x509.UniformResourceIdentifier("http://example.test/crl")], None, None, None)
    policy = x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.2.1"), ["https://example.test/cps"])
    ocsp = x509.AccessDescription(x509.oid.AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://o.test"))
    usage = x509.KeyUsage(True, False, True, False, False, True, True, False, False)
    yield names, False
    yield constraints, True
    yield x509.BasicConstraints(True, 2), True
    yield usage, True
    yield x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False
    yield x509.CRLDistributionPoints([point]), False
    yield x509.CertificatePolicies([policy]), False
    yield x509.AuthorityInformationAccess([ocsp]), False
    yield x509.TLSFeature([x509.TLSFeatureType.status_request]), False
    yield x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.55555.1"), b"\x04\x03abc"), True


def dialogues():
    """The servers' sides of binary dialogues, behind the digit that chooses the protocol in fuzz/preamble_fuzz.cc."""
    yield "postgres", b"5S"
    greeting = (b"\x0a5.5.5-10.11.6-MariaDB\0\x1f\0\0\0abcdefgh\0\xfe\xff\x2d\x02\0\xff\x81\x15" + bytes(10)
                + b"abcdefghijkl\0mysql_native_password\0")
    yield "mysql", b"6" + len(greeting).to_bytes(3, "little") + b"\0" + greeting
    yield "ldap", b"7\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\0\x04\0\x04\0"
    yield "ldap-long", b"7\x30\x84\0\0\0\x10\x02\x01\x01\x78\x84\0\0\0\x07\x0a\x01\0\x04\0\x04\0"


def vector(content, size):
    return len(content).to_bytes(size, "big") + content


def messages():
    """Certificate messages of TLS 1.2 and 1.3 (RFC 5246, 7.4.2 and RFC 8446, 4.4.2)."""
    certificates = [b"\x30\x03\x02\x01" + bytes([i]) for i in range(3)]
    yield "tls12", b"\x0b" + vector(vector(b"".join(vector(one, 3) for one in certificates), 3), 3)
    entries = b"".join(vector(one, 3) + vector(b"\0\x12\0\0", 2) for one in certificates)
    yield "tls13", b"\x0b" + vector(b"\0" + vector(entries, 3), 3)


def hellos():
    """Answers to a ClientHello: ServerHellos of TLS 1.0 and 1.3 (RFC 5246, 7.4.1.3 and RFC 8446, 4.1.3), one cut into records,
    one after a warning (RFC 6066, 3), and an alert."""
    def record(kind, content):
        return bytes([kind]) + b"\3\3" + vector(content, 2)

    for seed, version, extensions in (("tls10", b"\3\1", b""), ("tls13", b"\3\3", vector(b"\0\x2b" + vector(b"\3\4", 2), 2))):
        message = b"\2" + vector(version + bytes(32) + vector(bytes(32), 1) + b"\0\x2f\0" + extensions, 3)
        yield seed, record(22, message)
        yield seed + "-warned", record(21, b"\1\x70") + record(22, message)
        yield seed + "-records", b"".join(record(22, message[at:at + 7]) for at in range(0, len(message), 7))
    yield "alert", record(21, b"\2\x46")


def binary_xml():
    """Android's binary XML of a domain with one pin, as ResourceTypes.h has it."""
    words = ["network-security-config", "domain-config", "domain", "a.example", "pin-set", "pin", "digest",
             "SHA-256", "xQ0kpmiTHBRHBfEZAqGFYV9eRmhqEhMDLRnJAVjYDOo="]
    strings, offsets = b"", b""
    for word in words:
        offsets += struct.pack("<I", len(strings))
        strings += bytes([len(word), len(word)]) + word.encode() + b"\0"
    strings += bytes(-len(strings) % 4)
    pool = struct.pack("<HHIIIIII", 1, 28, 28 + len(offsets) + len(strings), len(words), 0, 0x100,
                       28 + len(offsets), 0) + offsets + strings

    def node(kind, body):
        return struct.pack("<HHIII", kind, 16, 16 + len(body), 1, 0xFFFFFFFF) + body

    def start(word, *attributes):
        body = struct.pack("<IIHHHHHH", 0xFFFFFFFF, words.index(word), 20, 20, len(attributes), 0, 0, 0)
        for key, value in attributes:
            index = words.index(value)
            body += struct.pack("<IIIHBBI", 0xFFFFFFFF, words.index(key), index, 8, 0, 3, index)
        return node(0x102, body)

    def end(word):
        return node(0x103, struct.pack("<II", 0xFFFFFFFF, words.index(word)))

    def text(word):
        return node(0x104, struct.pack("<IHBBI", words.index(word), 8, 0, 3, words.index(word)))

    body = b"".join([pool, start(words[0]), start("domain-config"), start("domain"), text("a.example"), end("domain"),
                     start("pin-set"), start("pin", ("digest", "SHA-256")), text(words[8]), end("pin"),
                     end("pin-set"), end("domain-config"), end(words[0])])
    return struct.pack("<HHI", 3, 8, 8 + len(body)) + body


def package(entries):
    """A ZIP file of the entries."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for path, data in entries.items():
            made.writestr(path, data)
    return file.getvalue()


def foreign(certificate):
    """Foreign configurations that are not text, each behind a line with its format."""
    pins = [{"SPKI-SHA256-BASE64": "xQ0kpmiTHBRHBfEZAqGFYV9eRmhqEhMDLRnJAVjYDOo="}]
    info = {"NSAppTransportSecurity": {"NSPinnedDomains": {
        "a.example": {"NSIncludesSubdomains": True, "NSPinnedLeafIdentities": pins}}}}
    plist = plistlib.dumps(info, fmt=plistlib.FMT_BINARY)
    yield "plist", b"ios\n" + plist
    yield "ipa", b"ios\n" + package({"Payload/A.app/Info.plist": plist})
    yield "axml", b"android\n" + binary_xml()
    yield "apk", b"android\n" + package({"AndroidManifest.xml": b"", "res/xml/a.xml": binary_xml()})
    yield "certificates", b"certificates\n" + certificate


def program():
    """An ELF file with an interpreter, a note of Go's linker, and a dynamic section that needs libssl.so.3."""
    strings = b"\0libssl.so.3\0/opt/lib\0SSL_connect\0"
    symbols = bytes(24) + struct.pack("<IBBHQQ", 22, 0x12, 0, 1, 0x1000, 0)
    notes = struct.pack("<III", 4, 4, 4) + b"Go\0\0" + b"id__"
    interpreter = b"/lib64/ld-linux-x86-64.so.2\0"
    at = 64 + 4 * 56
    symbols_at = at + len(interpreter) + len(notes)
    strings_at = symbols_at + len(symbols)
    dynamic_at = strings_at + len(strings)
    dynamic = b"".join(struct.pack("<QQ", *pair) for pair in (
        (1, 1), (29, 13), (5, strings_at), (10, len(strings)), (6, symbols_at), (0, 0)))
    end = dynamic_at + len(dynamic)
    header = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 4, 0, 0, 0)
    segments = b"".join(struct.pack("<IIQQQQQQ", kind, 4, offset, offset, offset, size, size, 1) for kind, offset, size in (
        (1, 0, end), (3, at, len(interpreter)), (4, at + len(interpreter), len(notes)), (2, dynamic_at, len(dynamic))))
    return header + segments + interpreter + notes + symbols + strings + dynamic


def seeds():
    """Triples of kind, name and bytes."""
    start = datetime.datetime(2026, 1, 1)
    for kind, make in KEYS.items():
        key = make()
        hash_of = None if kind.startswith("ed") else hashes.SHA256()
        public = key.public_key()
        builder = x509.CertificateBuilder(name("issuer"), name(kind), public, x509.random_serial_number(), start,
                                          start + datetime.timedelta(days=90))
        request = x509.CertificateSigningRequestBuilder(name(kind))
        for extension, critical in extensions() if kind in ("rsa", "p256") else ():
            builder = builder.add_extension(extension, critical)
        certificate, request = builder.sign(key, hash_of), request.sign(key, hash_of)
        spki = public.public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        yield "certificate", kind, certificate.public_bytes(DER)
        yield "spki", kind, spki
        yield "csr", kind, request.public_bytes(DER)
        yield "pem", kind, b"some text\r\n" + certificate.public_bytes(PEM) * 2 + request.public_bytes(PEM)
        yield "key", kind, private
        folded = certificate.public_bytes(PEM)  # as people paste it
        yield "pem", f"{kind}-json", b'{"pem": "' + folded.replace(b"\n", b"\\n") + b'"}'
        yield "pem", f"{kind}-line", folded.replace(b"\n", b" ")
        yield "pem", f"{kind}-utf16", b"\xff\xfe" + folded.decode().encode("utf-16-le")
        if kind == "p256":
            for title, data in foreign(certificate.public_bytes(PEM)):
                yield "foreign", title, data
    for kind, data in dialogues():
        yield "dialogue", kind, data
    for kind, data in messages():
        yield "message", kind, data
    for kind, data in hellos():
        yield "hello", kind, data
    yield "program", "dynamic", program()


folder = pathlib.Path(sys.argv[1])
made = list(seeds())
for target, kinds in TARGETS.items():
    (folder / target).mkdir(parents=True, exist_ok=True)
    for kind, seed, data in made:
        if kind in kinds:
            (folder / target / f"{kind}-{seed}").write_bytes(data)
