# SPDX-License-Identifier: Apache-2.0
"""A server that breaks off at every phase of a connection: what exactly the client gets, how often the request was sent, and that
nothing which was cut is taken for a whole (S1-30)."""
import json
import pathlib
import signal
import socket
import ssl
import struct
import threading
import time
import unittest

from gateway import HOST, PATIENCE, Gateway, Lab, policy_text, read_all, read_response, wait_for

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi"
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole"


class Cut(Exception):
    """The scene is over: the connection has been ended in its own way."""


class Connection:
    """One connection, whose TLS is made by hand, so that it can end between any two bytes."""

    def __init__(self, raw, context):
        self.raw = raw
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self.flights = 0

    def end(self, how):
        """`how`: "reset", "fin" (no close_notify), "notify" (a proper end of TLS)."""
        if how == "reset":
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if how == "notify":
            try:
                self._tls.unwrap()
            except ssl.SSLError:
                pass
            self.raw.sendall(self._out.read())
            self.raw.shutdown(socket.SHUT_WR)
            while self.raw.recv(1 << 16):
                pass
        self.raw.close()
        raise Cut

    def _feed(self):
        part = self.raw.recv(1 << 16)
        if not part:
            raise Cut
        self._in.write(part)

    def handshake(self, flight=0, share=1.0, how="reset"):
        """Breaks off in the server's flight of that number, after that share of its bytes; 0 is never."""
        while True:
            try:
                self._tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                done = False
            made = self._out.read()
            if made:
                self.flights += 1
                if self.flights == flight:
                    self.raw.sendall(made[:int(len(made) * share)])
                    self.end(how)
                self.raw.sendall(made)
            if done:
                return
            self._feed()

    def receive(self):
        """A request: its head, and two bytes of a body where it is a POST. b"" where none comes."""
        data = b""
        while b"\r\n\r\n" not in data or (data.startswith(b"POST") and not data.endswith(b"hi")):
            try:
                part = self._tls.read(1 << 16)
                if not part:
                    return b""
                data += part
            except ssl.SSLWantReadError:
                self._feed()
        return data

    def read_some(self):
        while True:
            try:
                part = self._tls.read(1 << 16)
            except ssl.SSLWantReadError:
                self._feed()
                continue
            if not part:
                raise Cut
            return part

    def send(self, data):
        self._tls.write(data)
        self.raw.sendall(self._out.read())


