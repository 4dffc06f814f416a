# SPDX-License-Identifier: Apache-2.0
"""What outlives a verdict: sessions, connections, and the policy that changes under them."""
import os

from rows import group
from trial import NOBODY

row = group("A session is offered again")

KINDS = {
    "a TLS 1.2 ticket": ("--max-tls", "1.2", "--resumption", "tickets"),
    "a TLS 1.2 session id": ("--max-tls", "1.2", "--resumption", "ids"),
    "a TLS 1.3 ticket": ("--min-tls", "1.3", "--resumption", "tickets"),
}


def twice(t, knobs, change):
    """Two requests, a connection each, with a change of the policy between them."""
    server = t.serve(*knobs)
    t.policy(t.rule("leaf"))
    t.get(server, resume=True)
    change()
    t.get(server, resume=True)


def add_rows(number, title, knobs):
    def same(t):
        twice(t, knobs, lambda: None)

    def changed(t):
        twice(t, knobs, lambda: t.policy(t.rule(NOBODY)))

    def changed_elsewhere(t):
        twice(t, knobs, lambda: t.policy(t.rule("leaf"), t.rule(NOBODY, host="other.example.com")))

    for name, run, what, must in (
            ("same", same, "the policy is the same", "accepted; accepted, resumed"),
            ("changed", changed, "the policy now pins another key", "accepted; refused (pin_mismatch)"),
            ("elsewhere", changed_elsewhere, "the policy changed for another host", "accepted; accepted*")):
        run.__name__ = f"session_{number}_{name}"
        row(f"{title}; {what}", must)(run)


for count, (kind, options) in enumerate(KINDS.items(), 1):
    add_rows(count, kind, options)


@row("from a file, by another process; the policy now pins another key", "accepted; refused (pin_mismatch)")
def session_file_changed(t):
    session = os.path.join(t.stage.folder(), "session")
    server = t.serve()
    t.policy(t.rule("leaf"))
    t.get(server, resume=True, save_session=session)
    t.restart()
    t.policy(t.rule(NOBODY))
    t.get(server, resume=True, load_session=session)


@row("from a file, by another process; the policy is the same", "accepted; accepted")
def session_file_same(t):
    # A file may have been written by anybody: the session in it is never used.
    session = os.path.join(t.stage.folder(), "session")
    server = t.serve()
    t.policy(t.rule("leaf"))
    t.get(server, resume=True, save_session=session)
    t.restart()
    t.get(server, resume=True, load_session=session)


row = group("A connection is kept")


def kept(t, change):
    server = t.serve()
    t.policy(t.rule("leaf"))
    t.get(server, keep=True)
    change()
    t.get(server, keep=True)


@row("the policy is the same", "accepted; accepted, reused")
def kept_same(t):
    kept(t, lambda: None)


@row("the policy now pins another key", "accepted; refused (pin_mismatch)")
def kept_changed(t):
    kept(t, lambda: t.policy(t.rule(NOBODY)))


@row("the policy now revokes its intermediate", "accepted; refused (revoked)")
def kept_revoked(t):
    kept(t, lambda: t.policy(t.rule("leaf"), revoked=["intermediate"]))


@row("the policy no longer names the host, and refuses such hosts", "accepted; refused (unlisted_refused)")
def kept_unlisted(t):
    kept(t, lambda: t.policy(t.rule("leaf", host="other.example.com"), unlisted="refuse"))


@row("the policy changed, and its key is still pinned", "accepted; accepted*")
def kept_still_pinned(t):
    kept(t, lambda: t.policy(t.rule("leaf", "backup")))


@row("the next request is for another host of the same server, whose pins do not match", "accepted; refused (pin_mismatch)")
def kept_other_host(t):  # S1-56
    server = t.serve()
    t.policy(t.rule("leaf"), t.rule(NOBODY, host="other.example.com"))
    t.get(server, keep=True)
    t.get(server, keep=True, host="other.example.com")


@row("the same with nginx, which speaks HTTP/2 where it is asked to", "accepted; refused (pin_mismatch)")
def coalescing(t):  # S1-56
    t.policy(t.rule("leaf"), t.rule(NOBODY, host="other.example.com"))
    server = t.stage.nginx
    t.get(None, port=server.port, keep=True)
    t.get(None, port=server.port, keep=True, host="other.example.com")
    assert server.secrets_of("other.example.com") == [], "a refused request was answered"
    assert len(server.secrets_of("api.example.com")) > 0


@row("the policy changed for another host", "accepted; accepted, reused")
def kept_elsewhere(t):
    kept(t, lambda: t.policy(t.rule("leaf"), t.rule(NOBODY, host="other.example.com")))
