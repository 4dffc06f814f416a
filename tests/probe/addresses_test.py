# SPDX-License-Identifier: Apache-2.0
"""`cotter pins` over the addresses of a name and the options that say how to reach it. The servers are openssl s_server
and Python's ssl."""
import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemons  # noqa: E402
from pki import HOST, Pki  # noqa: E402

COTTER = os.environ["COTTER_BIN"]


@contextlib.contextmanager
def answers_once(pki, name):
    """Python's ssl, which completes one handshake and says nothing to every later client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.file(name + ".chain.pem"), pki.file(name + ".key"))
    listener = socket.create_server(("127.0.0.1", 0))
    held = []

    def serve():
        with contextlib.suppress(OSError):
            client, _ = listener.accept()
            held.append(context.wrap_socket(client, server_side=True))
            while True:
                held.append(listener.accept()[0])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for client in (listener, *held):
            client.close()


class Addresses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls._directory = daemons.directory()
        cls.pki = Pki(cls._directory.__enter__())

    @classmethod
    def tearDownClass(cls):
        cls._directory.__exit__(None, None, None)

    def pins(self, *arguments):
        result = subprocess.run([COTTER, "pins", "--json", "--no-system-roots", "--cacert", self.pki.file("root.pem"),
                                 *arguments], capture_output=True, text=True, timeout=60, check=False)
        target = json.loads(result.stdout)["targets"][0]
        leaves = {one["spki"] for one in target["certificates"] if one["role"] == "leaf"}
        return result.returncode, leaves, target

    def test_both_families_of_localhost(self):
        with daemons.openssl_server(self.pki, ["ec"]) as port:
            # Nothing listens on ::1 yet, which says nothing of the server on this machine.
            self.assertEqual(self.pins(f"localhost:{port}")[:2], (0, {self.pki.pin("ec")}))
            with daemons.openssl_server(self.pki, ["other-ec"], port=port, address="::1"):
                one, other = self.pki.pin("ec"), self.pki.pin("other-ec")
                both = ["--resolve", f"localhost:{port}:127.0.0.1,::1", f"localhost:{port}"]
                self.assertEqual(self.pins(*both)[:2], (0, {one, other}))
                self.assertEqual(self.pins("-4", *both)[:2], (0, {one}))
                self.assertEqual(self.pins("-6", *both)[:2], (0, {other}))
                self.assertEqual(self.pins(f"127.0.0.1:{port}")[:2], (0, {one}))
                self.assertEqual(self.pins(f"[::1]:{port}")[:2], (0, {other}))
                self.assertEqual(self.pins(f"[::1%1]:{port}")[:2], (0, {other}))
                self.assertEqual(self.pins("--connect-to", f"::[::1]:{port}", HOST)[:2], (0, {other}))
                code, _, target = self.pins("-6", f"127.0.0.1:{port}")
                self.assertEqual((code, target["error"]["code"]), (3, "dns_failed"))

    def test_half_a_pin_set_never_looks_complete(self):
        with daemons.openssl_server(self.pki, ["ec"]) as port:
            code, leaves, target = self.pins("--resolve", f"{HOST}:{port}:127.0.0.1,127.0.0.2", f"{HOST}:{port}")
            self.assertEqual((code, leaves, target["certificates"]), (3, set(), []))
            self.assertEqual(target["error"]["code"], "connect_refused")
            self.assertIn("127.0.0.2", target["error"]["message"])

    def test_a_server_silent_to_the_second_key_type(self):
        with answers_once(self.pki, "ec") as port:
            code, leaves, target = self.pins("--timeout", "1", "--connect-to", f"127.0.0.1:{port}", HOST)
            self.assertEqual((code, leaves, target["error"]["code"]), (3, set(), "connect_timeout"))

    def test_resolve_and_connect_to_change_no_name(self):
        with daemons.openssl_server(self.pki, ["ec"]) as port:
            for option in (["--resolve", f"*:{port}:127.0.0.1", "--connect-to", f":::{port}"],
                           ["--connect-to", f"{HOST}:443:127.0.0.1:{port}"],
                           ["--connect-to", f"other.example:443:127.0.0.1:1", "--connect-to", f"127.0.0.1:{port}"]):
                self.assertEqual(self.pins(*option, HOST)[:2], (0, {self.pki.pin("ec")}), option)
            code, _, target = self.pins("--connect-to", f"127.0.0.1:{port}", "other.example.com")
            self.assertEqual((code, target["error"]["code"]), (1, "host_mismatch"))

    def test_unverified_chains_are_shown_only_on_demand(self):
        with daemons.openssl_server(self.pki, ["ec"]) as port:
            there = ["--connect-to", f"127.0.0.1:{port}", "other.example.com"]
            code, leaves, target = self.pins(*there)
            self.assertEqual((code, leaves, target["verified"]), (1, set(), False))
            code, leaves, target = self.pins("--insecure-show", *there)
            self.assertEqual((code, leaves, target["verified"]), (1, {self.pki.pin("ec")}, False))


if __name__ == "__main__":
    unittest.main()