class Server:
    """`scene(connection, number)` plays the connection of that number, the first is 0; `requests` is what it received."""

    def __init__(self, lab, scene, version=ssl.TLSVersion.TLSv1_3):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(lab.file("leaf", "chain.pem"), lab.file("leaf", "key"))
        self._context.maximum_version = version
        self._scene = scene
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.connections = 0
        self.requests = []
        self.seen = threading.Semaphore(0)  # what was said has reached the client; a reset would take it away
        threading.Thread(target=self._accept, daemon=True).start()

    def route(self, **keys):
        port = self._listener.getsockname()[1]
        return {"upstream": f"{HOST}:443", "addresses": [f"127.0.0.1:{port}"], **keys}

    def _accept(self):
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            number, self.connections = self.connections, self.connections + 1
            threading.Thread(target=self._play, args=(raw, number), daemon=True).start()

    def _play(self, raw, number):
        raw.settimeout(PATIENCE)
        try:
            self._scene(Connection(raw, self._context), number, self)
        except (Cut, OSError):
            pass
        finally:
            raw.close()

    def take(self, connection):
        request = connection.receive()
        if not request:
            raise Cut
        self.requests.append(request)
        return request

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = cls.enterClassContext(Lab())

    def open(self, scene, version=ssl.TLSVersion.TLSv1_3, **keys):
        server = self.enterContext(Server(self.lab, scene, version))
        gateway = self.enterContext(Gateway(policy_text([self.lab.pin("leaf")]), [self.lab.file("root")],
                                            [server.route(**keys)]))
        return server, gateway

    def refused(self, answer):
        """The code of a 502 with its body."""
        status, head, body, rest = answer
        self.assertEqual((status, rest), (502, b""), answer)
        self.assertIn(b"Content-Type: application/json", head)
        return json.loads(body)["error"]["code"]

    def test_before_and_in_the_handshake(self):
        def at_once(how):
            return lambda connection, number, server: connection.end(how)

        def in_flight(*where):
            def play(connection, number, server):
                connection.handshake(*where)
                server.take(connection)  # what must not come

            return play

        scenes = {"at once, reset": (at_once("reset"), ssl.TLSVersion.TLSv1_3), "at once, end": (at_once("fin"), ssl.TLSVersion.TLSv1_3)}
        for version, flights in ((ssl.TLSVersion.TLSv1_3, (1,)), (ssl.TLSVersion.TLSv1_2, (1, 2))):
            for flight in flights:
                for share in (0, 0.01, 0.5, 0.99):
                    for how in ("reset", "fin"):
                        scenes[f"{version.name}, {share} of flight {flight}, {how}"] = (in_flight(flight, share, how), version)
        for name, (scene, version) in scenes.items():
            with self.subTest(name):
                server, gateway = self.open(scene, version)
                for request in (GET, POST):
                    with gateway.connect() as client:
                        client.sendall(request)
                        self.assertEqual(self.refused(read_response(client)), "CONNECTION_CLOSED")
                self.assertEqual(server.requests, [])
                self.assertEqual(server.connections, 2, "tried again")

    def test_after_the_last_flight(self):
        for version, flight in ((ssl.TLSVersion.TLSv1_3, 1), (ssl.TLSVersion.TLSv1_2, 2)):
            for how in ("reset", "fin"):
                def play(connection, number, server, flight=flight, how=how):
                    connection.handshake(flight, 1.0, how)

                with self.subTest(version.name, how=how):
                    _, gateway = self.open(play, version)
                    for request in (GET, POST):
                        with gateway.connect() as client:
                            client.sendall(request)
                            self.assertEqual(self.refused(read_response(client)), "CONNECTION_CLOSED")

    # Said before the end -> what the client gets: a code in a 502, or None where what it has is cut.
    CUTS = {
        "before the response": (b"", "CONNECTION_CLOSED"),
        "in the status line": (b"HTTP/1.1 2", "CONNECTION_CLOSED"),
        "in the head": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", "CONNECTION_CLOSED"),
        "after an interim response": (b"HTTP/1.1 103 Early Hints\r\n\r\n", None),
        "before the body": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", None),
        "in the body": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhol", None),
        "in the size of a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5", None),
        "in a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwho", None),
        "between chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n", None),
        "in the last chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n", None),
        "in a trailer": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\nX: ", None),
    }

    def test_in_the_response(self):
        for name, (said, code) in self.CUTS.items():
            for how in ("reset", "fin", "notify"):
                def play(connection, number, server, name=name, said=said, how=how):
                    connection.handshake()
                    server.take(connection)
                    if said:
                        connection.send(said)
                    if self.CUTS[name][1] is None:
                        server.seen.acquire(timeout=PATIENCE)
                    connection.end(how)

                with self.subTest(name, how=how):
                    server, gateway = self.open(play)
                    for request in (GET, POST):
                        with gateway.connect() as client:
                            client.sendall(request)
                            if code is not None:
                                self.assertEqual(self.refused(read_response(client)), code)
                                continue
                            self.assertTrue(client.recv(1 << 16).startswith(b"HTTP/1.1 "))
                            server.seen.release()
                            # However it is read: until the end, by its length or by its chunks.
                            with self.assertRaises(ConnectionResetError):
                                read_all(client)
                    self.assertEqual(server.requests.count(server.requests[0]), 1, "a new connection's request was sent again")
                    self.assertEqual(len(server.requests), 2)

    def test_a_response_until_the_end_needs_the_end_of_TLS(self):
        for how, whole in (("notify", True), ("fin", False), ("reset", False)):
            def play(connection, number, server, how=how):
                connection.handshake()
                server.take(connection)
                connection.send(b"HTTP/1.1 200 OK\r\n\r\nwhole")
                server.seen.acquire(timeout=PATIENCE)
                connection.end(how)

            with self.subTest(how):
                server, gateway = self.open(play)
                with gateway.connect() as client:
                    client.sendall(GET)
                    self.assertTrue(client.recv(1 << 16).endswith(b"whole"))
                    server.seen.release()
                    if whole:
                        self.assertEqual(read_all(client), b"")
                    else:
                        with self.assertRaises(ConnectionResetError):
                            read_all(client)

    def test_after_the_response_and_between_requests(self):
        for how in ("reset", "fin", "notify"):
            def play(connection, number, server, how=how):
                connection.handshake()
                server.take(connection)
                connection.send(WHOLE)
                server.seen.acquire(timeout=PATIENCE)
                connection.end(how)

            with self.subTest(how):
                server, gateway = self.open(play)
                idle = 'cotter_gateway_upstream_connections{route="r0",state="idle"}'
                with gateway.connect() as client:
                    for number, request in enumerate((GET, POST, GET, POST), 1):
                        client.sendall(request)
                        self.assertEqual(read_response(client)[2], b"whole")
                        server.seen.release()
                        wait_for("the end to be seen", lambda: gateway.metrics()[idle] == 0)
                        self.assertEqual(len(server.requests), number)

    # The connection's first request is answered, and the end comes in place of the second answer.
    def test_in_place_of_an_answer_on_a_connection_that_was_kept(self):
        for how in ("reset", "fin", "notify"):
            for said, sent_twice in ((b"", True), (b"HTTP/1.1 2", False)):
                def play(connection, number, server, how=how, said=said):
                    connection.handshake()
                    server.take(connection)
                    connection.send(WHOLE)
                    server.take(connection)
                    if said:
                        connection.send(said)
                    connection.end(how)

                with self.subTest(how, said=said):
                    server, gateway = self.open(play)
                    with gateway.connect() as client:
                        client.sendall(GET)
                        self.assertEqual(read_response(client)[2], b"whole")
                        client.sendall(GET.replace(b" / ", b" /2 "))
                        if sent_twice:
                            self.assertEqual(read_response(client)[2], b"whole")
                        else:
                            self.assertEqual(self.refused(read_response(client)), "CONNECTION_CLOSED")
                            client.sendall(GET)
                            self.assertEqual(read_response(client)[2], b"whole")
                        self.assertEqual(len([one for one in server.requests if b" /2 " in one]), 2 if sent_twice else 1)
                        client.sendall(POST)
                        self.assertEqual(self.refused(read_response(client)), "CONNECTION_CLOSED")
                        self.assertEqual(server.requests.count(server.requests[-1]), 1, "a POST was sent again")

    def test_a_second_failure_is_the_answer(self):
        def play(connection, number, server):
            connection.handshake()
            server.take(connection)
            if number == 0:
                connection.send(WHOLE)
                server.take(connection)
            connection.end("reset")

        server, gateway = self.open(play)
        with gateway.connect() as client:
            client.sendall(GET)
            self.assertEqual(read_response(client)[2], b"whole")
            client.sendall(GET)
            self.assertEqual(self.refused(read_response(client)), "CONNECTION_CLOSED")
        self.assertEqual(len(server.requests), 3)

    def test_in_the_end_of_TLS(self):
        def play(connection, number, server):
            connection.handshake()
            server.take(connection)
            connection.send(WHOLE)
            # The gateway, which keeps no connection here, ends TLS: it is answered by a reset.
            connection.raw.recv(1)
            connection.end("reset")

        server, gateway = self.open(play, idle_connections=0)
        with gateway.connect() as client:
            for _ in range(10):
                client.sendall(GET)
                self.assertEqual(read_response(client)[2], b"whole")
        self.assertEqual(len(server.requests), 10)
        self.assertEqual(gateway.stop(), 0)

    def test_in_the_request_body(self):
        def play(answer, how):
            def scene(connection, number, server):
                connection.handshake()
                connection.raw.settimeout(PATIENCE)
                connection.receive()
                if answer:
                    connection.send(answer)
                connection.end(how)

            return scene

        body = b"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\n"
        early = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n"
        for answer, how in ((b"", "reset"), (b"", "fin"), (b"", "notify"), (early, "fin"), (early, "notify")):
            with self.subTest(answer, how=how):
                _, gateway = self.open(play(answer, how))
                with gateway.connect() as client:
                    client.settimeout(1)
                    client.sendall(body)
                    end = time.monotonic() + PATIENCE
                    try:
                        while time.monotonic() < end:
                            client.sendall(b"x" * 65_536)
                    except (ConnectionError, TimeoutError):
                        pass
                    client.settimeout(PATIENCE)
                    try:
                        status = read_response(client)[0]
                    except ConnectionError:
                        continue  # what the client went on sending took the answer with it
                    # An end of the socket with something unread is a reset, which takes the answer away.
                    self.assertIn(status, (413,) if answer and how == "notify" else (413, 502) if answer else (502,))


