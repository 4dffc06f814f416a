# SPDX-License-Identifier: Apache-2.0
"""The door "python": a program with a socket, Python's own ssl, and a context that the binding attached."""
import base64
import json
import os
import re
import socket
import ssl
import sys
import urllib.parse

os.environ["COTTER_LIBRARY"] = os.environ["COTTER_BUILD_DIR"] + "/src/capi/libcotter.so.1"
sys.path.insert(0, os.environ["COTTER_SOURCE_DIR"] + "/bindings/python")
import cotter  # noqa: E402

PATIENCE = 20


class Unsupported(Exception):
    """The door has no notion of a field."""


def split(authority):
    host, port = authority.rsplit(":", 1)
    return host.strip("[]"), int(port)


def read_until(sock, end):
    """What the peer sends, up to and with `end`; less where it closes."""
    data = b""
    # In clear, nothing behind `end` is taken: it belongs to whoever reads next.
    at_once = 4096 if isinstance(sock, ssl.SSLSocket) else 1
    while end not in data and (part := sock.recv(at_once)):
        data += part
    return data


def through_proxy(proxy, host, port):
    """A socket that a proxy connected to host:port."""
    parts = urllib.parse.urlsplit(proxy)
    if parts.scheme == "https":
        raise Unsupported("proxy:https")
    sock = socket.create_connection((parts.hostname, parts.port), PATIENCE)
    if parts.scheme.startswith("socks5"):
        sock.sendall(b"\x05\x01\x00")
        assert sock.recv(2) == b"\x05\x00", "the proxy wants credentials"
        name = host.encode("idna")
        sock.sendall(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + port.to_bytes(2, "big"))
        reply = sock.recv(4)
        assert reply[:2] == b"\x05\x00", "the proxy did not connect"
        sock.recv({1: 6, 4: 18}.get(reply[3], 0) or sock.recv(1)[0] + 2)
        return sock
    lines = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}"]
    if parts.username:
        credentials = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password)}"
        lines.append("Proxy-Authorization: Basic " + base64.b64encode(credentials.encode()).decode())
    sock.sendall("\r\n".join([*lines, "", ""]).encode())
    answer = read_until(sock, b"\r\n\r\n")
    assert re.match(rb"HTTP/1\.[01] 200 ", answer), f"the proxy said {answer[:40]!r}"
    return sock


class Door:
    def __init__(self, policy, roots, now):
        self._source = cotter.Source(cotter.Policy.load(policy))
        trust = cotter.Trust(files=[roots], system_roots=False)
        self._enforcer = cotter.Enforcer(self._source, trust, now=None if now is None else lambda: now, resume=True)
        self._contexts = {}
        self._sessions = {}
        self._kept = None  # (host, socket)

    def set_policy(self, file):
        self._source.set(cotter.Policy.load(file))

    def close(self):
        if self._kept:
            try:
                self._kept[1].unwrap()  # the server keeps no session of a connection that is cut off
            except (OSError, ValueError):
                pass  # it was ended already
            self._kept[1].close()
        self._kept = None

    def get(self, order):
        for field in ("follow", "load_session"):
            if order.get(field):
                raise Unsupported(field)
        host, port = split(urllib.parse.urlsplit(order["url"]).netloc)
        reused = self._kept is not None and self._kept[0] == host
        try:
            if not reused:
                self.close()
                self._kept = (host, self._open(order, host, port))
            answer = self._fetch(self._kept[1], order, host, reused)
        except cotter.PinError as error:
            answer = {"ok": False, "outcome": error.verdict.outcome, "code": error.code, "message": str(error)}
        except cotter.CotterError as error:
            answer = {"ok": False, "code": error.code, "message": str(error)}
        except UnicodeError as error:
            answer = {"ok": False, "code": "host_invalid", "message": str(error)}
        except ssl.SSLError as error:
            answer = {"ok": False, "code": "tls_failed", "message": str(error)}
        except (OSError, AssertionError) as error:
            answer = {"ok": False, "code": "connection_closed", "message": str(error)}
        if not answer["ok"] or not order.get("keep"):
            self.close()
        return {"outcome": None, "status": None, "resumed": False, "reused": False, "peer": None, **answer}

    def _context(self, order, port):
        """The context for a port; the policy is looked up by it."""
        careless = tuple(order.get("careless") or ())
        key = (port, careless, order.get("cert"))
        if key not in self._contexts:
            context = cotter.create_context(self._enforcer, port=port)
            if order.get("cert"):
                context.load_cert_chain(order["cert"], order["key"])
            if "verify_none" in careless:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            if "anonymous" in careless:
                context.set_ciphers("ALL:aNULL:@SECLEVEL=0")
            self._contexts[key] = context
        return self._contexts[key]

    def _open(self, order, host, port):
        context = self._context(order, port)
        if order.get("proxy"):
            sock = through_proxy(order["proxy"], host, port)
        else:
            sock = socket.create_connection(split(order["connect"]), PATIENCE)
        session = self._sessions.get((host, port)) if order.get("resume") else None
        try:
            if session is not None and session[0] is not context:
                session = None
            return context.wrap_socket(sock, server_hostname=host, session=session and session[1])
        except BaseException:
            sock.close()
            raise

    def _fetch(self, sock, order, host, reused):
        verdict = sock.cotter_verdict
        headers = "".join(f"{name}: {value}\r\n" for name, value in (order.get("headers") or {}).items())
        path = urllib.parse.urlsplit(order["url"]).path or "/"
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host.encode('idna').decode()}\r\n{headers}\r\n".encode())
        head = read_until(sock, b"\r\n\r\n")
        if not head:
            raise OSError("no answer")
        found = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        body = head.split(b"\r\n\r\n", 1)[1]
        while found and len(body) < int(found.group(1)) and (part := sock.recv(4096)):
            body += part
        if order.get("resume") and sock.session is not None:
            self._sessions[(host, split(urllib.parse.urlsplit(order["url"]).netloc)[1])] = (sock.context, sock.session)
        peer = sock.getpeername()
        return {"ok": True, "outcome": verdict.outcome, "code": None, "message": verdict.message,
                "resumed": bool(sock.session_reused) and not reused, "reused": reused,
                "status": int(head.split()[1]),
                "peer": f"[{peer[0]}]:{peer[1]}" if ":" in peer[0] else f"{peer[0]}:{peer[1]}"}


def obey(door, order):
    if order["op"] == "get":
        try:
            return door.get(order)
        except Unsupported as field:
            return {"unsupported": str(field)}
    if order["op"] == "policy":
        door.set_policy(order["file"])
    elif order["op"] == "close":
        door.close()
    return {"ok": True}


def main(words):
    options = dict(zip(words[::2], words[1::2]))
    now = options.get("--now")
    door = Door(options["--policy"], options["--roots"], None if now is None else int(now))
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(obey(door, order)), flush=True)
        if order["op"] == "quit":
            break
    door.close()


main(sys.argv[1:])
