# SPDX-License-Identifier: Apache-2.0
"""Requests and responses that two readers could understand in two ways: what the server received is the judge."""
import json
import os
import re
import socket
import subprocess
import unittest

from gateway import HOST, Gateway, Lab, Upstream, policy_text, read_all, read_response, receive, serve_http

HEAD = b"Host: localhost\r\n"

# name -> (bytes, status). Nothing of any of them may reach the server.
REFUSED = {
    "CL and TE": (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", 400),
    "TE and CL": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG", 400),
    "two equal lengths": (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    "two lengths": (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400),
    "a list of lengths": (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 1, 1\r\n\r\nx", 400),
    "a signed length": (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: +1\r\n\r\nx", 400),
    "an endless length": (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 18446744073709551617\r\n\r\nx", 400),
    "another coding": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "identity": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: identity\r\n\r\nx", 501),
    "a coding in disguise": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "two codings": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n", 501),
    "space before the colon": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    "obs-fold": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    "bare LF": (b"GET / HTTP/1.1\nHost: localhost\n\n", 400),
    "one bare LF": (b"GET / HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n", 400),
    "a CR alone": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n", 400),
    "NUL": (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: \x00\r\n\r\n", 400),
    "a chunk extension": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;a\r\nx\r\n0\r\n\r\n", 400),
    "a chunk size in disguise": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n", 400),
    "a trailer": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nHost: evil\r\n\r\n", 400),
    "chunks with bare LF": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n", 400),
    "absolute-form": (b"GET http://other.example/ HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "authority-form": (b"GET other.example:443 HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "no host": (b"GET / HTTP/1.1\r\nX: y\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\n" + HEAD + b"Host: other.example\r\n\r\n", 400),
    "a host with a user": (b"GET / HTTP/1.1\r\nHost: localhost@other.example\r\n\r\n", 400),
    "a host with a path": (b"GET / HTTP/1.1\r\nHost: localhost/x\r\n\r\n", 400),
    "a rebound name": (b"GET / HTTP/1.1\r\nHost: rebound.example\r\n\r\n", 421),
    "CONNECT": (b"CONNECT other.example:443 HTTP/1.1\r\n" + HEAD + b"\r\n", 405),
    "TRACE": (b"TRACE / HTTP/1.1\r\n" + HEAD + b"\r\n", 405),
    "HTTP/1.0": (b"GET / HTTP/1.0\r\n" + HEAD + b"\r\n", 505),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "WebSocket": (b"GET / HTTP/1.1\r\n" + HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 501),
    "Connection takes Host": (b"GET / HTTP/1.1\r\n" + HEAD + b"Connection: Host\r\n\r\n", 400),
    "Connection takes the length": (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 1\r\nConnection: content-length\r\n\r\nx", 400),
    "another expectation": (b"GET / HTTP/1.1\r\n" + HEAD + b"Expect: miracles\r\n\r\n", 417),
    "too many fields": (b"GET / HTTP/1.1\r\n" + HEAD + b"A: b\r\n" * 200 + b"\r\n", 431),
    "a head over the limit": (b"GET / HTTP/1.1\r\n" + HEAD + b"A: " + b"b" * 20_000 + b"\r\n\r\n", 431),
    "a body over the limit": (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 1000001\r\n\r\n", 413),
    "a chunk size that overflows": (
        b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n10000000000000001\r\nx\r\n0\r\n\r\n", 400),
    "a chunk size with a sign": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n0\r\n\r\n", 400),
    "a chunk size with a space": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n1 \r\nx\r\n0\r\n\r\n", 400),
    "a chunk size that is empty": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n\r\nx\r\n0\r\n\r\n", 400),
    "a chunk that is longer than its size": (
        b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n", 400),
    "an empty coding": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding:\r\n\r\n0\r\n\r\n", 501),
    "a coding with a parameter": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 501),
    "a quoted coding": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 501),
    "chunked, twice in a list": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501),
    "chunked, twice": (b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    "an empty length": (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length:\r\n\r\nx", 400),
    "a hexadecimal length": (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 0x1\r\n\r\nx", 400),
    "a length with a space in it": (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: 1 1\r\n\r\nx", 400),
    "a negative length": (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length: -1\r\n\r\nx", 400),
    "a tab before the colon": (b"POST / HTTP/1.1\r\n" + HEAD + b"Content-Length\t: 1\r\n\r\nx", 400),
    "a field without a name": (b"GET / HTTP/1.1\r\n" + HEAD + b": x\r\n\r\n", 400),
    "a field without a colon": (b"GET / HTTP/1.1\r\n" + HEAD + b"X\r\n\r\n", 400),
    "a fold of the first field": (b"GET / HTTP/1.1\r\n Host: localhost\r\n\r\n", 400),
    "a space before the first field": (b"GET / HTTP/1.1\r\n \r\n" + HEAD + b"\r\n", 400),
    "an empty line first": (b"\r\nGET / HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "a NUL in a name": (b"GET / HTTP/1.1\r\n" + HEAD + b"X\x00Y: z\r\n\r\n", 400),
    "a NUL in the target": (b"GET /\x00 HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "a letter beyond ASCII in the target": (b"GET /\xe9 HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "a fragment": (b"GET /#x HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "a space in the target": (b"GET /a b HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "two spaces": (b"GET  / HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "a space behind the version": (b"GET / HTTP/1.1 \r\n" + HEAD + b"\r\n", 400),
    "a tab for a space": (b"GET\t/\tHTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "a version in small letters": (b"GET / http/1.1\r\n" + HEAD + b"\r\n", 400),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\n" + HEAD + b"\r\n", 505),
    "a method that is none": (b"GE(T / HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "a star for another method": (b"GET * HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "absolute-form of the server itself": (b"GET https://api.example.com/ HTTP/1.1\r\n" + HEAD + b"\r\n", 400),
    "an empty host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "a list of hosts": (b"GET / HTTP/1.1\r\nHost: localhost, other.example\r\n\r\n", 400),
    "two equal hosts": (b"GET / HTTP/1.1\r\n" + HEAD + HEAD + b"\r\n", 400),
    "Connection takes the coding": (
        b"POST / HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\nConnection: close, transfer-encoding\r\n\r\n0\r\n\r\n", 400),
    "Connection takes the credentials": (b"GET / HTTP/1.1\r\n" + HEAD + b"Authorization: x\r\nConnection: authorization\r\n\r\n", 400),
    "CONNECT with a slash": (b"CONNECT / HTTP/1.1\r\n" + HEAD + b"\r\n", 405),
    "TLS": (b"\x16\x03\x01\x00\xc4\x01\x00\x00\xc0\x03\x03" + b"\n" * 60, 400),
}


class Requests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = cls.enterClassContext(Lab())
        listed = subprocess.run([os.environ["COTTER_BIN"], "explain", "--list", "--json"], capture_output=True, check=True)
        cls.explained = {code["code"] for code in json.loads(listed.stdout)["codes"]}
        cls.upstream = cls.enterClassContext(Upstream(cls.lab, serve_http))
        cls.gateway = cls.enterClassContext(Gateway(policy_text([cls.lab.pin("leaf")]), [cls.lab.file("root")],
                                                    [cls.upstream.route()], tables={"limits": {"body": 1_000_000}}))

    def test_what_is_ambiguous_is_refused_and_nothing_of_it_leaves(self):
        for name, (request, status) in REFUSED.items():
            with self.subTest(name), self.gateway.connect() as client:
                before = self.upstream.data
                # What follows would be the smuggled request.
                client.sendall(request + b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n")
                answer = read_all(client)
                self.assertEqual(len(re.findall(rb"HTTP/1\.1 \d", answer)), 1, answer)
                self.assertEqual(int(answer.split()[1]), status, answer)
                body = json.loads(answer.split(b"\r\n\r\n", 1)[1])
                self.assertEqual(set(body["error"]), {"code", "message"})
                # `cotter explain` has another meaning for none of the gateway's own.
                self.assertNotIn(body["error"]["code"].lower(), self.explained)
                self.assertEqual(self.upstream.data, before)

    def test_a_body_that_goes_wrong_later_ends_both_connections(self):
        with self.gateway.connect() as client:
            client.sendall(b"POST /late HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            for _ in range(100):
                if b"hello" in self.upstream.data:
                    break
                client.settimeout(0.05)
                try:
                    client.recv(1)
                except TimeoutError:
                    pass
            client.settimeout(30)
            client.sendall(b"5;x=y\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = read_all(client)
            self.assertEqual(int(answer.split()[1]), 400)
            self.assertNotIn(b"smuggled", self.upstream.data)
            self.assertNotIn(b";x", self.upstream.data)

    def one(self, request, method="GET"):
        with self.gateway.connect() as client:
            client.sendall(request)
            return read_response(client, method=method)

    def test_the_server_gets_its_own_host_and_no_field_for_one_hop(self):
        status, _, seen, _ = self.one(
            b"GET /a?b=%20 HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: X-Mine\r\nX-Mine: 1\r\nX-Other: 2\r\n"
            b"Keep-Alive: a\r\nTE: trailers\r\nProxy-Authorization: c\r\nUpgrade: h2c\r\nTrailer: X\r\n\r\n")
        self.assertEqual(status, 200)
        self.assertEqual(seen, b"GET /a?b=%20 HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\nX-Other: 2\r\n\r\n0")

    def test_bodies_arrive_as_they_were_sent(self):
        for length in (1, 1000, 40_000, 900_000):
            body = bytes(index % 251 for index in range(length))
            with self.subTest("length", length=length):
                _, _, seen, _ = self.one(b"PUT /b HTTP/1.1\r\n" + HEAD + b"Content-Length: %d\r\n\r\n" % length + body)
                self.assertTrue(seen.endswith(b"\r\n\r\n%d" % length), seen[-20:])
                self.assertIn(body, self.upstream.data)
            with self.subTest("chunks", length=length):
                chunks = b"".join(b"%x\r\n" % len(part) + part + b"\r\n"
                                  for part in (body[at:at + 7001] for at in range(0, length, 7001)))
                _, _, seen, _ = self.one(
                    b"PUT /c HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
                self.assertTrue(seen.endswith(b"\r\n\r\n%d" % length), seen[-20:])

    def test_a_chunked_body_over_the_limit_is_cut_off(self):
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        with self.gateway.connect() as client:
            try:
                client.sendall(b"PUT /big HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 20)
            except ConnectionError:
                return
            self.assertEqual(read_response(client)[0], 413)

    def test_pipelined_requests_are_answered_in_order(self):
        with self.gateway.connect() as client:
            client.sendall(b"".join(b"POST /%d HTTP/1.1\r\n" % n + HEAD + b"Content-Length: 3\r\n\r\nabc" for n in range(100)))
            rest = b""
            for number in range(100):
                status, _, seen, rest = read_response(client, rest)
                self.assertEqual(status, 200)
                self.assertTrue(seen.startswith(b"POST /%d HTTP" % number), seen)

    def test_HEAD_has_no_body_and_the_connection_goes_on(self):
        with self.gateway.connect() as client:
            client.sendall(b"HEAD /h HTTP/1.1\r\n" + HEAD + b"\r\nGET /g HTTP/1.1\r\n" + HEAD + b"\r\n")
            status, head, _, rest = read_response(client, method="HEAD")
            self.assertEqual(status, 200)
            self.assertIn(b"Content-Length", head)
            self.assertIn(b"GET /g", read_response(client, rest)[2])

    def test_the_star_reaches_the_server_and_h2c_goes_no_further(self):
        self.assertTrue(self.one(b"OPTIONS * HTTP/1.1\r\n" + HEAD + b"\r\n")[2].startswith(b"OPTIONS * HTTP/1.1\r\nHost: " + HOST.encode()))
        seen = self.one(b"GET /h2c HTTP/1.1\r\n" + HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                        b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")[2]
        self.assertEqual(seen, b"GET /h2c HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\n\r\n0")

    def test_a_head_or_a_body_byte_by_byte_is_the_same(self):
        request = b"POST /slow HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        with self.gateway.connect() as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in request:
                client.sendall(bytes([byte]))
            status, _, seen, rest = read_response(client)
        self.assertEqual((status, rest), (200, b""))
        self.assertTrue(seen.startswith(b"POST /slow HTTP/1.1") and seen.endswith(b"\r\n\r\n3"), seen)

    def test_close_means_close_and_half_closed_clients_are_answered(self):
        answer = b""
        with self.gateway.connect() as client:
            client.sendall(b"GET / HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")
            answer = read_all(client)
        self.assertIn(b"\r\nConnection: close\r\n", answer)
        with self.gateway.connect() as client:
            client.sendall(b"GET /half HTTP/1.1\r\n" + HEAD + b"\r\n")
            client.shutdown(1)
            self.assertIn(b"GET /half", read_all(client))


RESPONSES = {
    "a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"ok"),
    "until the end": (b"HTTP/1.1 200 OK\r\n\r\nok", b"ok"),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "interim": (b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", None),
    "no content": (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", b""),
}
BROKEN = {
    "CL and TE": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "obs-fold": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "a status of its own": b"HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n",
    "a protocol that nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    "no HTTP": b"220 mail.example ESMTP\r\n",
    "a name with a space": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "a CR in a value": b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\nContent-Length: 2\r\n\r\nok",
    "a NUL in the phrase": b"HTTP/1.1 200 O\x00K\r\nContent-Length: 2\r\n\r\nok",
    "a signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "another coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
    "chunks in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "Connection takes the length": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: content-length\r\n\r\nok",
    "HTTP/2": b"HTTP/2 200\r\nContent-Length: 2\r\n\r\nok",
    "an endless head": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20_000,
    "endless interim responses": b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
}
CUT = {
    "in a length": b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok",
    "in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    "a chunk extension": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\n\r\n",
}


class Responses(unittest.TestCase):
    """The server answers with the bytes that the request's path names, and ends TLS."""

    def setUp(self):
        self.answer = b""
        self.lab = self.enterContext(Lab())
        self.upstream = self.enterContext(Upstream(self.lab, lambda *of: self.serve(*of)))
        self.gateway = self.enterContext(
            Gateway(policy_text([self.lab.pin("leaf")]), [self.lab.file("root")], [self.upstream.route()]))

    def serve(self, connection, record):
        receive(connection, record)
        connection.sendall(self.answer)
        connection.unwrap()

    def ask(self, answer):
        self.answer = answer
        with self.gateway.connect() as client:
            client.sendall(b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n")
            return read_all(client)

    def read(self, answer):
        self.answer = answer
        with self.gateway.connect() as client:
            client.sendall(b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n")
            return read_response(client)

    def test_sound_responses_pass(self):
        for name, (answer, body) in RESPONSES.items():
            with self.subTest(name):
                status, head, seen, rest = self.read(answer)
                if body is None:
                    self.assertEqual(status, 103)
                    status, head, seen, _ = read_response(None, rest) if rest else (200, b"", b"ok", b"")
                    body = b"ok"
                self.assertEqual(seen, body)
                if name == "no content":
                    self.assertNotIn(b"Content-Length", head)

    def test_ambiguous_responses_become_a_502(self):
        for name, answer in BROKEN.items():
            with self.subTest(name):
                try:
                    seen = self.read(answer)
                except ConnectionError:
                    self.assertIn("interim", name)
                    continue
                if "interim" in name:
                    continue
                self.assertEqual(seen[0], 502, seen)
                self.assertIn("code", json.loads(seen[2])["error"])

    def test_a_response_that_is_cut_is_not_taken_for_a_whole(self):
        for name, answer in CUT.items():
            with self.subTest(name), self.assertRaises((ConnectionError, AssertionError)):
                status, _, body, _ = self.read(answer)
                self.assertEqual((status, body), (200, b"whole"))

    def test_bytes_behind_a_response_answer_nothing(self):
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        for number in range(2):
            status, _, body, rest = self.read(whole + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            self.assertEqual((status, body, rest), (200, b"ok", b""), number)
        self.assertEqual(len(self.upstream.records), 2)

    # As above, but in a TLS record of their own, which has come with the first one and waits inside OpenSSL.
    def test_a_second_response_is_nobodys(self):
        def serve(connection, record):
            while receive(connection, record):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)

        self.serve = serve
        for number in range(3):
            status, _, body, rest = self.read(b"")
            self.assertEqual((status, body, rest), (200, b"ok", b""), number)
        self.assertEqual(len(self.upstream.records), 3)

    def test_a_body_where_there_can_be_none_is_nobodys(self):
        evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        for method, head in (("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(evil)),
                             ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: %d\r\n\r\n" % len(evil)),
                             ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: %d\r\n\r\n" % len(evil)),
                             ("GET", b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n")):
            with self.subTest(method, head=head), self.gateway.connect() as client:
                self.answer = head + evil
                client.sendall(f"{method} / HTTP/1.1\r\n".encode() + HEAD + b"\r\n")
                _, seen, _, rest = read_response(client, method="HEAD")
                self.assertEqual(rest, b"")
                self.assertTrue(head.startswith(seen[:12]), seen)
                self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
                client.sendall(b"GET / HTTP/1.1\r\n" + HEAD + b"\r\n")
                self.assertEqual(read_response(client)[2], b"ok")

    def test_fields_for_one_hop_and_phrases_stay_what_they_are(self):
        _, head, _, _ = self.read(b"HTTP/1.1 200 All \xe9 right\r\nConnection: X-Mine\r\nX-Mine: 1\r\nKeep-Alive: a\r\n"
                                  b"Proxy-Authenticate: b\r\nUpgrade: h2\r\nX-Other: 2\r\nContent-Length: 2\r\n\r\nok")
        self.assertEqual(head, b"HTTP/1.1 200 All \xe9 right\r\nX-Other: 2\r\nContent-Length: 2\r\n\r\n")

    def test_redirects_to_the_server_lead_to_the_gateway(self):
        for location, seen in (
            (f"https://{HOST}/x?y", "/x?y"), (f"https://{HOST.upper()}:443/", "/"), (f"https://{HOST}", "/"),
            (f"https://{HOST}//evil.example/", "/.//evil.example/"), (f"https://{HOST}:8443/x", f"https://{HOST}:8443/x"),
            (f"https://{HOST}.evil.example/", f"https://{HOST}.evil.example/"), ("/relative", "/relative"),
            (f"http://{HOST}/x", f"http://{HOST}/x"),
        ):
            with self.subTest(location):
                _, head, _, _ = self.read(
                    f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nAlt-Svc: h3\r\nContent-Length: 0\r\n\r\n".encode())
                self.assertIn(f"\r\nLocation: {seen}\r\n".encode(), head)
                self.assertNotIn(b"Alt-Svc", head)


if __name__ == "__main__":
    unittest.main()
