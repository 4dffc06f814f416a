# SPDX-License-Identifier: Apache-2.0
"""The ways round a verifier that TLS itself has."""
from rows import group

row = group("Ways round the verifier")

PSK = "lab:0102030405060708090a0b0c0d0e0f10"


@row("a renegotiation that presents another certificate", "not renegotiated")
def renegotiation(t):
    # The request is the genuine server's; it may be answered or not.
    server = t.serve("--max-tls", "1.2", "--renegotiate", "rogue-leaf")
    t.policy(t.rule("leaf"))
    t.get(server)
    t.expect(server, completed=1, canaries=None)
    t.words = ["not renegotiated"]  # the servers' records are always looked at for it


@row("a rogue server that asks for a client certificate", "refused (pin_mismatch)")
def client_certificate(t):  # S3-01; T12 of other clients
    t.policy(t.rule("leaf"))
    t.get(t.serve("--identity", "rogue-leaf", "--client-certificates", "required"), **identity(t))


@row("the same, with TLS 1.2", "refused (pin_mismatch)")
def client_certificate_12(t):  # S3-01
    t.policy(t.rule("leaf"))
    t.get(t.serve("--identity", "rogue-leaf", "--client-certificates", "required", "--max-tls", "1.2"), **identity(t))


@row("the genuine server asks for one, and gets it", "accepted")
def client_certificate_genuine(t):
    t.policy(t.rule("leaf"))
    server = t.serve("--client-certificates", "required")
    t.get(server, **identity(t))
    t.expect(server, disclosed=1)


def identity(t):
    return {"cert": t.stage.lab.file("client"), "key": t.stage.lab.file("client", "key")}


@row("a server without certificate: anonymous suites", "refused (*)")
def anonymous(t):
    t.policy(t.rule("leaf"))
    t.get(t.serve("--authentication", "anonymous", "--max-tls", "1.2"), careless=["anonymous"])


@row("a server without certificate: an external PSK, TLS 1.2 and 1.3", "refused (*); refused (*)")
def psk(t):
    t.policy(t.rule("leaf"))
    for version in ("1.2", "1.3"):
        server = t.serve("--authentication", "psk", "--psk", PSK, "--min-tls", version, "--max-tls", version)
        t.get(server, careless=["psk"])


@row("a server that speaks no TLS", "refused (*)")
def plain(t):
    t.policy(t.rule("leaf"))
    t.get(t.serve("--fault", "plain-http"))


@row("the program asks for no verification, a rogue CA", "refused (*)")
def verify_none(t):  # S1-18, S3-10
    t.policy(t.rule("leaf"))
    t.get(t.serve("--identity", "rogue-leaf"), careless=["verify_none"])


@row("the program asks for no verification, a CA that nobody trusts, no rule", "refused (*)")
def verify_none_unlisted(t):
    t.trust("root")
    t.policy(t.rule("leaf", host="other.example.com"))
    t.get(t.serve("--identity", "rogue-leaf"), careless=["verify_none"])
