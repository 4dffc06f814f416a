# SPDX-License-Identifier: Apache-2.0
"""Slow, idle and too many clients, broken servers, no descriptors: a normal client does not notice."""
import json
import os
import resource
import socket
import threading
import time
import unittest

from gateway import HOST, PATIENCE, Gateway, Lab, Upstream, policy_text, read_all, read_response, receive, serve_http, wait_for

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
P99_SECONDS = 0.1  # what is asked of a normal client beside all the others


def latencies(gateway, count):
    """Seconds of each of `count` requests on one connection."""
    took = []
    with gateway.connect() as client:
        for _ in range(count):
            start = time.monotonic()
            client.sendall(GET)
            status, _, _, rest = read_response(client)
            assert status == 200 and rest == b"", (status, rest)
            took.append(time.monotonic() - start)
    return took


class WithGateway(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = cls.enterClassContext(Lab())

    def gateway(self, *routes, **keys):
        return self.enterContext(
            Gateway(policy_text([self.lab.pin("leaf")]), [self.lab.file("root")], routes, **keys))

    def upstream(self, serve=serve_http):
        return self.enterContext(Upstream(self.lab, serve))


class Limits(WithGateway):
    def test_slow_heads_and_bodies_end_in_time(self):
        gateway = self.gateway(self.upstream().route(), tables={"timeouts": {"header": 1, "body": 1, "idle": 1}})
        start = time.monotonic()
        with gateway.connect() as silent, gateway.connect() as head, gateway.connect() as body, gateway.connect() as idle:
            head.sendall(b"GET / HTTP/1.1\r\nHost: loc")
            body.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nabc")
            idle.sendall(GET)
            read_response(idle)

            def drip():
                for _ in range(100):
                    try:
                        body.sendall(b"x")
                    except OSError:
                        return
                    time.sleep(0.05)

            dripping = threading.Thread(target=drip)
            dripping.start()
            self.assertEqual(read_all(silent), b"")
            self.assertEqual(read_response(head)[0], 408)
            self.assertEqual(read_response(body)[0], 408)
            self.assertEqual(read_all(idle), b"")
            dripping.join()
        self.assertLess(time.monotonic() - start, PATIENCE)

    def test_a_client_that_does_not_read_is_let_go(self):
        def flood(connection, record):
            receive(connection, record)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
            while True:
                connection.sendall(b"x" * 65_536)

        gateway = self.gateway(self.upstream(flood).route(), tables={"timeouts": {"body": 1}})
        with gateway.connect() as client:
            client.sendall(GET)
            wait_for("the client's end", lambda: gateway.metrics()['cotter_gateway_clients{route="r0"}'] == 0)

    def test_over_the_limit_the_longest_idle_client_makes_room(self):
        gateway = self.gateway(self.upstream().route(), tables={"limits": {"connections": 3}})
        clients = [self.enterContext(gateway.connect()) for _ in range(3)]
        for client in clients:
            client.sendall(GET)
            self.assertEqual(read_response(client)[0], 200)
        with gateway.connect() as another:
            another.sendall(GET)
            self.assertEqual(read_response(another)[0], 200)
            self.assertEqual(read_all(clients[0]), b"")
            clients[1].sendall(GET)
            self.assertEqual(read_response(clients[1])[0], 200)

    def test_requests_wait_for_a_connection_and_not_for_ever(self):
        release = threading.Event()

        def hold(connection, record):
            while receive(connection, record):
                release.wait(PATIENCE)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        gateway = self.gateway(self.upstream(hold).route(connections=1),
                               tables={"timeouts": {"connect": 1, "handshake": 1}})
        with gateway.connect() as first, gateway.connect() as second, gateway.connect() as third:
            first.sendall(GET)
            wait_for("the first", lambda: gateway.metrics()[
                'cotter_gateway_upstream_connections{route="r0",state="busy"}'] == 1)
            second.sendall(GET)
            status, _, body, _ = read_response(second)
            self.assertEqual((status, json.loads(body)["error"]["code"]), (503, "UPSTREAM_BUSY"))
            third.sendall(GET)
            release.set()
            self.assertEqual(read_response(first)[0], 200)
            self.assertEqual(read_response(third)[0], 200)

    def test_a_server_that_breaks_at_any_phase_is_an_answer_or_a_reset(self):
        def after_request(connection, record):
            receive(connection, record)

        def in_head(connection, record):
            receive(connection, record)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")

        def in_body(connection, record):
            receive(connection, record)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

        for name, serve, whole in (("after the request", after_request, True), ("in the head", in_head, True),
                                   ("in the body", in_body, False)):
            with self.subTest(name):
                gateway = self.gateway(self.upstream(serve).route())
                with gateway.connect() as client:
                    client.sendall(GET)
                    if whole:
                        status, _, body, _ = read_response(client)
                        self.assertEqual((status, json.loads(body)["error"]["code"]), (502, "CONNECTION_CLOSED"))
                    else:
                        with self.assertRaises((ConnectionError, AssertionError)):
                            self.assertEqual(read_response(client)[2], b"whole")
        for knobs, status, code in ((["--fault", "close"], 502, "CONNECTION_CLOSED"),
                                    (["--fault", "reset"], 502, "CONNECTION_CLOSED"),
                                    (["--fault", "garbage"], 502, "NOT_TLS"),
                                    (["--fault", "plain-http"], 502, "NOT_TLS"),
                                    (["--fault", "silence"], 504, "CONNECT_TIMEOUT"),
                                    (["--fault", "close", "--phase", "mid-handshake"], 502, "CONNECTION_CLOSED"),
                                    (["--fault", "silence", "--phase", "mid-handshake"], 504, "CONNECT_TIMEOUT"),
                                    (["--fault", "silence", "--phase", "after-handshake"], 504, "RESPONSE_TIMEOUT")):
            with self.subTest(knobs), Lab(knobs) as lab:
                gateway = self.enterContext(Gateway(
                    policy_text([lab.pin("leaf")]), [lab.file("root")],
                    [{"upstream": f"{HOST}:443", "addresses": [f"127.0.0.1:{lab.port()}"]}],
                    tables={"timeouts": {"handshake": 1, "response": 1, "connect": 1}}))
                with gateway.connect() as client:
                    client.sendall(GET)
                    got, _, body, _ = read_response(client)
                    self.assertEqual((got, json.loads(body)["error"]["code"]), (status, code), body)

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as unused:
            port = unused.getsockname()[1]
        gateway = self.gateway({"upstream": f"{HOST}:443", "addresses": [f"127.0.0.1:{port}"]})
        with gateway.connect() as client:
            client.sendall(GET)
            status, _, body, _ = read_response(client)
            self.assertEqual((status, json.loads(body)["error"]["code"]), (502, "CONNECT_REFUSED"))

    def test_only_what_may_be_sent_twice_is(self):
        def one_request_a_connection(connection, record):
            # Says keep-alive, and closes when the next request comes, as servers do whose idle time ends just then.
            receive(connection, record)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            receive(connection, record)

        for method, body, retried in (("GET", b"", True), ("DELETE", b"", True), ("POST", b"", False),
                                      ("PUT", b"x", False)):
            with self.subTest(method):
                upstream = self.upstream(one_request_a_connection)
                gateway = self.gateway(upstream.route())
                request = (f"{method} / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body
                with gateway.connect() as client:
                    client.sendall(GET)
                    self.assertEqual(read_response(client)[0], 200)
                    client.sendall(request)
                    self.assertEqual(read_response(client)[0], 200 if retried else 502)
                self.assertEqual(upstream.data.count(f"{method} / ".encode()), 3 if method == "GET" else 2 if retried else 1)
                self.assertEqual(gateway.metrics()['cotter_gateway_upstream_retries_total{route="r0"}'], int(retried))


class Resources(WithGateway):
    """Memory and descriptors. A sanitizer takes much of the one, and without the others calls every object broken."""

    def test_many_idle_half_open_and_slow_clients_do_not_slow_a_normal_one(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        count = min(10_000, (hard - 500) // 2)
        gateway = self.gateway(self.upstream().route(), tables={"timeouts": {"header": 300, "idle": 300}})
        clients = []
        self.addCleanup(lambda: [client.close() for client in clients])
        for number in range(count):
            client = gateway.connect()
            if number % 4 == 1:  # half of a head
                client.sendall(b"GET / HTTP/1.1\r\nHost: local")
            elif number % 4 == 2:  # served, and idle since
                client.sendall(GET)
            clients.append(client)
        wait_for("their being accepted", lambda: gateway.metrics()['cotter_gateway_clients{route="r0"}'] >= count)
        done = threading.Event()

        def drip():
            while not done.wait(0.05):
                for client in clients[1:400:4]:
                    client.sendall(b"x")

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            took = sorted(latencies(gateway, 300))
        finally:
            done.set()
            dripping.join()
        self.assertLess(took[int(len(took) * 0.99)], P99_SECONDS, took[-5:])
        with open(f"/proc/{gateway.process.pid}/status", encoding="ascii") as file:
            resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
        # A quarter of them hold a block for their half of a head.
        self.assertLess(resident, 300 * 1024)

    def limit(self, gateway, command):
        program = gateway.dir / "limited"
        program.write_text(f'#!/bin/sh\n{command}\nexec {os.path.abspath(gateway._program)} "$@"\n')
        program.chmod(0o755)
        gateway._program = str(program)

    def test_without_descriptors_clients_are_let_go_and_the_gateway_lives(self):
        gateway = self.gateway(self.upstream().route(), start=False)
        self.limit(gateway, "ulimit -n 40")
        gateway.start()
        clients = [gateway.connect() for _ in range(100)]
        ended = wait_for("some to be let go", lambda: [client for client in clients if is_over(client)])
        self.assertGreater(len(ended), 30)
        for client in clients:
            client.close()

        def served():
            with gateway.connect() as client:
                try:
                    client.sendall(GET)
                    return read_response(client)[0] == 200
                except OSError:
                    return False

        wait_for("the gateway's recovery", served)
        self.assertGreater(gateway.metrics()['cotter_gateway_clients_refused_total{route="r0"}'], 30)


    # Each failure served the next who waited, one call deeper: with enough of them the stack ended.
    def test_without_descriptors_all_who_wait_are_answered(self):
        stop = threading.Event()
        self.addCleanup(stop.set)
        first = threading.Event()

        def silent():
            with socket.create_server(("127.0.0.1", 0)) as listener:
                self.silent_port = listener.getsockname()[1]
                first.set()
                connection, _ = listener.accept()
                stop.wait(PATIENCE * 10)
                connection.close()

        threading.Thread(target=silent, daemon=True).start()
        first.wait(PATIENCE)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        count = min(9_000, (hard - 500) // 2)
        gateway = self.gateway({"upstream": f"{HOST}:443", "addresses": [f"127.0.0.1:{self.silent_port}"], "connections": 1},
                               tables={"timeouts": {"handshake": 600}}, start=False)
        self.limit(gateway, "ulimit -s 512")
        gateway.start()
        clients = []
        self.addCleanup(lambda: [client.close() for client in clients])
        for _ in range(count):
            clients.append(gateway.connect())
            clients[-1].sendall(GET)
        wait_for("their being accepted", lambda: gateway.metrics()['cotter_gateway_clients{route="r0"}'] >= count)
        resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, (3, hard))
        stop.set()
        for client in clients:
            self.assertEqual(read_response(client)[0], 502)
        self.assertIsNone(gateway.process.poll())


def is_over(client):
    """Whether the other side has closed."""
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


if __name__ == "__main__":
    unittest.main()
