# SPDX-License-Identifier: Apache-2.0
"""Servers that close instead of answering: some have no certificate of the key type that was asked for, and some will
not be asked again so soon. Who cannot tell them apart ships half a pin set."""
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from lab import Lab  # noqa: E402

COTTER = os.environ["COTTER_BIN"]
HOST = "api.example.com"


class Server:
    """Serves `identities` on 127.0.0.1; `closes(number)` tells of which connections, from 1, it closes."""

    def __init__(self, lab, identities, closes, reset):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for name in identities:
            self._context.load_cert_chain(lab.file(name, "chain.pem"), lab.file(name, "key"))
        self._closes, self._reset = closes, reset
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _serve(self):
        number = 0
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            number += 1
            self._answer(connection, number)

    def _answer(self, connection, number):
        connection.settimeout(20)
        if self._closes(number):
            connection.recv(1)
            if self._reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            return
        try:
            self._context.wrap_socket(connection, server_side=True).close()
        except OSError:
            connection.close()


def run(command, lab, server, *words):
    done = subprocess.run([COTTER, command, "--json", "--no-system-roots", "--cacert", lab.file("root"), "--timeout", "20",
                           "--connect-to", server.address, *words, HOST],
                          capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout)["targets"][0]


class TiredServers(unittest.TestCase):
    def test_no_half_pin_set(self):
        with Lab([]) as lab:
            for reset in (False, True):
                with self.subTest(reset=reset):
                    with Server(lab, ["leaf", "leaf-rsa"], lambda number: number > 1, reset) as server:
                        code, target = run("pins", lab, server)
                    self.assertEqual((code, target["certificates"]), (3, []))
                    self.assertEqual(target["error"]["code"], "connection_closed")
                    with Server(lab, ["leaf", "leaf-rsa"], lambda number: number > 1, reset) as server:
                        code, target = run("check", lab, server, "--pin", lab.pin("root"))
                    self.assertEqual((code, target["verdict"], target["code"]), (3, "network_error", "connection_closed"))

    def test_a_close_is_also_how_servers_say_no(self):
        # As servers do that close where they have no fitting certificate: the hello after that is answered again.
        with Lab([]) as lab:
            for reset in (False, True):
                with self.subTest(reset=reset):
                    with Server(lab, ["leaf"], lambda number: number == 2, reset) as server:
                        code, target = run("pins", lab, server)
                    self.assertEqual((code, len(target["certificates"]), target["error"]), (0, 3, None))
                    with Server(lab, ["leaf"], lambda number: number == 2, reset) as server:
                        code, target = run("check", lab, server, "--pin", lab.pin("root"))
                    self.assertEqual((code, target["verdict"]), (0, "pinned_ok"))


if __name__ == "__main__":
    unittest.main()
