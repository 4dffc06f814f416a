# SPDX-License-Identifier: Apache-2.0
"""Why cotter's answer differs from a public vector's, for run_vectors.py and docs/validation.md."""
import fnmatch

HEAD = """# Path validation against public vectors

Made by `tests/chains/run_vectors.py --write`; a test holds this page to what the program answers. Each case is one run
of `cotter check --chain`: the chain as a server would present it, the case's anchors with `--cacert` and
`--no-system-roots`, the case's time with `--at`. The suites: [x509-limbo](https://x509-limbo.com),
[BetterTLS](https://bettertls.com), [NIST PKITS](https://csrc.nist.gov/projects/pki-testing), the table of OpenSSL's own
`openssl verify` tests, and the `.test` files of BoringSSL's `pki`. No run takes two seconds, the pathological ones
among them.

PKITS and the tests of OpenSSL and BoringSSL have no host names in their certificates, and cotter never looks at a
common name. There a path counts as accepted when its name is the only thing that is wrong with it, which
`host_mismatch` says: it is the last thing that is reported. Cases that need a trusted certificate which is not
self-signed run with a policy that says `partial_chain = true`.

What cotter insists on beyond OpenSSL's defaults is in `src/tls/profile.h`: RFC 5280's MUSTs that no public CA breaks.
`X509_V_FLAG_X509_STRICT` asks for more and is not set: it refuses private CAs as people make them with a few lines of
`openssl x509 -req` (no authority or subject key identifier, basicConstraints not marked critical), and none of that
says anything about who holds a key.
"""

INTRODUCTIONS = {
    "looser": "Soundness first: each of these is a path that the suite wants refused.",
    "forum": "Rules of the CA/Browser Forum for what public CAs may issue, not of RFC 5280. A pinning library serves "
             "private CAs as well, and a pin does not get weaker where a CA breaks them.",
    "stricter": "Paths that the suite accepts and cotter does not. Refusing is the safe side.",
}

# The chains of these are sound; what revokes a certificate is a CRL.
PKITS_REVOKED = ("4.5.2", "4.5.5", "4.5.7")

PARTIAL_CHAIN_POLICY = """[policy]
name = "vectors"
version = 1
partial_chain = true
"""

# Trusted where a case trusts nothing of its own: an empty trust store would be an error.
UNRELATED_ROOT = """-----BEGIN CERTIFICATE-----
MIIBMzCB2qADAgECAgEBMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDlVucmVsYXRl
ZCBSb290MB4XDTEwMDEwMTAwMDAwMFoXDTQ5MDEwMTAwMDAwMFowGTEXMBUGA1UE
AwwOVW5yZWxhdGVkIFJvb3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASnWyRp
zx6zalaLyFjYOehrgGlWmxd5r9V3yPqGCnP7xk+gj9lRHn/hELAsas8L8TnG5/yt
PPTmnHhjV7pTlq+HoxMwETAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gA
MEUCIB73RyH75g6qRg7NVUGT7tbPa5LVirjovFW2l5fNAt2vAiEAzg5ezJnHsFqO
EWPBaceqfCoEbaV5KaSllGLF32YHOCc=
-----END CERTIFICATE-----
"""

