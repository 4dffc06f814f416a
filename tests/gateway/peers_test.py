# SPDX-License-Identifier: Apache-2.0
"""The same odd requests to nginx, haproxy and the gateway, side by side: whatever one of the two refuses, the gateway refuses.
PASSES is what does pass, so that refusing everything would not do, and WHY what the gateway lets through all the same."""
import contextlib
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from framing_test import REFUSED
from gateway import PATIENCE, Gateway, Lab, Upstream, policy_text, serve_http

HEAD = b"Host: localhost\r\n"
POST = b"POST / HTTP/1.1\r\n" + HEAD
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET / HTTP/1.1\r\n" + HEAD

ODD = {
    "plain": GET + b"\r\n",
    "a body": POST + b"Content-Length: 2\r\n\r\nok",
    "chunks": CHUNKED + b"2\r\nok\r\n0\r\n\r\n",
    "chunk sizes in capitals, with zeros": CHUNKED + b"000A\r\n0123456789\r\n000\r\n\r\n",
    "a coding in capitals": POST + b"transfer-ENCODING: CHUNKED\r\n\r\n0\r\n\r\n",
    "a coding and a space": POST + b"Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n",
    "a coding and a tab": POST + b"Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "a comma before the coding": POST + b"Transfer-Encoding: , chunked\r\n\r\n0\r\n\r\n",
    "a length with zeros": POST + b"Content-Length: 0002\r\n\r\nok",
    "a length in hex": POST + b"Content-Length: 0x2\r\n\r\nok",
    "an empty length": POST + b"Content-Length:\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a length and a space inside": POST + b"Content-Length: 1 1\r\n\r\nok",
    "a chunk size and a space": CHUNKED + b"2 \r\nok\r\n0\r\n\r\n",
    "a chunk size and a sign": CHUNKED + b"+2\r\nok\r\n0\r\n\r\n",
    "an endless chunk size": CHUNKED + b"fffffffffffffffff\r\nok\r\n0\r\n\r\n",
    "a chunk without an end": CHUNKED + b"2\r\nokok\r\n0\r\n\r\n",
    "an empty chunk size": CHUNKED + b"\r\nok\r\n0\r\n\r\n",
    "a field without a name": GET + b": x\r\n\r\n",
    "a field without a colon": GET + b"field\r\n\r\n",
    "a space in a name": GET + b"a b: c\r\n\r\n",
    "a control character in a name": GET + b"a\x01b: c\r\n\r\n",
    "a high byte in a name": GET + b"a\xe4b: c\r\n\r\n",
    "a control character in a value": GET + b"a: b\x01c\r\n\r\n",
    "DEL in a value": GET + b"a: b\x7fc\r\n\r\n",
    "a high byte in a value": GET + b"a: b\xe4c\r\n\r\n",
    "a tab in a value": GET + b"a: b\tc\r\n\r\n",
    "an empty value": GET + b"a:\r\n\r\n",
    "an underscore in a name": GET + b"a_b: c\r\n\r\n",
    "the first field begins with a space": b"GET / HTTP/1.1\r\n Host: localhost\r\n" + HEAD + b"\r\n",
    "an empty line before": b"\r\n" + GET + b"\r\n",
    "two spaces in the line": b"GET  / HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a tab in the line": b"GET\t/ HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a space behind the version": b"GET / HTTP/1.1 \r\n" + HEAD + b"\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a small version": b"GET / http/1.1\r\n" + HEAD + b"\r\n",
    "version 1.2": b"GET / HTTP/1.2\r\n" + HEAD + b"\r\n",
    "version 1.10": b"GET / HTTP/1.10\r\n" + HEAD + b"\r\n",
    "version 2.0": b"GET / HTTP/2.0\r\n" + HEAD + b"\r\n",
    "a small method": b"get / HTTP/1.1\r\n" + HEAD + b"\r\n",
    "an odd method": b"G@T / HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a method of one's own": b"FROB / HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a fragment": b"GET /#a HTTP/1.1\r\n" + HEAD + b"\r\n",
    "NUL, escaped": b"GET /%00 HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a broken escape": b"GET /%zz HTTP/1.1\r\n" + HEAD + b"\r\n",
    "above the root": b"GET /../../x HTTP/1.1\r\n" + HEAD + b"\r\n",
    "above the root, escaped": b"GET /%2e%2e/x HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a backslash": b"GET /a\\b HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a high byte in the target": b"GET /\xe4 HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a control character in the target": b"GET /\x01 HTTP/1.1\r\n" + HEAD + b"\r\n",
    "DEL in the target": b"GET /\x7f HTTP/1.1\r\n" + HEAD + b"\r\n",
    "an asterisk": b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a host with a port": b"GET / HTTP/1.1\r\nHost: localhost:80\r\n\r\n",
    "a host with a bad port": b"GET / HTTP/1.1\r\nHost: localhost:x\r\n\r\n",
    "an empty host": b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "a host with a space": b"GET / HTTP/1.1\r\nHost: local host\r\n\r\n",
    "a length on GET": GET + b"Content-Length: 2\r\n\r\nok",
    "chunks on GET": GET + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
}

