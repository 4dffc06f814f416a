# SPDX-License-Identifier: Apache-2.0
"""S0-23: what `cotter inspect --json` says of hundreds of certificates that others made, field by field, against
python-cryptography and the openssl command.

The certificates are those of Debian's python3-cryptography-vectors and ca-certificates, and the public ones of
COTTER_TESTDATA where they stand.
"""

import base64
import collections
import concurrent.futures
import glob
import hashlib
import json
import os
import re
import subprocess
import unittest
import warnings

import cryptography_vectors
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtensionOID as Oid

for category in (UserWarning, DeprecationWarning):
    warnings.simplefilter("ignore", category)

CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "secp224r1": "P-224", "secp192r1": "P-192"}

KEY_USAGES = {"digital_signature": "digital_signature", "content_commitment": "non_repudiation",
              "key_encipherment": "key_encipherment", "data_encipherment": "data_encipherment",
              "key_agreement": "key_agreement", "key_cert_sign": "key_cert_sign", "crl_sign": "crl_sign"}

PURPOSES = {"2.5.29.37.0": "any_extended_key_usage", "1.3.6.1.5.5.7.3.1": "server_auth", "1.3.6.1.5.5.7.3.2": "client_auth",
            "1.3.6.1.5.5.7.3.3": "code_signing", "1.3.6.1.5.5.7.3.4": "email_protection",
            "1.3.6.1.5.5.7.3.8": "time_stamping", "1.3.6.1.5.5.7.3.9": "ocsp_signing"}

METHODS = {"1.3.6.1.5.5.7.48.1": "ocsp", "1.3.6.1.5.5.7.48.2": "ca_issuers"}


