# SPDX-License-Identifier: Apache-2.0
"""A gateway whose memory runs out while clients push: what it cannot serve it refuses, nothing reaches a server that the policy
refuses, and it serves again once they are gone (S1-30)."""
import collections
import contextlib
import os
import pathlib
import resource
import signal
import socket
import subprocess
import tempfile
import unittest

from gateway import Gateway, Lab, Upstream, policy_text, read_response, serve_http, wait_for

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
CLIENTS = 1500
ROOM = 6 << 20  # bytes beyond what the gateway has at rest; that many clients need several times as much


def address_space(process):
    return int(pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[0]) * resource.getpagesize()


class Memory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        cls.addClassCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        cls.lab = cls.enterClassContext(Lab())
        cls.upstream = cls.enterClassContext(Upstream(cls.lab, serve_http))
        cls.rogue = cls.enterClassContext(Upstream(cls.lab, serve_http, identity="rogue-leaf"))

    def gateway(self):
        roots = [self.lab.file("root"), self.lab.file("rogue-root")]
        return self.enterContext(Gateway(policy_text([self.lab.pin("leaf")]), roots,
                                         [self.upstream.route(), self.rogue.route(name="rogue")]))

    def get(self, gateway, route=0):
        with gateway.connect(route) as client:
            client.sendall(GET)
            return read_response(client)[0]

    def served(self, gateway):
        """Whether it serves again; a client that comes too early is not taken."""
        self.assertIsNone(gateway.process.poll(), f"the gateway ended: {gateway.log[-5:]}")
        with contextlib.suppress(OSError):
            return self.get(gateway) == 200
        return False

    def push(self, gateway, route):
        """Clients that send a request each, with most of a large head before it, and read nothing."""
        clients = []
        for number in range(CLIENTS):
            client = socket.socket()
            clients.append(client)
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", gateway.port(route)))
            if number % 50 == 49:
                self.assertIsNone(gateway.process.poll(), "the gateway ended")
        for client in clients:
            try:
                client.setblocking(True)
                client.settimeout(5)
                client.sendall(GET[:-2] + b"X: " + b"y" * 12_000 + b"\r\n" + (b"" if route == 0 else b"\r\n"))
            except OSError:
                pass  # refused, which is an answer
        return clients

    def test_memory_runs_out_and_comes_back(self):
        gateway = self.gateway()
        self.assertEqual(self.get(gateway), 200)
        self.assertEqual(self.get(gateway, "rogue"), 502)
        resource.prlimit(gateway.process.pid, resource.RLIMIT_AS, (address_space(gateway.process) + ROOM,) * 2)
        for route in (0, "rogue"):
            clients = self.push(gateway, route)
            self.assertIsNone(gateway.process.poll(), f"the gateway ended: {gateway.log[-3:]}")
            for client in clients:
                client.close()
            wait_for("service", lambda: self.served(gateway))
        self.assertTrue(gateway.events("memory_short"), "there was memory enough")
        self.assertEqual(self.get(gateway, "rogue"), 502)
        self.assertEqual(self.rogue.data, b"", "a byte for a server that is refused")
        self.assertEqual(gateway.stop(), 0)

    # With not even the reserve left, what is being done is given up: its connection, and no other.
    def test_not_even_the_reserve_is_left(self):
        switch = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="cotter-memory-")), "short")
        library = switch.with_suffix(".so")
        source = os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/gateway/short_memory.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True, timeout=60)
        answers = collections.Counter()
        for period in (97, 1009, 4999):
            switch.unlink(missing_ok=True)
            gateway = self.enterContext(Gateway(
                policy_text([self.lab.pin("leaf")]), [self.lab.file("root"), self.lab.file("rogue-root")],
                [self.upstream.route(idle_connections=2), self.rogue.route(name="rogue"), self.upstream.route(name="tcp", mode="tcp")],
                environment={"LD_PRELOAD": str(library), "SHORT_MEMORY": str(switch), "SHORT_PERIOD": str(period)}))
            self.assertEqual(self.get(gateway), 200)
            switch.touch()
            for number in range(400):
                route = (0, "tcp", 0, "rogue")[number % 4]
                self.assertIsNone(gateway.process.poll(), f"the gateway ended: {gateway.log[-3:]}")
                with contextlib.suppress(OSError, AssertionError), gateway.connect(route) as client:
                    client.sendall(GET if number % 2 == 0 else GET.replace(b"GET", b"PUT"))
                    answers[read_response(client)[0]] += 1
                    client.sendall(GET)
                    answers[read_response(client)[0]] += 1
                if number % 100 == 50:
                    gateway.process.send_signal(signal.SIGHUP)
            self.assertEqual(gateway.stop(), 0)
        self.assertEqual(self.rogue.data, b"", "a byte for a server that is refused")
        self.assertGreater(answers[200], 100, answers)
        self.assertGreater(answers[503] + answers[None], 10, answers)


if __name__ == "__main__":
    unittest.main()
