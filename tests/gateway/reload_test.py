# SPDX-License-Identifier: Apache-2.0
"""SIGHUP reads the whole configuration again: routes, sockets, limits, trust and policy come into force together or not at all,
and nobody who is being served notices (S1-30)."""
import hashlib
import json
import pathlib
import signal
import socket
import ssl
import tempfile
import threading
import unittest

from gateway import (HOST, PATIENCE, Gateway, Lab, Upstream, echo, free_port, policy_text, read_all, read_response, receive,
                     serve_http, wait_for)

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Held:
    """An upstream whose answer waits until it is released, so that a request can be in flight meanwhile."""

    def __init__(self):
        self.release = threading.Event()

    def __call__(self, connection, record):
        while request := receive(connection, record):
            if b"/now" not in request:
                self.release.wait(PATIENCE)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nheld")


class Reload(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = cls.enterClassContext(Lab())

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="cotter-reload-")))
        self.upstream = self.server(serve_http)

    def server(self, serve, **keys):
        return self.enterContext(Upstream(self.lab, serve, **keys))

    def gateway(self, *routes, **keys):
        gateway = Gateway(policy_text([self.lab.pin("leaf")]), [self.lab.file("root")], routes, **keys)
        return self.enterContext(gateway)

    def get(self, client):
        client.sendall(GET)
        return read_response(client)[0]

    def reload(self, gateway, *routes, tables=None, works=True):
        """The configuration with other routes and tables; `works` is what is expected of it."""
        gateway.configure(routes, tables)
        gateway.reload()
        self.assertEqual(bool(gateway.log_since_reload("reloaded")), works, gateway.log[-4:])
        self.assertEqual(gateway.metrics()["cotter_config_last_reload_successful"], int(works))
        if works:
            digest = hashlib.sha256(gateway.config.read_bytes()).hexdigest()
            self.assertEqual(gateway.metrics()[f'cotter_config_info{{sha256="{digest}"}}'], 1)

    def test_a_route_that_did_not_change_keeps_its_clients_and_its_connections(self):
        other = self.server(serve_http)
        gateway = self.gateway(self.upstream.route(listen=f"127.0.0.1:{free_port()}"))
        with gateway.connect() as client:
            self.assertEqual(self.get(client), 200)
            self.reload(gateway, self.upstream.route(listen=gateway.address()), other.route())
            self.assertEqual(self.get(client), 200)
            self.assertEqual(len(self.upstream.records), 1, "another connection to the server")
            with gateway.connect(1) as another:
                self.assertEqual(self.get(another), 200)
            metrics = gateway.metrics()
            self.assertEqual(metrics['cotter_gateway_requests_total{route="r0",code="200"}'], 2)
            self.assertEqual(metrics['cotter_gateway_requests_total{route="r1",code="200"}'], 1)
            self.assertEqual(metrics["cotter_gateway_retired_clients"], 0)

    def test_a_changed_server_finishes_what_was_begun_and_gets_nothing_new(self):
        held = Held()
        slow = self.server(held)
        listen = f"127.0.0.1:{free_port()}"
        gateway = self.gateway(slow.route(listen=listen))
        with gateway.connect() as busy, gateway.connect() as idle, gateway.connect() as half:
            idle.sendall(GET.replace(b" / ", b" /now "))
            self.assertEqual(read_response(idle)[0], 200)
            busy.sendall(GET)
            wait_for("the request", lambda: b" / " in slow.data)
            half.sendall(GET[:20])
            wait_for("all of them", lambda: gateway.metrics()['cotter_gateway_clients{route="r0"}'] == 3)
            self.reload(gateway, self.upstream.route(listen=listen))
            # Idle after its request: for the next one it connects again.
            self.assertEqual(read_all(idle), b"")
            # The half request is finished where it began, and is the last of its connection.
            half.sendall(GET[20:])
            with gateway.connect() as new:
                self.assertEqual(self.get(new), 200)
                self.assertEqual(len(self.upstream.records), 1)
                self.assertEqual(gateway.metrics()["cotter_gateway_retired_clients"], 2)
                held.release.set()
                for client in (busy, half):
                    answer = read_all(client)
                    self.assertTrue(answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"held"), answer)
                wait_for("the end of the old route", lambda: gateway.metrics()["cotter_gateway_retired_clients"] == 0)
                self.assertEqual(self.get(new), 200)
            # One count for one name, whatever served it.
            self.assertEqual(gateway.metrics()['cotter_gateway_requests_total{route="r0",code="200"}'], 5)
        wait_for("the old connections' end", lambda: all(record.ended for record in slow.records))
        self.assertEqual(gateway.stop(), 0)

    def test_a_removed_route_closes_its_socket_and_its_file(self):
        path = self.folder / "gone.sock"
        gateway = self.gateway(self.upstream.route(), self.upstream.route(listen=f"unix:{path}"))
        port = gateway.port()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            self.assertEqual(self.get(client), 200)
            self.reload(gateway, self.upstream.route(name="new"))
            self.assertEqual(read_all(client), b"")
        self.assertFalse(path.exists())
        with self.assertRaises(ConnectionError):
            socket.create_connection(("127.0.0.1", port), PATIENCE)
        with gateway.connect("new") as client:
            self.assertEqual(self.get(client), 200)
        wait_for("the end of its figures", lambda: "r1" not in "".join(gateway.metrics()))

    def test_whoever_waits_at_a_socket_that_changes_hands_is_served(self):
        path = self.folder / "kept.sock"
        gateway = self.gateway(self.upstream.route(listen=f"unix:{path}"))
        inode = path.stat().st_ino
        other = self.server(serve_http)
        gateway.process.send_signal(signal.SIGSTOP)
        waiting = [self.enterContext(socket.socket(socket.AF_UNIX)) for _ in range(20)]
        for client in waiting:
            client.connect(str(path))
            client.sendall(GET)
        gateway.configure([other.route(name="heir", listen=f"unix:{path}", permissions="0660")])
        gateway.process.send_signal(signal.SIGHUP)
        gateway.process.send_signal(signal.SIGCONT)
        for client in waiting:
            self.assertEqual(read_response(client)[0], 200)
        wait_for("the reload", lambda: gateway.events("reloaded"))
        self.assertEqual((path.stat().st_ino, path.stat().st_mode & 0o777), (inode, 0o660))

    def test_limits_hold_from_then_on(self):
        route = self.upstream.route(listen=f"127.0.0.1:{free_port()}")
        gateway = self.gateway(route)
        big = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n" + b"x" * 100
        named = GET.replace(b"localhost", b"my.name")
        with gateway.connect() as client:
            client.sendall(big)
            self.assertEqual(read_response(client)[0], 200)
            self.reload(gateway, {**route, "hosts": ["my.name"], "idle_connections": 0},
                        tables={"limits": {"body": 10, "connections": 2}, "timeouts": {"header": 1}})
            client.sendall(named)
            self.assertEqual(read_response(client)[0], 200)
            client.sendall(big)
            self.assertEqual(read_response(client)[0], 413)
        with gateway.connect() as slow:
            slow.sendall(GET[:10])
            self.assertEqual(read_response(slow)[0], 408)
        self.assertEqual(gateway.metrics()['cotter_gateway_upstream_connections{route="r0",state="idle"}'], 0)

    def test_whatever_is_wrong_changes_nothing_and_is_told(self):
        taken = self.enterContext(socket.create_server(("127.0.0.1", 0)))
        path = self.folder / "new.sock"
        route = self.upstream.route(listen=f"127.0.0.1:{free_port()}")
        new = self.server(serve_http).route(name="new", listen=f"unix:{path}")
        gateway = self.gateway(route)
        before = {key: value for key, value in gateway.metrics().items() if key.startswith("cotter_config_info")}
        with gateway.connect() as client:
            self.assertEqual(self.get(client), 200)
            for name, routes, tables, said in (
                ("an unknown key", [{**route, "colour": "red"}], {}, "unknown key"),
                ("an address that is taken", [new, {**route, "name": "x", "listen": "127.0.0.1:%d" % taken.getsockname()[1]}],
                 {}, "in use"),
                ("other machines could listen", [new, {**route, "listen": "0.0.0.0:0"}], {}, "--insecure-listen-anywhere"),
                ("a client certificate that is not there", [new, {**route, "certificate": "/no", "key": "/no"}], {}, "/no"),
                ("trust that is not there", [new], {"trust": {"files": ["/none.pem"]}}, "/none.pem"),
                ("a policy that is not there", [new], {"gateway": {"policy": "other.toml"}}, "other.toml"),
                ("another environment", [new], {"gateway": {"policy": "policy.toml", "environment": "moon"}}, "moon"),
                ("no inherited socket", [new, {**route, "listen": "systemd:x"}], {}, "handed over no socket"),
                ("the admin's address is taken", [new], {"admin": {"listen": "127.0.0.1:%d" % taken.getsockname()[1]}}, "in use"),
            ):
                with self.subTest(name):
                    self.reload(gateway, *routes, tables=tables, works=False)
                    self.assertIn(said, gateway.events("reload_failed")[-1]["message"])
                    self.assertFalse(path.exists(), "half of it is in force")
                    self.assertEqual(self.get(client), 200)
                    self.assertLessEqual(before.items(), gateway.metrics().items())
            gateway.configure([route, new])
            gateway.policy.write_text("[policy]\nnam = 1\n")
            gateway.reload()
            self.assertIn("unknown key", gateway.events("reload_failed")[-1]["message"])
            self.assertFalse(path.exists(), "half of it is in force")
            gateway.policy.write_text(policy_text([self.lab.pin("leaf")]))
            gateway.reload()
            self.assertTrue(gateway.log_since_reload("reloaded"))
            self.assertEqual(self.get(client), 200)
            with socket.socket(socket.AF_UNIX) as other:
                other.connect(str(path))
                self.assertEqual(self.get(other), 200)
        self.assertEqual(len(self.upstream.records), 1)

    def test_another_policy_file_holds_for_connections_that_are_open(self):
        server = self.server(echo)
        route = server.route(mode="tcp", listen=f"127.0.0.1:{free_port()}")
        gateway = self.gateway(route)
        with gateway.connect() as client:
            client.sendall(b"hello")
            self.assertEqual(client.recv(5), b"hello")
            (gateway.dir / "strict.toml").write_text(policy_text([self.lab.pin("backup")]))
            self.reload(gateway, route, tables={"gateway": {"policy": "strict.toml"}})
            with self.assertRaises(ConnectionError):
                client.sendall(b"secret")
                self.assertNotEqual(client.recv(6), b"", "an end as after a whole answer")
        self.assertNotIn(b"secret", server.data)
        # The file that was followed before has nothing more to say, the other one has.
        gateway.policy.unlink()
        (gateway.dir / "strict.toml").write_text(policy_text([self.lab.pin("leaf")], version=7))
        wait_for("its next version", lambda: gateway.metrics()["cotter_policy_version"] == 7)
        self.assertEqual(gateway.metrics()["cotter_config_last_reload_successful"], 1)
        self.assertFalse(gateway.events("policy_failed"))

    def test_a_tunnel_ends_where_its_root_is_trusted_no_more(self):
        server = self.server(echo)
        route = server.route(mode="tcp", listen=f"127.0.0.1:{free_port()}")
        gateway = self.gateway(route)
        roots = [self.lab.file("root"), self.lab.file("rogue-root")]
        with gateway.connect() as client:
            client.sendall(b"hello")
            self.assertEqual(client.recv(5), b"hello")
            self.reload(gateway, route, tables={"trust": {"system_roots": False, "files": roots}})
            client.sendall(b"again")
            self.assertEqual(client.recv(5), b"again", "one more root is no reason to end")
            self.reload(gateway, route, tables={"trust": {"system_roots": False, "files": roots[1:]}})
            with self.assertRaises(ConnectionError):
                client.sendall(b"secret")
                self.assertNotEqual(client.recv(6), b"", "an end as after a whole answer")
        self.assertNotIn(b"secret", server.data)
        self.assertEqual([event["code"] for event in gateway.events("connection_untrusted")], ["issuer_unknown"])

    def test_a_request_in_flight_ends_where_its_root_is_trusted_no_more(self):
        held = Held()
        self.addCleanup(held.release.set)
        route = self.server(held).route(listen=f"127.0.0.1:{free_port()}")
        gateway = self.gateway(route)
        with gateway.connect() as client:
            client.sendall(GET)
            wait_for("the request", lambda: gateway.metrics()['cotter_gateway_upstream_handshakes_total{route="r0"}'] == 1)
            rogue = {"trust": {"system_roots": False, "files": [self.lab.file("rogue-root")]}}
            self.reload(gateway, route, tables=rogue)
            held.release.set()
            try:
                self.assertEqual(client.recv(100), b"", "an answer from a server that nobody trusts")
            except ConnectionError:
                pass

    def test_tcp_of_a_changed_route_ends_in_the_drain_time_and_not_as_if_it_were_whole(self):
        ends = []

        def serve(connection, record):
            try:
                while part := receive(connection, record):
                    connection.sendall(part)
                ends.append("whole")
            except (OSError, ssl.SSLError):
                ends.append("cut")

        server = self.server(serve, strict_ends=True)
        listen = f"127.0.0.1:{free_port()}"
        gateway = self.gateway(server.route(mode="tcp", listen=listen), tables={"timeouts": {"drain": 1}})
        with gateway.connect() as client:
            client.sendall(b"hello")
            self.assertEqual(client.recv(5), b"hello")
            self.reload(gateway, self.upstream.route(listen=listen), tables={"timeouts": {"drain": 1}})
            client.sendall(b"again")
            self.assertEqual(client.recv(5), b"again")
            with self.assertRaises(ConnectionError):
                self.assertNotEqual(client.recv(1), b"", "an end as after a whole answer")
        wait_for("the server's end", lambda: ends)
        self.assertEqual(ends, ["cut"])

    def test_a_renewed_client_certificate_is_shown_from_then_on(self):
        seen = []

        def serve(connection, record):
            seen.append(connection.getpeercert())
            serve_http(connection, record)

        server = self.server(serve)
        server._context.verify_mode = ssl.CERT_REQUIRED
        server._context.load_verify_locations(self.lab.file("root"))
        certificate, key = self.folder / "client.pem", self.folder / "client.key"

        def renew(identity):
            certificate.write_bytes(pathlib.Path(self.lab.file(identity, "chain.pem")).read_bytes())
            key.write_bytes(pathlib.Path(self.lab.file(identity, "key")).read_bytes())

        renew("client")
        route = server.route(listen=f"127.0.0.1:{free_port()}", certificate=str(certificate), key=str(key))
        gateway = self.gateway(route)
        # The third is one that the server refuses, because it is no client's.
        for identity, status in (("client", 200), ("client", 200), ("renewed", 502), ("client", 200)):
            renew(identity)
            self.reload(gateway, route)
            with gateway.connect() as client:
                self.assertEqual(self.get(client), status)
        self.assertEqual(len(seen), 2, "the connection of the same certificate did not live on")

    def test_a_reload_while_it_drains_does_nothing(self):
        held = Held()
        slow = self.server(held)
        gateway = self.gateway(slow.route())
        with gateway.connect() as client:
            client.sendall(GET)
            wait_for("the request", lambda: slow.data)
            gateway.process.send_signal(signal.SIGTERM)
            wait_for("the drain", lambda: gateway.events("draining"))
            gateway.process.send_signal(signal.SIGHUP)
            self.assertEqual(gateway.admin("/readyz")[0], 503)
            held.release.set()
            self.assertTrue(read_all(client).endswith(b"held"))
        self.assertEqual(gateway.process.wait(PATIENCE), 0)

    def test_a_hundred_reloads_lose_no_request_and_no_descriptor(self):
        listen = f"127.0.0.1:{free_port()}"
        other = self.server(serve_http)
        gateway = self.gateway(self.upstream.route(listen=listen))
        lost, done = [], threading.Event()

        def ask():
            while not done.is_set():
                with gateway.connect() as client:
                    # The head is on its way before anybody could call the connection idle.
                    client.sendall(GET)
                    try:
                        status = read_response(client)[0]
                    except (OSError, AssertionError) as error:
                        status = repr(error)
                    if status != 200:
                        lost.append(status)

        asking = [threading.Thread(target=ask) for _ in range(4)]
        for thread in asking:
            thread.start()
        descriptors = []
        for number in range(100):
            server = other if number % 2 == 0 else self.upstream
            gateway.configure([server.route(listen=listen)])
            gateway.reload()
            if number in (9, 99):
                wait_for("retired routes", lambda: gateway.metrics()["cotter_gateway_retired_clients"] == 0)
                descriptors.append(len(list(pathlib.Path(f"/proc/{gateway.process.pid}/fd").iterdir())))
        done.set()
        for thread in asking:
            thread.join()
        self.assertEqual(lost, [])
        self.assertLess(descriptors[1], descriptors[0] + 20)
        self.assertEqual(gateway.stop(), 0)


if __name__ == "__main__":
    unittest.main()