# What passes the gateway.
PASSES = {
    "plain", "a body", "chunks", "chunk sizes in capitals, with zeros", "a coding in capitals", "a coding and a space",
    "a coding and a tab", "a length with zeros", "a high byte in a value", "a tab in a value", "an empty value",
    "an underscore in a name", "a small method", "a method of one's own", "NUL, escaped", "a broken escape", "above the root",
    "above the root, escaped", "a backslash", "an asterisk", "a host with a port", "a host with a bad port", "a length on GET",
    "chunks on GET",
}
# What nginx refuses and the gateway does not: none of it is about where a message ends.
TARGET = "nginx reads targets to find a location; the gateway has one server, which gets the target as it is"
WHY = {
    "a coding and a tab": "white space (RFC 9112, 5.1); the gateway writes the field anew, without it",
    "a small method": "a method like any other (RFC 9110, 9.1), which the server may refuse",
    "NUL, escaped": TARGET, "a broken escape": TARGET, "above the root": TARGET, "above the root, escaped": TARGET,
    "an asterisk": TARGET,
}
WAITS = 5  # seconds; a request that is whole is answered sooner

NGINX = """daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/nginx.log crit; events {{}}
http {{ access_log off; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u;
scgi_temp_path {dir}/s; server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{origin};
proxy_http_version 1.1; proxy_request_buffering off; }} }} }}
"""
HAPROXY = """defaults
  mode http
  timeout connect 10s
  timeout client 10s
  timeout server 10s
listen front
  bind 127.0.0.1:{port}
  server one 127.0.0.1:{origin}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Origin(Upstream):
    """The same reader as the gateway's server, in clear."""

    def __init__(self, lab):
        super().__init__(lab, serve_http)

    def _one(self, raw, record):
        raw.settimeout(PATIENCE)
        with contextlib.suppress(OSError, ValueError), raw:
            self._serve(raw, record)


def passes(port, request):
    """Whether a request gets an answer of the origin's: a status below 400. Who waits for more has not passed it."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        answer = b""
        with contextlib.suppress(OSError):
            client.sendall(request)
            client.settimeout(WAITS)
            while not (status := re.match(rb"HTTP/1\.[01] ([2-9]\d\d) ", answer)) and (part := client.recv(1 << 16)):
                answer += part
            return status is not None and int(status[1]) < 400
    return False


class Peers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="cotter-peers-")))
        cls.lab = cls.enterClassContext(Lab())
        origin = cls.enterClassContext(Origin(cls.lab))
        upstream = cls.enterClassContext(Upstream(cls.lab, serve_http))
        gateway = cls.enterClassContext(Gateway(policy_text([cls.lab.pin("leaf")]), [cls.lab.file("root")], [upstream.route()]))
        cls.ports = {"gateway": gateway.port(0)}
        os.chmod(cls.folder, 0o777)
        for name, text, words in (("nginx", NGINX, ["/usr/sbin/nginx", "-e", "stderr", "-c"]),
                                  ("haproxy", HAPROXY, ["/usr/sbin/haproxy", "-db", "-f"])):
            cls.ports[name] = free_port()
            config = cls.folder / f"{name}.conf"
            config.write_text(text.format(dir=cls.folder, port=cls.ports[name], origin=origin.port))
            process = cls.enterClassContext(subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *words, config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            cls.addClassCleanup(process.kill)
            end = time.monotonic() + PATIENCE
            while True:
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", cls.ports[name]), 1).close()
                    break
                if time.monotonic() > end or process.poll() is not None:
                    raise AssertionError(f"{name} did not start")
                time.sleep(0.02)

    def test_the_gateway_refuses_whatever_one_of_them_refuses(self):
        requests = {**ODD, **{name: request for name, (request, _) in REFUSED.items()}}
        found = {}

        def ask(name):
            found[name] = {peer: passes(port, requests[name]) for peer, port in self.ports.items()}

        names = iter(list(requests))
        threads = [threading.Thread(target=lambda: [ask(name) for name in names]) for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        for name in requests:
            with self.subTest(name):
                verdict = found[name]
                refused = [peer for peer in ("nginx", "haproxy") if not verdict[peer]]
                self.assertEqual(bool(refused) and verdict["gateway"], name in WHY, verdict)
        self.assertEqual({name for name in ODD if found[name]["gateway"]}, PASSES)


if __name__ == "__main__":
    unittest.main()