# (suite, case, kind, code or None, why). The first that fits is taken.
NOTES = [
    # Accepted, expected refused.
    ("x509-limbo", "rfc5280::*ski*missing*", "looser", None, "RFC 5280, 4.2.1.2 wants a subject key identifier in every CA "
     "certificate \"to facilitate certification path construction\". Private CAs often have none; it proves nothing."),
    ("x509-limbo", "rfc5280::*missing-ski", "looser", None, "RFC 5280, 4.2.1.2 wants a subject key identifier in every CA "
     "certificate \"to facilitate certification path construction\". Private CAs often have none; it proves nothing."),
    ("x509-limbo", "rfc5280::aki::*missing-aki", "looser", None, "RFC 5280, 4.2.1.1 wants an authority key identifier \"to "
     "facilitate certification path construction\". Private CAs often write none; it proves nothing."),
    ("x509-limbo", "rfc5280::pc::ica-noncritical-pc", "looser", None, "policy constraints must be marked critical (RFC 5280, "
     "4.2.1.11). cotter processes them marked or not, and PKITS 4.10.13 accepts unmarked ones."),
    ("x509-limbo", "rfc5280::root-non-critical-basic-constraints", "looser", None, "basicConstraints not marked critical: three "
     "of the roots that Debian ships are like that, and many private ones. They are obeyed all the same."),
    ("x509-limbo", "rfc5280::nc::invalid-dnsname-leading-period", "looser", None, "a leading dot in a DNS constraint: not in RFC "
     "5280, but what OpenSSL's documentation teaches, so private CAs have it; it only narrows what the CA may do"),
    ("x509-limbo", "rfc5280::nc::permitted-dns-match-noncritical", "looser", None, "name constraints not marked critical, which "
     "the CA/Browser Forum allows; they are obeyed all the same"),
    ("x509-limbo", "rfc5280::serial::*", "looser", None, "zero and negative serial numbers: RFC 5280, 4.1.2.2 wants certificate "
     "users \"to gracefully handle such certificates\""),
    ("openssl verify", "openssl::3[12] *", "looser", None, "OpenSSL takes the trusted cross-sign first, meets a root that is "
     "distrusted, and does not go back. There is a second path, to another trusted root with another key, and cotter "
     "tries every path. What is distrusted (name and key) is in none that it accepts."),
    # CA/Browser Forum.
    ("x509-limbo", "webpki::san::public-suffix*", "forum", None, "a wildcard over a public suffix, which a CA must not issue"),
    ("x509-limbo", "webpki::san::san-critical-with-nonempty-subject", "forum", None, "subjectAltName marked critical beside a "
     "subject; RFC 5280 only says SHOULD NOT"),
    ("x509-limbo", "webpki::forbidden-rsa-not-divisible-by-8*", "forum", None, "an RSA modulus whose length is no multiple "
     "of 8, but long enough"),
    ("x509-limbo", "webpki::*", "forum", None, "a rule for what public CAs may issue"),
    # Refused, expected accepted.
    ("x509-limbo", "cve::cve-2024-0567", "stricter", "issuer_unknown", "the only trusted certificate is not self-signed: an "
     "anchor is, unless a policy says `partial_chain = true`; with that the chain is accepted"),
    ("x509-limbo", "pathlen::validation-ignores-pathlen-in-leaf", "stricter", "purpose_invalid", "the server's certificate is "
     "a CA's whose keyUsage allows signing certificates and nothing that TLS needs"),
    ("NIST PKITS", "4.1.[45] *DSA*", "stricter", "key_too_weak", "DSA keys of 1024 bits, below security level 2"),
    ("BoringSSL pki", "intermediate-eku-any-and-clientauth/*", "stricter", "purpose_invalid", "OpenSSL does not take "
     "anyExtendedKeyUsage of an intermediate for TLS servers"),
    ("BoringSSL pki", "key-rollover/longrolloverchain.test", "stricter", "issuer_unknown", "a self-issued certificate without "
     "key identifiers: OpenSSL takes it for a self-signed one"),
    ("BoringSSL pki", "many-names/*", "stricter", None, "more names and constraints than are compared; OpenSSL's bound (2^20 "
     "for a pair of certificates) is lower than BoringSSL's too"),
    ("BoringSSL pki", "root-lacks-keycertsign-key-usage/*", "stricter", "ca_invalid", "the anchor's own keyUsage does not "
     "allow it to sign certificates; BoringSSL looks at no extension of an anchor"),
    ("BoringSSL pki", "violates-pathlen-1-from-root/*", "stricter", "path_length_exceeded", "the anchor's own "
     "pathLenConstraint is exceeded; BoringSSL looks at no extension of an anchor"),
    ("BoringSSL pki", "policy-mappings-on-root-*", "stricter", "pki_error", "the anchor's own policy constraints hold"),
    ("BoringSSL pki", "target-msapplicationpolicies-and-eku/*", "stricter", "unknown_critical_extension", "a critical "
     "extension of Microsoft's that OpenSSL does not know"),
    ("BoringSSL pki", "target-serverauth-various-keyusages/*decipherOnly.test", "stricter", "purpose_invalid", "a keyUsage "
     "that allows neither signatures nor key exchange"),
]


def explain(suite, name, accepted, code):
    """Returns (kind, note) for a difference; the note is None where nobody explained it."""
    for wanted_suite, pattern, kind, wanted_code, note in NOTES:
        fits = suite == wanted_suite and fnmatch.fnmatch(name, pattern) and wanted_code in (None, code)
        if fits and (kind == "stricter") != accepted:
            return kind, note
    return ("looser" if accepted else "stricter"), None
