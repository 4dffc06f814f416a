# SPDX-License-Identifier: Apache-2.0
"""Running it: start and stop, sockets, drain, reload, the service manager, the admin socket."""
import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

from gateway import (HOST, PATIENCE, Gateway, Lab, Upstream, echo, policy_text, read_all, read_response, receive, serve_http,
                     wait_for)

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Operations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = cls.enterClassContext(Lab())
        # A thousand connections have both their ends, and the server's, in this process or its child.
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        cls.addClassCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    def setUp(self):
        self.upstream = self.enterContext(Upstream(self.lab, serve_http))
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="cotter-operations-")))

    def gateway(self, *routes, **keys):
        return self.enterContext(Gateway(policy_text([self.lab.pin("leaf")]), [self.lab.file("root")],
                                         routes or [self.upstream.route()], **keys))

    def fails(self, gateway, *arguments):
        done = subprocess.run([gateway._program, "gateway", "--config", gateway.config, *arguments],
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr

    def test_check_reads_everything_and_listens_nowhere(self):
        gateway = self.gateway(start=False)
        done = subprocess.run([gateway._program, "gateway", "--config", gateway.config, "--check"],
                              capture_output=True, text=True, timeout=PATIENCE, check=True)
        self.assertIn(f"-> {HOST}:443", done.stdout)
        gateway.policy.write_text("[policy]\nnam = 1\n")
        self.assertIn("policy.toml:2:1: unknown key", self.fails(gateway, "--check"))

    def test_other_machines_are_not_listened_to_without_the_flag(self):
        gateway = self.gateway(self.upstream.route(listen="0.0.0.0:0"), start=False)
        self.assertIn("--insecure-listen-anywhere", self.fails(gateway))
        gateway._arguments = ["--insecure-listen-anywhere"]
        gateway.start()
        with gateway.connect() as client:
            client.sendall(GET)
            self.assertEqual(read_response(client)[0], 200)

    def test_a_killed_gateway_leaves_nothing_that_stops_the_next(self):
        path = self.folder / "gateway.sock"
        gateway = self.gateway(self.upstream.route(listen=f"unix:{path}"), self.upstream.route())
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        port = gateway.port(1)
        gateway.config.write_text(gateway.config.read_text().replace("127.0.0.1:0\"\nupstream", f"127.0.0.1:{port}\"\nupstream"))
        # One that is answered is not taken away.
        self.assertIn("another process listens there", self.fails(gateway))
        with gateway.connect(1) as client:
            client.sendall(GET)
            self.assertEqual(read_response(client)[0], 200)
            gateway.kill()
        self.assertTrue(path.exists())
        gateway.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(GET.replace(b"localhost", b"any.name"))
            self.assertEqual(read_response(client)[0], 200)
        self.assertEqual(gateway.stop(), 0)
        self.assertFalse(path.exists())
        path.write_text("precious")
        self.assertIn("a file that is no socket stands there", self.fails(gateway))
        self.assertEqual(path.read_text(), "precious")

    def test_SIGTERM_lets_requests_finish(self):
        release = threading.Event()

        def serve_slowly(connection, record):
            receive(connection, record)
            release.wait(PATIENCE)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

        with Upstream(self.lab, serve_slowly) as slow:
            gateway = self.gateway(slow.route(), self.upstream.route())
            with gateway.connect() as busy, gateway.connect(1) as idle:
                idle.sendall(GET)
                read_response(idle)
                busy.sendall(GET)
                wait_for("the request", lambda: slow.data)
                gateway.process.send_signal(signal.SIGTERM)
                self.assertEqual(read_all(idle), b"")
                self.assertEqual(gateway.admin("/readyz")[0], 503)
                self.assertEqual(gateway.admin("/livez")[0], 200)
                with self.assertRaises(ConnectionError):
                    gateway.connect()
                release.set()
                answer = read_all(busy)
                self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer)
                self.assertTrue(answer.endswith(b"ok"), answer)
            self.assertEqual(gateway.process.wait(PATIENCE), 0)

    # A request that ended after SIGTERM, and figures that were asked for then, used to end the process.
    def test_a_head_that_is_on_its_way_at_SIGTERM_is_served(self):
        gateway = self.gateway()
        with gateway.connect() as fresh, gateway.connect() as half:
            half.sendall(GET[:25])
            wait_for("both", lambda: gateway.metrics()['cotter_gateway_clients{route="r0"}'] == 2)
            gateway.process.send_signal(signal.SIGTERM)
            wait_for("the drain", lambda: gateway.events("draining"))
            self.assertEqual(gateway.metrics()['cotter_gateway_clients{route="r0"}'], 2)
            half.sendall(GET[25:])
            fresh.sendall(GET)
            for client in (half, fresh):
                answer = read_all(client)
                self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer)
                self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.assertEqual(gateway.process.wait(PATIENCE), 0)

    # A response that ends with the connection used to end as if it were whole.
    def test_what_the_end_of_the_drain_cuts_is_not_taken_for_a_whole(self):
        def half(connection, record):
            receive(connection, record)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
            receive(connection, record)

        with Upstream(self.lab, half) as slow:
            gateway = self.gateway(slow.route(), tables={"timeouts": {"drain": 1}})
            with gateway.connect() as client:
                client.sendall(GET)
                self.assertIn(b"200", client.recv(1 << 16))
                gateway.process.send_signal(signal.SIGTERM)
                with self.assertRaises(ConnectionError):
                    read_all(client)
            self.assertEqual(gateway.process.wait(PATIENCE), 0)

    def test_the_drain_ends_in_time(self):
        def never(connection, record):
            receive(connection, record)
            receive(connection, record)

        with Upstream(self.lab, never) as slow:
            gateway = self.gateway(slow.route(), tables={"timeouts": {"drain": 1}})
            with gateway.connect() as client:
                client.sendall(GET)
                wait_for("the request", lambda: slow.data)
                self.assertEqual(gateway.stop(), 0)

    def test_the_service_manager_is_told_and_hands_over_sockets(self):
        path = str(self.folder / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify, socket.create_server(("127.0.0.1", 0)) as listener:
            notify.bind(path)
            notify.settimeout(PATIENCE)
            gateway = self.gateway(self.upstream.route(listen="systemd:web"), start=False)
            # As the service manager does it: descriptor 3, and a process that knows its own number.
            program = self.folder / "start"
            program.write_text(f'#!/bin/bash\nexport LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web\n'
                               f'exec {os.path.abspath(gateway._program)} "$@" 3<&{listener.fileno()}\n')
            program.chmod(0o755)
            gateway._environment["NOTIFY_SOCKET"] = path
            log = open(self.folder / "log", "wb")
            gateway.process = subprocess.Popen([program, "gateway", "--config", str(gateway.config)], stderr=log,
                                               env=gateway._environment, pass_fds=[listener.fileno()])
            self.addCleanup(gateway.process.wait)
            self.addCleanup(gateway.process.kill)
            self.addCleanup(log.close)
            self.assertEqual(notify.recv(100), b"READY=1")
            with socket.create_connection(listener.getsockname(), PATIENCE) as client:
                client.sendall(GET)
                self.assertEqual(read_response(client)[0], 200)
            gateway.process.send_signal(signal.SIGTERM)
            self.assertEqual(notify.recv(100), b"STOPPING=1")
            self.assertEqual(gateway.process.wait(PATIENCE), 0)
            gateway.process = None
        gateway = self.gateway(self.upstream.route(listen="systemd:web"), start=False)
        self.assertIn("handed over no socket of that name", self.fails(gateway))

    def test_upstreams_that_no_rule_is_for_are_told_at_start_and_reload(self):
        typo = {"upstream": "apy.example.com:443", "addresses": ["127.0.0.1:9"]}
        gateway = self.gateway(self.upstream.route(), typo, typo)
        told = wait_for("the warning", lambda: gateway.events("upstreams_without_pins"))
        self.assertEqual((told[0]["count"], told[0]["upstreams"]), (1, "apy.example.com:443"))
        self.assertIn("PKI decides alone", told[0]["message"])
        gateway.reload()
        wait_for("the second", lambda: len(gateway.events("upstreams_without_pins")) == 2)

    def test_a_policy_is_followed_without_a_signal(self):
        gateway = self.gateway()
        with gateway.connect() as client:
            client.sendall(GET)
            self.assertEqual(read_response(client)[0], 200)
            gateway.policy.write_text(policy_text([self.lab.pin("backup")], version=2))
            wait_for("the new policy", lambda: gateway.metrics()["cotter_policy_version"] == 2)
            client.sendall(GET)
            self.assertEqual(read_response(client)[0], 502)
            gateway.policy.unlink()
            wait_for("the failure", lambda: gateway.metrics()["cotter_config_last_reload_successful"] == 0)
            client.sendall(GET)
            self.assertEqual(read_response(client)[0], 502)

    def test_a_policy_that_is_replaced_holds_for_every_open_connection(self):
        upstream = self.enterContext(Upstream(self.lab, echo))
        gateway = self.gateway(upstream.route(mode="tcp", connections=1000))
        clients = [self.enterContext(gateway.connect()) for _ in range(1000)]
        for client in clients:
            client.sendall(b"hello")
        for client in clients:
            self.assertEqual(client.recv(5), b"hello")
        # One that changes nothing for the host leaves them alone.
        gateway.policy.write_text(policy_text([self.lab.pin("leaf"), self.lab.pin("backup")], version=2))
        gateway.reload()
        for client in clients:
            client.sendall(b"again")
            self.assertEqual(client.recv(5), b"again")
        gateway.policy.write_text(policy_text([self.lab.pin("backup")], version=3))
        gateway.reload()
        before = len(upstream.data)
        for client in clients:
            with self.assertRaises(ConnectionError):
                client.sendall(b"secret")
                self.assertNotEqual(client.recv(6), b"", "an end as after a whole answer")
        self.assertEqual(len(upstream.data), before)
        wait_for("their end", lambda: gateway.metrics()['cotter_gateway_clients{route="r0"}'] == 0)

    def test_the_admin_socket(self):
        gateway = self.gateway()
        self.assertEqual(gateway.admin("/livez"), (200, "ok\n"))
        self.assertEqual(gateway.admin("/readyz"), (200, "ok\n"))
        self.assertEqual(gateway.admin("/other")[0], 404)
        with gateway.connect() as client:
            for _ in range(3):
                client.sendall(GET)
                read_response(client)
        metrics = gateway.metrics()
        self.assertEqual(metrics['cotter_gateway_requests_total{route="r0",code="200"}'], 3)
        self.assertEqual(metrics['cotter_gateway_upstream_handshakes_total{route="r0"}'], 1)
        self.assertEqual(metrics['cotter_gateway_upstream_reuses_total{route="r0"}'], 2)
        self.assertEqual(metrics['cotter_gateway_upstream_connections{route="r0",state="idle"}'], 1)
        promtool = "/usr/bin/promtool"
        if os.path.exists(promtool):
            subprocess.run([promtool, "check", "metrics"], input=gateway.admin("/metrics")[1], text=True, check=True,
                           timeout=PATIENCE, stdout=subprocess.DEVNULL)

    def test_the_admin_socket_is_this_machines_and_nobody_keeps_it(self):
        gateway = self.gateway()

        def ask(host, method="GET"):
            with socket.create_connection(("127.0.0.1", gateway.port("admin")), PATIENCE) as connection:
                connection.sendall(f"{method} /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                return int(read_all(connection).split()[1])

        # A page in a browser whose name was made to lead here.
        self.assertEqual(ask("rebound.example"), 421)
        for host in ("localhost", f"127.0.0.1:{gateway.port('admin')}", "[::1]:1"):
            self.assertEqual(ask(host), 200)
        self.assertEqual(ask("localhost", "POST"), 405)
        # Clients that connect and ask nothing.
        silent = [self.enterContext(socket.create_connection(("127.0.0.1", gateway.port("admin")), PATIENCE)) for _ in range(200)]
        for _ in range(20):
            self.assertEqual(gateway.admin("/readyz"), (200, "ok\n"))
        del silent

    def test_the_log_holds_no_secret(self):
        gateway = self.gateway(self.upstream.route(), tables={"gateway": {"policy": "policy.toml", "log_connections": True}})
        with gateway.connect() as client:
            client.sendall(b"GET /patients/17?token=secret HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n\r\n")
            self.assertEqual(read_response(client)[0], 200)
        wait_for("the line", lambda: gateway.events("upstream_connected"))
        gateway.stop()
        text = json.dumps(gateway.log)
        self.assertNotIn("secret", text)
        self.assertNotIn("patients", text)


if __name__ == "__main__":
    unittest.main()
