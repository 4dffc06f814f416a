# SPDX-License-Identifier: Apache-2.0
"""cotter_lab_server as tests in Python use it, and its servers as Python's own ssl meets them."""
import os
import socket
import ssl
import stat
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from lab import Lab  # noqa: E402

REQUEST = b"GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n"


def fetch(lab, server=0, root="root"):
    """The answer of a server to one request, and the certificate it presented."""
    context = ssl.create_default_context(cafile=lab.file(root))
    host, port = lab.address(server).rsplit(":", 1)
    with socket.create_connection((host.strip("[]"), int(port)), timeout=20) as plain:
        with context.wrap_socket(plain, server_hostname="api.example.com") as tls:
            tls.sendall(REQUEST)
            answer = b""
            while part := tls.recv(4096):
                answer += part
            return answer, tls.getpeercert(binary_form=True)


def der(lab, name):
    with open(lab.file(name), encoding="ascii") as pem:
        return ssl.PEM_cert_to_DER_cert(pem.read())


class LabServer(unittest.TestCase):
    def test_serves_and_records(self):
        with Lab(["--identity", "leaf"], ["--address", "::1"]) as lab:
            for server in (0, 1):
                answer, certificate = fetch(lab, server)
                self.assertTrue(answer.endswith(b"hello\n"))
                self.assertEqual(certificate, der(lab, "leaf"))
            record = lab.settled()
            self.assertEqual([one["handshakes_completed"] for one in record], [1, 1])
            self.assertEqual(record[0]["details"][0]["application_data"], REQUEST.decode())
            self.assertEqual(record[0]["details"][0]["server_name"], "api.example.com")

    def test_interceptor_gets_nothing_from_a_client_without_its_root(self):
        with Lab(["--identity", "rogue-leaf", "--append", "intermediate,root"]) as lab:
            with self.assertRaises(ssl.SSLCertVerificationError):
                fetch(lab)
            self.assertEqual(lab.settled()[0]["application_bytes"], 0)
            self.assertTrue(fetch(lab, root="rogue-root")[0])

    def test_presents_another_identity_on_command(self):
        with Lab([]) as lab:
            fetch(lab)
            lab.present(0, "backup")
            self.assertEqual(fetch(lab)[1], der(lab, "backup"))

    def test_starts_one_more_server_on_command(self):
        with Lab([]) as lab:
            more = lab.serve("--identity", "backup", "--response", "HTTP/1.1 200 OK\\r\\n\\r\\nmore")
            self.assertEqual(more, 1)
            answer, certificate = fetch(lab, more)
            self.assertIn(b"more", answer)
            self.assertEqual(certificate, der(lab, "backup"))
            self.assertEqual([server["connections"] for server in lab.settled()], [0, 1])

    def test_grants_a_websocket(self):
        # The key and its answer are those of RFC 6455, 1.3; the frame is the masked one of 5.7.
        with Lab([]) as lab, socket.create_connection(("127.0.0.1", lab.port()), timeout=20) as plain:
            context = ssl.create_default_context(cafile=lab.file("root"))
            with context.wrap_socket(plain, server_hostname="api.example.com") as tls:
                tls.sendall(b"GET / HTTP/1.1\r\nHost: lab\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
                            b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58" b"\x88\x80\x37\xfa\x21\x3d")
                answer = b""
                while part := tls.recv(4096):
                    answer += part
            self.assertIn(b" 101 ", answer)
            self.assertIn(b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n", answer)
            self.assertTrue(answer.endswith(b"\x81\x06hello\n" * 2 + b"\x88\x00"), answer)
            self.assertTrue(lab.settled()[0]["details"][0]["application_data"].endswith("Hello"))

    def test_injects_in_clear_where_asked(self):
        # s_client forgets what follows the go-ahead, so the socket is read by hand.
        with Lab(["--starttls", "pop3", "--starttls-conduct", "injected"]) as lab:
            with socket.create_connection(("127.0.0.1", lab.port()), timeout=20) as plain:
                plain.sendall(b"STLS\r\n")
                heard = b""
                while b"injected in clear\r\n" not in heard:
                    part = plain.recv(4096)
                    self.assertTrue(part, heard)
                    heard += part
            self.assertIn(b"+OK begin TLS\r\ninjected", heard)

    def test_key_files_are_private(self):
        with Lab() as lab:
            self.assertEqual(stat.S_IMODE(os.stat(lab.file("leaf", "key")).st_mode), 0o600)

    def test_unknown_knob_is_told(self):
        with self.assertRaises(RuntimeError):
            with Lab(["--no-such-knob", "1"]):
                pass


if __name__ == "__main__":
    unittest.main()
