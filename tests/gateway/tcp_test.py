# SPDX-License-Identifier: Apache-2.0
"""TCP and CONNECT: bytes, half-closes, back-pressure, and what CONNECT does not promise."""
import hashlib
import socket
import ssl
import struct
import unittest

from gateway import HOST, Gateway, Lab, Upstream, policy_text, read_all, read_head, receive, wait_for


def resident(gateway):
    with open(f"/proc/{gateway.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


class Tcp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = cls.enterClassContext(Lab())

    def gateway(self, *routes, **keys):
        return self.enterContext(
            Gateway(policy_text([self.lab.pin("leaf")]), [self.lab.file("root")], routes, **keys))

    def test_half_closes_pass_in_both_directions(self):
        def answer_at_the_end(connection, record):
            while receive(connection, record):
                pass
            connection.sendall(hashlib.sha256(record.data).hexdigest().encode())
            connection.unwrap()

        body = bytes(range(256)) * 12_000  # 3 MB: more than all buffers between
        upstream = self.enterContext(Upstream(self.lab, answer_at_the_end))
        gateway = self.gateway(upstream.route(mode="tcp"))
        with gateway.connect() as client:
            client.sendall(body)
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(read_all(client), hashlib.sha256(body).hexdigest().encode())

    def test_a_server_that_ends_first_still_gets_the_rest(self):
        def end_first(connection, record):
            receive(connection, record)
            connection.sendall(b"bye")
            connection.unwrap()

        upstream = self.enterContext(Upstream(self.lab, end_first))
        gateway = self.gateway(upstream.route(mode="tcp"))
        with gateway.connect() as client:
            client.sendall(b"hello")
            self.assertEqual(read_all(client), b"bye")

    def test_a_server_that_is_cut_off_is_a_reset(self):
        def cut_off(connection, record):
            receive(connection, record)
            connection.sendall(b"half of it")
            connection.shutdown(socket.SHUT_RDWR)

        upstream = self.enterContext(Upstream(self.lab, cut_off))
        gateway = self.gateway(upstream.route(mode="tcp"))
        with gateway.connect() as client, self.assertRaises(ConnectionResetError):
            client.sendall(b"hello")
            self.assertEqual(read_all(client), b"the whole")

    # The server used to be told that the client had ended properly.
    def test_a_client_that_is_cut_off_is_no_end_for_the_server(self):
        ends = []

        def until_the_end(connection, record):
            try:
                while receive(connection, record):
                    pass
                ends.append("whole")
            except OSError:
                ends.append("cut")

        upstream = self.enterContext(Upstream(self.lab, until_the_end, strict_ends=True))
        gateway = self.gateway(upstream.route(mode="tcp"))
        with gateway.connect() as client:
            client.sendall(b"half of it")
            wait_for("the bytes", lambda: upstream.data == b"half of it")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wait_for("the server's end", lambda: ends)
        self.assertEqual(ends, ["cut"])

    def test_a_slow_reader_holds_the_server_back(self):
        sent = []

        def flood(connection, record):
            receive(connection, record)
            for _ in range(400):
                connection.sendall(b"x" * 65_536)
                sent.append(65_536)
            connection.unwrap()

        upstream = self.enterContext(Upstream(self.lab, flood))
        gateway = self.gateway(upstream.route(mode="tcp"))
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
            client.connect(("127.0.0.1", gateway.port()))
            client.settimeout(30)
            before = resident(gateway)
            client.sendall(b"go")
            stable = {"before": -1, "same": 0}

            def has_stopped():
                stable["same"] = stable["same"] + 1 if len(sent) == stable["before"] and sent else 0
                stable["before"] = len(sent)
                return stable["same"] > 25

            wait_for("the server's waiting", has_stopped)
            self.assertLess(sum(sent), 20_000_000)
            self.assertLess(resident(gateway) - before, 16 << 20)
            self.assertEqual(len(read_all(client)), 400 * 65_536)

    def test_connect_routes_to_its_list_and_says_that_it_does_not_verify(self):
        def greet(connection, record):
            receive(connection, record)
            connection.sendall(b"hello")
            connection.unwrap()

        upstream = self.enterContext(Upstream(self.lab, greet, identity="rogue-leaf"))
        gateway = self.gateway({"mode": "connect", "allow": [f"localhost:{upstream.port}"]})
        with gateway.connect() as client:
            client.sendall(f"CONNECT localhost:{upstream.port} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head, _ = read_head(client)
            self.assertTrue(head.startswith(b"HTTP/1.1 200"), head)
            # The rogue server's certificate passes: it is the client's to refuse it.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(self.lab.file("rogue-root"))
            with context.wrap_socket(client, server_hostname=HOST) as inside:
                inside.sendall(b"hi")
                self.assertEqual(inside.recv(5), b"hello")
        event = wait_for("the tunnel's line", lambda: gateway.events("tunnel"))[0]
        self.assertTrue(event["verified"].startswith("no"))
        for asked, status in ((f"localhost:{upstream.port + 1}", 403), ("other.example:443", 403), ("", 405)):
            with self.subTest(asked), gateway.connect() as client:
                client.sendall(f"CONNECT {asked} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                self.assertEqual(int(read_all(client).split()[1]), status)
        with gateway.connect() as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertEqual(int(read_all(client).split()[1]), 405)
        # Content, for some; the tunnel's first bytes, for others.
        before = len(upstream.records)
        for field in (b"Content-Length: 5", b"Transfer-Encoding: chunked"):
            with self.subTest(field), gateway.connect() as client:
                client.sendall(f"CONNECT localhost:{upstream.port} HTTP/1.1\r\nHost: x\r\n".encode() + field + b"\r\n\r\nhello")
                self.assertEqual(int(read_all(client).split()[1]), 400)
        self.assertEqual(len(upstream.records), before)


if __name__ == "__main__":
    unittest.main()
