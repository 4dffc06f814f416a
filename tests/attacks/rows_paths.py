# SPDX-License-Identifier: Apache-2.0
"""Who answers, and by which path."""
from rows import group

row = group("Who answers")


@row("the genuine server", "accepted")
def genuine(t):  # S1-54
    t.policy(t.rule(t.pin("leaf", place="leaf")))
    t.get(t.serve())


@row("the root is pinned, and not sent", "accepted")
def root_pin(t):
    t.policy(t.rule(t.pin("root", place="ca")))
    t.get(t.serve("--chain", "intermediate"))


@row("the backup key is live", "accepted")
def backup_live(t):
    t.policy(t.rule("leaf", t.pin("backup", use="backup")))
    t.get(t.serve("--identity", "backup"))


@row("a valid certificate with a key that is not pinned", "refused (pin_mismatch)")
def unpinned(t):  # S1-54, S2-13
    t.policy(t.rule("leaf"))
    t.get(t.serve("--identity", "backup"))


@row("a rogue CA that the machine trusts", "refused (pin_mismatch)")
def rogue(t):  # S1-02, S2-13
    t.policy(t.rule("leaf"))
    t.get(t.serve("--identity", "rogue-leaf"))


@row("the same, the genuine leaf, intermediate and root appended; each of them pinned in turn",
     "; ".join(["refused (pin_mismatch)"] * 3))
def rogue_appended(t):  # S1-02, S3-53
    server = t.serve("--identity", "rogue-leaf", "--append", "leaf,intermediate,root")
    for name in ("leaf", "intermediate", "root"):
        t.policy(t.rule(name))
        t.get(server)


@row("a leaf that the pinned intermediate never signed, the genuine one appended", "refused (signature_invalid)")
def forged(t):
    t.policy(t.rule("intermediate"))
    t.get(t.serve("--identity", "forged"))


@row("the pinned key in a certificate of nobody's", "refused (self_signed)")
def self_signed(t):  # S3-02
    t.policy(t.rule("self-signed"))
    t.get(t.serve("--identity", "self-signed"))


@row("the pinned CA, an expired certificate", "refused (cert_expired)")
def expired_certificate(t):  # S3-02
    t.policy(t.rule("intermediate"))
    t.get(t.serve("--identity", "expired"))


@row("the pinned CA, a certificate for another name", "refused (host_mismatch)")
def wrong_host(t):  # S3-02
    t.policy(t.rule("intermediate"))
    t.get(t.serve("--identity", "wrong-host"))


@row("a CA cross-signed below two trusted roots, one of them pinned; both orders", "accepted; accepted")
def cross_signed(t):
    t.trust("root", "other-root")
    t.policy(t.rule(t.pin("root", place="ca")))
    t.get(t.serve("--chain", "intermediate,cross-intermediate"))
    t.get(t.serve("--chain", "cross-intermediate,intermediate"))


@row("the same, only one of the roots trusted; both orders", "accepted; accepted")
def cross_signed_one_root(t):
    t.trust("other-root")
    t.policy(t.rule(t.pin("other-root", place="ca")))
    t.get(t.serve("--chain", "intermediate,cross-intermediate"))
    t.get(t.serve("--chain", "cross-intermediate,intermediate"))


@row("a chain of 40 certificates", "refused (chain_too_long)")
def long_chain(t):
    t.policy(t.rule("leaf"))
    t.get(t.serve("--pad", "40"))


@row("a revoked key in every path", "refused (revoked)")
def revoked(t):
    t.policy(t.rule("leaf"), revoked=["intermediate"])
    t.get(t.serve())


@row("the genuine server, and on the next connection another one", "accepted; refused (pin_mismatch)")
def another_next_time(t):  # S1-26, S1-30
    server = t.serve("--resumption", "off")
    t.policy(t.rule("leaf"))
    t.get(server)
    t.stage.lab.present(server, "rogue-leaf")
    t.get(server)


@row("mitmproxy, its CA trusted", "refused (pin_mismatch)")
def mitmproxy(t):
    t.by_daemon()
    genuine_server = t.serve()
    with t.stage.mitmproxy("--mode", f"reverse:https://localhost:{t.port(genuine_server)}") as interceptor:
        interceptor.control(f"https://localhost:{interceptor.port}/")
        t.trust("root", files=[interceptor.ca])
        t.policy(t.rule("leaf", "root"))
        t.get(None, port=interceptor.port)
        interceptor.saw_only_the_control()
    t.expect(genuine_server, completed=None, resumed=None, requests=1)  # mitmproxy's own connections


@row("nginx and haproxy with the pinned chain", "accepted; accepted")
def other_servers(t):
    t.policy(t.rule("leaf", t.pin("intermediate", place="ca")))
    t.get(None, port=t.stage.nginx.port)
    t.get(None, port=t.stage.haproxy)
