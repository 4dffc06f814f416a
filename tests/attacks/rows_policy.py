# SPDX-License-Identifier: Apache-2.0
"""What the policy says, and how the host was written."""
from rows import group

row = group("What the policy says")

PAST = "2020-01-01"


def expired(t, on_expiry):
    """Requests to the genuine server, and to an unpinned one, under a rule that has expired."""
    t.policy(t.rule("leaf", expires=PAST, on_expiry=f'"{on_expiry}"'))
    t.get(t.serve())
    t.get(t.serve("--identity", "backup"))


@row('a rule expired, `on_expiry = "enforce"`: genuine, unpinned', "accepted; refused (pin_mismatch)")
def expired_enforce(t):
    expired(t, "enforce")


@row('a rule expired, `on_expiry = "report"`: genuine, unpinned', "accepted; accepted (reported)")
def expired_report(t):
    expired(t, "report")


@row('a rule expired, `on_expiry = "pki"`: genuine, unpinned', "accepted (not_pinned); accepted (not_pinned)")
def expired_pki(t):
    expired(t, "pki")


@row("the whole policy expired, its rule did not: genuine, unpinned", "accepted; refused (pin_mismatch)")
def expired_policy(t):
    t.policy(t.rule("leaf", expires="2090-01-01"), expires=PAST)
    t.get(t.serve())
    t.get(t.serve("--identity", "backup"))


@row('a rule expired, `on_expiry = "pki"`, a CA that nobody trusts', "refused (issuer_unknown)")
def expired_pki_untrusted(t):
    t.trust("root")
    t.policy(t.rule("leaf", expires=PAST, on_expiry='"pki"'))
    t.get(t.serve("--identity", "rogue-leaf"))


@row("a rule that only reports, an unpinned server", "accepted (reported)")
def report_mode(t):
    t.policy(t.rule("leaf", mode='"report"'))
    t.get(t.serve("--identity", "backup"))


@row('a host that no rule names, `unlisted = "pki"`', "accepted (not_pinned)")
def unlisted_pki(t):  # S1-55
    t.policy(t.rule("leaf", host="other.example.com"))
    t.get(t.serve())


@row('the same, `unlisted = "refuse"`', "refused (unlisted_refused)")
def unlisted_refuse(t):  # S1-55
    t.policy(t.rule("leaf", host="other.example.com"), unlisted="refuse")
    t.get(t.serve())


@row("a host that is ruled on other ports only", "refused (port_refused)")
def other_port(t):
    t.policy(t.rule("leaf", ports="[443]"))
    t.get(t.serve())


row = group("How the host is written")


def both(t, spelling, host):
    """The genuine and the unpinned server for one spelling of a ruled host."""
    t.policy(t.rule("leaf", host=host), unlisted="refuse")
    t.get(t.serve(), host=spelling)
    t.get(t.serve("--identity", "backup"), host=spelling)


@row("in upper case: genuine, unpinned", "accepted; refused (pin_mismatch)")
def upper_case(t):  # S1-19
    both(t, "API.Example.COM", "api.example.com")


@row("with a trailing dot: genuine, unpinned", "accepted; refused (pin_mismatch)")
def trailing_dot(t):  # S1-19
    both(t, "api.example.com.", "api.example.com")


@row("in Unicode: genuine, unpinned", "accepted; refused (pin_mismatch)")
def international(t):  # S1-19
    both(t, "bücher.example", "xn--bcher-kva.example")


@row("as an IPv4 address: genuine, unpinned", "accepted; refused (pin_mismatch)")
def ipv4(t):
    both(t, "127.0.0.1", "127.0.0.1")


@row("as an IPv6 address: genuine, unpinned", "accepted; refused (pin_mismatch)")
def ipv6(t):
    t.policy(t.rule("leaf", host="::1"), unlisted="refuse")
    t.get(t.serve("--address", "::1"), host="::1")
    t.get(t.serve("--address", "::1", "--identity", "backup"), host="::1")


@row("as an address that the certificate does not name", "refused (host_mismatch)")
def ip_not_named(t):
    t.policy(t.rule("leaf", host="127.0.0.2"))
    t.get(t.serve("--address", "127.0.0.2"), host="127.0.0.2")


@row("as an address, where only `**.example.com` is ruled", "refused (unlisted_refused)")
def ip_wildcard(t):
    t.policy(t.rule("leaf", host="**.example.com"), unlisted="refuse")
    t.get(t.serve(), host="127.0.0.1")
