# SPDX-License-Identifier: Apache-2.0
"""Running it: pages, reload, the state on disk, one round for cron, and what must not bring it down."""
import json
import os
import signal
import socket
import sqlite3
import subprocess
import threading
import unittest

from watch import HOST, PATIENCE, PROGRAM, Lab, Receiver, Watch, fetch, free_port, policy_text, samples, wait_for


class Operations(unittest.TestCase):
    def setUp(self):
        self.lab = self.enterContext(Lab([]))
        self.target = f"{HOST}:{self.lab.port(0)}"
        self.pins = [self.lab.pin("leaf"), (self.lab.pin("backup"), "backup")]

    def watch(self, **keys):
        return self.enterContext(Watch(policy_text(self.pins), [self.lab.file("root")], [self.target], **keys))

    def run_watch(self, watch, *arguments):
        return subprocess.run([PROGRAM, "watch", "--config", watch.config, *arguments], capture_output=True, text=True,
                              timeout=PATIENCE, check=False)

    # S3-15.
    def test_health_pages(self):
        watch = self.watch()
        for path in ("/livez", "/readyz", "/healthz"):
            self.assertEqual(watch.page(path), (200, "ok\n"))
        self.assertEqual(watch.page("/nothing")[0], 404)
        self.assertEqual(watch.stop(), 0)

    def test_the_probe_page_is_no_port_scanner(self):
        watch = self.watch()
        for target in (self.target, "https%3A%2F%2F" + self.target):
            status, text = watch.page(f"/probe?module=http_2xx&target={target}")
            self.assertEqual(status, 200)
            probe = samples(text)
            self.assertEqual(probe["probe_success"], 1)
            self.assertEqual(probe['probe_tls_version_info{version="TLS 1.3"}'], 1)
            with open(self.lab.file("leaf"), "rb") as file:
                done = subprocess.run(["openssl", "x509", "-noout", "-enddate", "-dateopt", "iso_8601"], stdin=file,
                                      capture_output=True, text=True, check=True)
            end = subprocess.run(["date", "-d", done.stdout.split("=")[1].strip(), "+%s"], capture_output=True, text=True,
                                 check=True)
            self.assertEqual(probe["probe_ssl_earliest_cert_expiry"], int(end.stdout))
        self.assertEqual(watch.page(f"/probe?target=127.0.0.1:{self.lab.port(0)}")[0], 403)
        self.assertEqual(watch.page("/probe")[0], 400)
        self.assertEqual(watch.page("/probe?target=%00")[0], 400)
        watch.tables["admin"]["insecure_probe_any"] = True
        watch.write()
        self.assertTrue(watch.reload())
        status, text = watch.page(f"/probe?target=127.0.0.1:{self.lab.port(0)}")
        self.assertEqual((status, samples(text)["probe_success"]), (200, 1))
        self.assertEqual(samples(watch.page(f"/probe?target=127.0.0.1:{free_port()}")[1])["probe_success"], 0)

    # S3-15: a dashboard that is opened often costs its server one look.
    def test_the_same_questions_of_the_probe_page_are_one_look(self):
        asked = []
        with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and says nothing
            watch = self.watch(tables={"admin": {"insecure_probe_any": True}, "probe": {"timeout": 3}})
            url = f"/probe?target=127.0.0.1:{silent.getsockname()[1]}"
            threads = [threading.Thread(target=lambda: asked.append(watch.page(url))) for _ in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual({status for status, _ in asked}, {200})
            self.assertEqual({samples(text)["probe_success"] for _, text in asked}, {0})
            silent.settimeout(0.1)
            connections = 0
            while True:
                try:
                    silent.accept()[0].close()
                    connections += 1
                except TimeoutError:
                    break
            self.assertLess(connections, 4)  # one, and who came after its end

    def test_a_page_that_cannot_move_stays_where_it_is(self):
        watch = self.watch()
        before = watch.address()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            watch.tables["admin"]["listen"] = f"127.0.0.1:{taken.getsockname()[1]}"
            watch.lists["group"][0]["name"] = "other"
            watch.write()
            self.assertFalse(watch.reload())
        self.assertEqual(fetch(f"http://{before}/livez")[0], 200)
        self.assertIn('group="test"', watch.page("/metrics")[1])
        self.assertTrue(watch.reload())  # it is free now
        self.assertEqual(watch.page("/livez")[0], 200)
        self.assertIn('group="other"', watch.page("/metrics")[1])
        # What a running engine does not take is said, not passed over.
        watch.tables["probe"] = {"per_address_per_second": 3}
        watch.write()
        self.assertFalse(watch.reload())

    def test_check_reads_everything_and_looks_at_nothing(self):
        watch = self.watch(start=False, sinks=[{"type": "file", "path": "alerts"}])
        done = self.run_watch(watch, "--check")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, "test: 1 server, every 1 s\ntells file (file)\n")
        # Whom an agent tells, and that nobody is told where that is so.
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", watch.config.parent / "agent.key"], check=True)
        os.chmod(watch.config.parent / "agent.key", 0o600)
        watch.lists["sink"] = []
        watch.tables["agent"] = {"collector": "https://collector.example.com/v1/observations", "key": "agent.key"}
        watch.write()
        done = self.run_watch(watch, "--check")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, "test: 1 server, every 1 s\n"
                                      "with --agent, reports to https://collector.example.com/v1/observations as local\n")
        del watch.tables["agent"]
        watch.write()
        self.assertIn("there is no [[sink]]", self.run_watch(watch, "--check").stderr)
        watch.lists["group"][0]["intervall"] = 2
        watch.write()
        done = self.run_watch(watch, "--check")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"watch\.toml:\d+:1: unknown key")

    def test_a_bad_reload_keeps_what_was_there(self):
        watch = self.watch()
        good = watch.config.read_text()
        for bad in ("[watch]\n", good.replace("policy.toml", "none.toml"), good.replace("interval = 1", "interval = 0"),
                    good + '\n[[sink]]\ntype = "command"\ncommand = ["relative"]\n'):
            watch.config.write_text(bad)
            self.assertFalse(watch.reload())
            self.assertEqual(watch.metrics()["cotter_config_last_reload_successful"], 0)
            watch.wait_looks(1)
        watch.config.write_text(good)
        self.assertTrue(watch.reload())
        self.assertEqual(watch.metrics()["cotter_config_last_reload_successful"], 1)

    def test_a_new_policy_is_followed_and_a_broken_one_is_not(self):
        watch = self.watch()
        watch.wait_looks()
        self.lab.present(0, "leaf-rsa")
        watch.wait("pin_mismatch")
        watch.policy.write_text("[policy]\n")
        wait_for("the failure", lambda: watch.events("policy_failed"))
        self.assertEqual(watch.metrics()["cotter_config_last_reload_successful"], 0)
        watch.policy.write_text(policy_text([self.lab.pin("leaf-rsa"), *self.pins], version=2))
        watch.wait_resolved("pin_mismatch")
        self.assertEqual(watch.metrics()["cotter_policy_version"], 2)

    def test_a_restart_remembers_keys_and_alerts(self):
        receiver = self.enterContext(Receiver())
        watch = self.watch(sinks=[receiver.sink()])
        watch.wait_looks()
        self.assertEqual(watch.stop(), 0)
        self.lab.present(0, "backup")
        watch.start()
        receiver.wait("leaf_key_changed")  # it happened while nobody looked
        watch.wait_looks()
        self.assertEqual(watch.stop(), 0)
        watch.start()
        watch.wait_looks()
        self.assertEqual(len([one for one in receiver.told() if one["alert"] == "leaf_key_changed"]), 1)
        self.lab.present(0, "leaf")
        receiver.wait("leaf_key_changed", "resolved")
        with sqlite3.connect(f"file:{watch.dir}/state/watch.db?mode=ro", uri=True) as database:
            self.assertEqual(database.execute("SELECT key_changes FROM server").fetchall(), [(1,)])

    def test_a_damaged_state_is_kept_aside_and_told(self):
        receiver = self.enterContext(Receiver())
        watch = self.watch(sinks=[receiver.sink()])
        watch.wait_looks()
        watch.stop()
        with open(watch.dir / "state/watch.db", "r+b") as file:
            file.write(b"x" * 4096)
        watch.start()
        self.assertIn("kept aside", receiver.wait("state_unusable")["details"])
        receiver.wait("state_unusable", "resolved")
        self.assertTrue(list((watch.dir / "state").glob("watch.db.damaged-*")))
        self.lab.present(0, "leaf-rsa")
        receiver.wait("pin_mismatch")

    def test_a_locked_state_stops_nothing(self):
        receiver = self.enterContext(Receiver())
        watch = self.watch(sinks=[receiver.sink()])
        watch.wait_looks()
        database = sqlite3.connect(watch.dir / "state/watch.db", isolation_level=None)
        self.addCleanup(database.close)
        database.execute("BEGIN IMMEDIATE")
        self.lab.present(0, "leaf-rsa")
        receiver.wait("pin_mismatch")
        receiver.wait("state_unusable")
        self.assertEqual(watch.metrics()["cotter_store_writable"], 0)
        database.execute("ROLLBACK")
        receiver.wait("state_unusable", "resolved")
        wait_for("the alert on disk", lambda: database.execute(
            "SELECT count(*) FROM alert WHERE key LIKE 'pin_mismatch/%'").fetchone()[0] == 1)

    def test_a_full_disk_stops_nothing(self):
        receiver = self.enterContext(Receiver())
        # No file of this process may grow over 48 KiB.
        watch = self.watch(sinks=[receiver.sink()],
                           command=("env", "--ignore-signal=XFSZ", "prlimit", "--fsize=49152"))
        self.lab.present(0, "leaf-rsa")
        receiver.wait("state_unusable")
        receiver.wait("pin_mismatch")
        watch.wait_looks(3)

    def test_a_state_is_for_one_process(self):
        watch = self.watch()
        done = self.run_watch(watch)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("another process keeps its state there", done.stderr)

    def test_once_tells_what_changed_and_exits_accordingly(self):
        receiver = self.enterContext(Receiver())
        watch = self.watch(start=False, sinks=[receiver.sink()], rules=())
        done = self.run_watch(watch, "--once")
        self.assertEqual((done.returncode, done.stdout), (0, "all is well: 1 server\n"), done.stderr)
        self.lab.present(0, "leaf-rsa")
        for _ in range(2):
            done = self.run_watch(watch, "--once")
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"critical  pin_mismatch  SSL pin mismatch: {HOST}", done.stdout)
        self.assertEqual(len([one for one in receiver.told() if one["alert"] == "pin_mismatch"]), 1)
        self.lab.present(0, "leaf")
        self.assertEqual(self.run_watch(watch, "--once").returncode, 0)
        self.assertEqual(receiver.wait("pin_mismatch", "resolved")["text"], f"SSL pin mismatch: {HOST}")

    def test_other_machines_are_not_served_without_the_flag(self):
        watch = self.watch(start=False, tables={"admin": {"listen": "0.0.0.0:0"}})
        done = self.run_watch(watch)
        self.assertIn("--insecure-listen-anywhere", done.stderr)

    def test_the_service_manager_is_told(self):
        path = os.path.join(self.lab.dir, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            notify.settimeout(PATIENCE)
            watch = self.watch(environment={"NOTIFY_SOCKET": path})
            self.assertEqual(notify.recv(100), b"READY=1")
            watch.process.send_signal(signal.SIGTERM)
            self.assertEqual(notify.recv(100), b"STOPPING=1")
            self.assertEqual(watch.process.wait(PATIENCE), 0)

    def test_logs_are_json(self):
        watch = self.watch()
        watch.stop()
        self.assertEqual([event for event in watch.log if event["event"] == "text"], [])
        self.assertTrue(json.dumps(watch.log))


if __name__ == "__main__":
    unittest.main()
