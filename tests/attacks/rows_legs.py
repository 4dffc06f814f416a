# SPDX-License-Identifier: Apache-2.0
"""The legs of a request: redirects and proxies."""
from rows import group
from stage import PROXY_PASSWORD, PROXY_USER

row = group("A redirect")

OTHER = "other.example.com"


def redirect(t, target, scheme="https", host=OTHER):
    """A genuine server that sends its client to `target`."""
    answer = (f"HTTP/1.1 302 Found\\r\\nLocation: {scheme}://{host}:{t.port(target)}/secret\\r\\n"
              "Content-Length: 0\\r\\n\\r\\n")
    return t.serve("--response", answer)


def follow(t, target, **fields):
    t.get(redirect(t, target, **fields), ends_at=target, follow=True, hosts={OTHER: "127.0.0.1"})


@row('to an unpinned host, `unlisted = "pki"`; the secret stays behind', "accepted (not_pinned)")
def redirect_unlisted(t):
    t.policy(t.rule("leaf"))
    target = t.serve("--identity", "backup")
    t.expect(target, requests=1)
    follow(t, target)


@row('to an unpinned host, `unlisted = "refuse"`', "refused (unlisted_refused)")
def redirect_unlisted_refuse(t):  # S1-56
    t.policy(t.rule("leaf"), unlisted="refuse")
    follow(t, t.serve("--identity", "backup"))


@row("to a host whose pins do not match", "refused (pin_mismatch)")
def redirect_unpinned(t):  # S1-56
    t.policy(t.rule("leaf"), t.rule("leaf", host=OTHER))
    follow(t, t.serve("--identity", "rogue-leaf"))


@row("from https to http", "refused (*)")
def redirect_http(t):
    t.policy(t.rule("leaf"))
    target = t.serve("--fault", "plain-http")
    t.expect(target, connections=0)
    follow(t, target, scheme="http")


row = group("A proxy in front")


def through(t, proxy, **fields):
    """The genuine and the rogue server through a proxy, which resolves the name itself."""
    t.get(t.serve(), host="localhost", proxy=proxy, **fields)
    t.get(t.serve("--identity", "rogue-leaf"), host="localhost", proxy=proxy, **fields)


@row("HTTP (tinyproxy): genuine, rogue CA", "accepted; refused (pin_mismatch)")
def http_proxy(t):
    t.policy(t.rule("leaf", host="localhost"))
    through(t, t.stage.http_proxy)


@row("HTTP, an intercepting one: mitmproxy, its CA trusted", "refused (pin_mismatch)")
def intercepting_proxy(t):
    t.by_daemon()
    server = t.serve()
    with t.stage.mitmproxy() as interceptor:
        proxy = f"http://127.0.0.1:{interceptor.port}"
        interceptor.control(f"https://localhost:{t.port(server)}/", proxy)
        t.trust("root", files=[interceptor.ca])
        t.policy(t.rule("leaf", "root", host="localhost"))
        t.get(server, host="localhost", proxy=proxy)
        interceptor.saw_only_the_control()
    t.expect(server, completed=None, resumed=None, requests=1)  # mitmproxy's own connections


@row("HTTP, one that ends the tunnel itself, a rogue CA", "refused (pin_mismatch)")
def lying_proxy(t):
    proxy = t.serve("--identity", "rogue-leaf", "--starttls", "http-proxy")
    t.policy(t.rule("leaf", host="localhost"))
    t.get(proxy, host="localhost", proxy=f"http://127.0.0.1:{t.port(proxy)}")


@row("HTTP, one that wants another password", "refused (*)")
def refusing_proxy(t):
    server = t.serve()
    t.expect(server, connections=0)
    t.policy(t.rule("leaf", host="localhost"))
    t.get(server, host="localhost", proxy=t.stage.http_proxy.replace(PROXY_PASSWORD, "wrong"))


@row("SOCKS 5 (microsocks): genuine, rogue CA", "accepted; refused (pin_mismatch)")
def socks_proxy(t):
    t.policy(t.rule("leaf", host="localhost"))
    through(t, t.stage.socks_proxy)


@row("HTTPS (haproxy before tinyproxy), pinned: genuine, rogue CA", "accepted; refused (pin_mismatch)")
def https_proxy(t):  # S1-56
    port = t.stage.https_proxy_port
    t.policy(t.rule("leaf", host="localhost"), t.rule("backup", host="localhost", ports=f"[{port}]"))
    through(t, f"https://{PROXY_USER}:{PROXY_PASSWORD}@localhost:{port}")


@row("HTTPS, whose pins do not match: it hears nothing", "refused (pin_mismatch)")
def https_proxy_unpinned(t):  # S1-56
    proxy = t.serve("--identity", "rogue-leaf")
    t.policy(t.rule("leaf", host="localhost"))
    target = t.serve()
    t.expect(target, connections=0)
    t.get(target, host="localhost", proxy=f"https://{PROXY_USER}:{PROXY_PASSWORD}@localhost:{t.port(proxy)}")