class Pool(unittest.TestCase):
    """What a server says that nobody asked for is nobody's answer."""

    @classmethod
    def setUpClass(cls):
        cls.lab = cls.enterClassContext(Lab())

    # Who waits for a connection is judged by the policy of the moment that it gets one, whether it may have one that was used
    # or not (a request that is sent again, a TCP client): with one connection allowed, both wait for it.
    def test_who_waited_meets_the_policy_that_is_in_force_by_then(self):
        queued, steps = threading.Event(), []

        def play(connection, number, server):
            connection.handshake()
            server.take(connection)
            if number == 0:
                connection.send(WHOLE)
                server.take(connection)
                queued.wait(PATIENCE)
                connection.end("reset")
            steps.append(number)
            server.take(connection)  # nothing more comes, for the policy has changed

        def waiting():
            return gateway.metrics()['cotter_gateway_clients{route="r0"}'] == 2

        with Server(self.lab, play) as server, Gateway(
                policy_text([self.lab.pin("leaf")]), [self.lab.file("root")], [server.route(connections=1)],
                tables={"timeouts": {"connect": 100}}) as gateway, gateway.connect() as again, gateway.connect() as other:
            again.sendall(GET)
            self.assertEqual(read_response(again)[2], b"whole")
            again.sendall(GET.replace(b" / ", b" /again "))
            wait_for("the request that will be sent again", lambda: len(server.requests) == 2)
            other.sendall(GET.replace(b" / ", b" /other "))
            wait_for("the other client", waiting)
            queued.set()
            # The other one, which waited longer, has the connection now, and the request that is to be sent again waits.
            wait_for("the other's request", lambda: steps)
            wait_for("its turn", lambda: gateway.metrics()['cotter_gateway_upstream_retries_total{route="r0"}'] == 1)
            gateway.policy.write_text(policy_text([self.lab.pin("backup")], version=2))
            gateway.reload()
            status, _, body, _ = read_response(again)
            self.assertEqual((status, json.loads(body)["error"]["code"]), (502, "PIN_MISMATCH"))
            self.assertEqual(read_response(other)[0], 502)
        self.assertEqual([b" /again " in one for one in server.requests], [False, True, False])

    def test_a_tcp_client_that_waited_meets_it_too(self):
        def play(connection, number, server):
            connection.handshake()
            while True:
                server.requests.append(connection.read_some())

        with Server(self.lab, play) as server, Gateway(
                policy_text([self.lab.pin("leaf")]), [self.lab.file("root")], [server.route(mode="tcp", connections=1)],
                tables={"timeouts": {"connect": 100}}) as gateway, gateway.connect() as first, gateway.connect() as second:
            first.sendall(b"hello")
            wait_for("the bytes", lambda: server.requests)
            second.sendall(b"secret")
            wait_for("the second client", lambda: gateway.metrics()['cotter_gateway_clients{route="r0"}'] == 2)
            gateway.policy.write_text(policy_text([self.lab.pin("backup")], version=2))
            gateway.reload()
            for client in (first, second):
                with self.assertRaises(ConnectionResetError):
                    self.assertNotEqual(client.recv(1), b"", "an end as after a whole answer")
        self.assertEqual(server.requests, [b"hello"])

    # The request and the bytes come in the same round of the gateway's loop, the request first: it used to be sent on the
    # connection whose answer was there already.
    def test_bytes_that_came_with_the_next_request_are_not_its_answer(self):
        speak = threading.Event()

        def play(connection, number, server):
            connection.handshake()
            server.take(connection)
            connection.send(WHOLE)
            if number == 0:
                speak.wait(PATIENCE)
                connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
                spoken.set()
            while True:
                server.take(connection)
                connection.send(WHOLE)

        spoken = threading.Event()
        with Server(self.lab, play) as server, Gateway(policy_text([self.lab.pin("leaf")]), [self.lab.file("root")],
                                                       [server.route()]) as gateway, gateway.connect() as client:
            client.sendall(GET)
            self.assertEqual(read_response(client)[2], b"whole")
            gateway.process.send_signal(signal.SIGSTOP)
            status = pathlib.Path(f"/proc/{gateway.process.pid}/stat")
            wait_for("the stop", lambda: status.read_text().rsplit(")", 1)[1].split()[0] == "T")
            client.sendall(GET)
            speak.set()
            spoken.wait(PATIENCE)
            gateway.process.send_signal(signal.SIGCONT)
            self.assertEqual(read_response(client)[2], b"whole")
            self.assertEqual(server.connections, 2)


if __name__ == "__main__":
    unittest.main()