def certificates():
    """Pairs of a name and the DER of each distinct certificate."""
    seen = set()
    vectors = os.path.join(os.path.dirname(cryptography_vectors.__file__), "x509")
    files = glob.glob(vectors + "/**/*", recursive=True) + glob.glob("/usr/share/ca-certificates/mozilla/*.crt")
    for path in sorted(filter(os.path.isfile, files)):
        if any(part in path for part in ("/crls/", "/certpairs/", "/smime/", "/pkcs12/", ".txt")):
            continue
        with open(path, "rb") as file:
            data = file.read()
        blocks = re.findall(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", data, re.S)
        for der in [base64.b64decode(block) for block in blocks] if blocks else [data]:
            if der not in seen and der[:1] == b"\x30":
                seen.add(der)
                yield os.path.basename(path), der
    for path in sorted(glob.glob(os.environ.get("COTTER_TESTDATA", "/nowhere") + "/certs/*.jsonl")):
        with open(path, encoding="utf-8") as file:
            for line in file:
                entry = json.loads(line)
                der = base64.b64decode(entry["der"])
                if der not in seen:
                    seen.add(der)
                    yield entry["id"], der


def inspect(der):
    """What cotter says: the certificate, or None where it refuses."""
    done = subprocess.run([os.environ["COTTER_BIN"], "inspect", "--json", "-"], input=der, capture_output=True, timeout=30,
                          check=False)
    assert done.returncode in (0, 2), (done.returncode, done.stderr)
    assert (done.returncode == 0) == bool(done.stdout), done.stdout
    found = json.loads(done.stdout)["certificates"] if done.stdout else []
    return found[0] if found else None


def general_name(name):
    """A GeneralName in the form of cotter's JSON; directory names by their kind alone."""
    if isinstance(name, x509.DNSName):
        return {"dns_name": name.value}
    if isinstance(name, x509.RFC822Name):
        return {"rfc822_name": name.value}
    if isinstance(name, x509.UniformResourceIdentifier):
        return {"uniform_resource_identifier": name.value}
    if isinstance(name, x509.IPAddress):
        return {"ip_address": str(name.value)}
    if isinstance(name, x509.RegisteredID):
        return {"registered_id": name.value.dotted_string}
    if isinstance(name, x509.DirectoryName):
        return {"directory_name": "..."}
    return {"other_name": name.type_id.dotted_string}


def general_names(names):
    return [general_name(name) for name in names or []]


def ours(names):
    """General names of cotter's, cut to what general_name() keeps."""
    return [{"directory_name": "..."} if "directory_name" in name
            else {"other_name": name["other_name"].split(":")[0]} if "other_name" in name else name
            for name in names or []]


def key_usage(value):
    names = [ours_name for theirs, ours_name in KEY_USAGES.items() if getattr(value, theirs)]
    if value.key_agreement:
        names += [name for name in ("encipher_only", "decipher_only") if getattr(value, name)]
    return names


def distribution_points(value):
    return [(general_names(point.full_name), general_names(point.crl_issuer)) for point in value]


def our_points(value):
    return [(ours(point.get("full_name")), ours(point.get("crl_issuer"))) for point in value]


def qualifiers(policy):
    found = []
    for qualifier in policy.policy_qualifiers or []:
        if isinstance(qualifier, str):
            found.append({"cps_uri": qualifier})
        else:
            found.append({"explicit_text": qualifier.explicit_text})
    return found


def our_qualifiers(policy):
    return [qualifier if "cps_uri" in qualifier
            else {"explicit_text": qualifier.get("user_notice", {}).get("explicit_text")}
            for qualifier in policy.get("policy_qualifiers", [])]


def without_none(record):
    return {name: value for name, value in record.items() if value is not None}


# OID: what pyca's value and ours have in common.
VALUES = {
    Oid.BASIC_CONSTRAINTS: (lambda v: without_none({"ca": v.ca, "path_len_constraint": v.path_length}), lambda v: v),
    Oid.KEY_USAGE: (key_usage, lambda v: v),
    Oid.EXTENDED_KEY_USAGE: (lambda v: [PURPOSES.get(p.dotted_string, p.dotted_string) for p in v], lambda v: v),
    Oid.SUBJECT_KEY_IDENTIFIER: (lambda v: v.digest.hex(), lambda v: v),
    Oid.AUTHORITY_KEY_IDENTIFIER: (
        lambda v: (v.key_identifier.hex() if v.key_identifier is not None else None,
                   general_names(v.authority_cert_issuer), v.authority_cert_serial_number),
        lambda v: (v.get("key_identifier"), ours(v.get("authority_cert_issuer")),
                   int(v["authority_cert_serial_number"], 16) if "authority_cert_serial_number" in v else None)),
    Oid.SUBJECT_ALTERNATIVE_NAME: (general_names, ours),
    Oid.ISSUER_ALTERNATIVE_NAME: (general_names, ours),
    Oid.AUTHORITY_INFORMATION_ACCESS: (
        lambda v: [(METHODS.get(d.access_method.dotted_string, d.access_method.dotted_string),
                    general_name(d.access_location)) for d in v],
        lambda v: [(d["access_method"], ours([d["access_location"]])[0]) for d in v]),
    Oid.CRL_DISTRIBUTION_POINTS: (distribution_points, our_points),
    Oid.FRESHEST_CRL: (distribution_points, our_points),
    Oid.CERTIFICATE_POLICIES: (
        lambda v: [(p.policy_identifier.dotted_string, qualifiers(p)) for p in v],
        lambda v: [(p["policy_identifier"], our_qualifiers(p)) for p in v]),
    Oid.NAME_CONSTRAINTS: (
        lambda v: (general_names(v.permitted_subtrees), general_names(v.excluded_subtrees)),
        lambda v: (ours(v.get("permitted_subtrees")), ours(v.get("excluded_subtrees")))),
    Oid.POLICY_CONSTRAINTS: (
        lambda v: without_none({"require_explicit_policy": v.require_explicit_policy,
                                "inhibit_policy_mapping": v.inhibit_policy_mapping}), lambda v: v),
    Oid.INHIBIT_ANY_POLICY: (lambda v: v.skip_certs, lambda v: v),
    Oid.TLS_FEATURE: (lambda v: [f.name for f in v], lambda v: v),
    Oid.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS: (
        lambda v: [(s.log_id.hex(), s.timestamp.isoformat(timespec="milliseconds") + "Z") for s in v],
        lambda v: [(s["log_id"], s["timestamp"]) for s in v]),
}


def names(name):
    # A set of pyca's holds what is there twice once.
    return [{(attribute.oid.dotted_string, attribute.value) for attribute in rdn if isinstance(attribute.value, str)}
            for rdn in name.rdns]


def our_names(name):
    return [{(attribute["type"], attribute["value"]) for attribute in rdn if not attribute["value"].startswith("#")}
            for rdn in name["rdn_sequence"]]


def key_facts(key):
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size, None, key.public_numbers().e
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.key_size, CURVES.get(key.curve.name, key.curve.name), None
    if isinstance(key, dsa.DSAPublicKey):
        return key.key_size, None, None
    return {ed25519.Ed25519PublicKey: (253, None, None), ed448.Ed448PublicKey: (448, None, None)}.get(type(key))


class Differential(unittest.TestCase):
    maxDiff = None
    counts = collections.Counter()

    def check_with_pyca(self, certificate, described):
        self.assertEqual(described["version"], certificate.version.value + 1)
        self.assertEqual(int(described["serial_number"], 16), certificate.serial_number)
        self.assertEqual(described["signature_algorithm"]["oid"], certificate.signature_algorithm_oid.dotted_string)
        self.assertEqual(described["signature_value"], certificate.signature.hex())
        self.assertEqual(described["validity"]["not_before"], certificate.not_valid_before.isoformat() + "Z")
        self.assertEqual(described["validity"]["not_after"], certificate.not_valid_after.isoformat() + "Z")
        self.assertEqual(our_names(described["issuer"]), names(certificate.issuer))
        self.assertEqual(our_names(described["subject"]), names(certificate.subject))
        self.check_key(certificate, described["subject_public_key_info"])
        self.check_extensions(certificate, described)

    def check_key(self, certificate, described):
        try:
            facts = key_facts(certificate.public_key())
        except Exception:  # pyca knows fewer keys than OpenSSL
            self.counts["keys that pyca does not read"] += 1
            return
        if facts and described["curve"] != "explicit":
            exponent = int(described["exponent"], 16) if described["exponent"] else None
            self.assertEqual((described["bits"], described["curve"], exponent), facts)

    def check_extensions(self, certificate, described):
        try:
            extensions = list(certificate.extensions)
        except Exception:  # a broken or repeated extension makes pyca refuse them all
            self.counts["extensions that pyca refuses"] += 1
            return
        self.assertEqual([(e["oid"], e["critical"]) for e in described["extensions"]],
                         [(e.oid.dotted_string, e.critical) for e in extensions])
        for extension, our in zip(extensions, described["extensions"]):
            self.counts["extensions"] += 1
            if isinstance(extension.value, x509.UnrecognizedExtension):
                self.assertEqual(our["hex"], extension.value.value.hex())
            elif extension.oid in VALUES:
                theirs, convert = VALUES[extension.oid]
                self.assertEqual(our["state"], "decoded", our)
                self.assertEqual(convert(our["value"]), theirs(extension.value), our["name"])
                self.counts["extension values"] += 1

    def check_with_openssl(self, der, described):
        done = subprocess.run(["openssl", "x509", "-inform", "der", "-noout", "-serial", "-fingerprint", "-sha256"],
                              input=der, capture_output=True, check=False,
                              timeout=30)
        self.assertEqual(done.returncode, 0)
        lines = done.stdout.decode("latin-1").splitlines()
        serial = lines[0].removeprefix("serial=")
        self.assertEqual(int(described["serial_number"], 16), int(serial, 16))
        fingerprint = next(line for line in lines if "ingerprint=" in line).split("=")[1].replace(":", "").lower()
        self.assertEqual(described["fingerprints"]["sha256"], fingerprint)

    def test_agrees(self):
        given = list(certificates())
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(inspect, [der for _, der in given]))
        for (name, der), described in zip(given, answers):
            try:
                certificate = x509.load_der_x509_certificate(der)
                # These are parsed late.
                certificate.subject, certificate.issuer, certificate.version
                certificate.not_valid_before, certificate.not_valid_after
            except Exception:
                certificate = None
            self.counts[("both read", "pyca alone reads", "cotter alone reads", "none reads")[
                2 * (certificate is None) + (described is None)]] += 1
            if described is None:
                self.assertIsNone(certificate, name)
                continue
            with self.subTest(name):
                self.assertEqual(described["fingerprints"]["sha1"], hashlib.sha1(der).hexdigest())
                self.check_with_openssl(der, described)
                if certificate is not None:
                    self.check_with_pyca(certificate, described)
        print(dict(self.counts))
        self.assertGreater(self.counts["both read"], 300)


if __name__ == "__main__":
    unittest.main()
