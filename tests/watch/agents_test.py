# SPDX-License-Identifier: Apache-2.0
"""Several vantage points: agents that sign what they see, and a collector that weighs it."""
import base64
import http.server
import json
import pathlib
import subprocess
import tempfile
import threading
import time
import unittest

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from watch import HOST, Lab, Receiver, Watch, fetch, policy_text, wait_for


class Agents(unittest.TestCase):
    def setUp(self):
        self.lab = self.enterContext(Lab([]))
        self.port = self.lab.port(0)
        self.target = f"{HOST}:{self.port}"
        self.policy = policy_text([self.lab.pin("leaf"), (self.lab.pin("backup"), "backup")])
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="cotter-agents-")))
        self.receiver = self.enterContext(Receiver())
        self.keys = {}
        for name in ("fra", "iad"):
            # Keys as people make them.
            subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.folder / f"{name}.key"], check=True)
            subprocess.run(["openssl", "pkey", "-in", self.folder / f"{name}.key", "-pubout", "-out",
                            self.folder / f"{name}.pub"], check=True)
            (self.folder / f"{name}.key").chmod(0o600)
            self.keys[name] = serialization.load_pem_private_key((self.folder / f"{name}.key").read_bytes(), None)
        self.collector = self.enterContext(Watch(
            self.policy, [self.lab.file("root")], [self.target], sinks=[self.receiver.sink()],
            tables={"collector": {"listen": "127.0.0.1:0"}},
            lists={"vantage": [{"name": name, "key": str(self.folder / f"{name}.pub"), "interval": 1}
                               for name in ("fra", "iad")]}))
        self.url = f"http://{self.collector.address('collector')}/v1/observations"

    def agent(self, name, address="127.0.0.1", key=None):
        return self.enterContext(Watch(
            self.policy, [self.lab.file("root")], [self.target], arguments=("--agent",), group={"addresses": [address]},
            tables={"watch": {"vantage": name}, "agent": {"collector": self.url,
                                                          "key": str(self.folder / f"{key or name}.key")}}))

    def envelope(self, name, sequence, when=None, body=None, key=None):
        """As docs/watch.md describes it, by another program than cotter."""
        body = body if body is not None else json.dumps({"reports": []})
        head = f"cotter-watch-1 {name} {sequence} {int(when or time.time())}"
        signature = (key or self.keys[name]).sign(f"{head}\n{body}".encode())
        return f"{head} {base64.b64encode(signature).decode()}\n{body}".encode()

    def post(self, envelope):
        return fetch(self.url, envelope)

    # S3-49: a proxy in one network is told from a change of the server.
    def test_one_place_that_sees_another_key_is_a_disagreement_and_two_are_a_mismatch(self):
        self.lab.serve("--address", "127.0.0.2", "--port", str(self.port), "--identity", "leaf-rsa")
        self.agent("fra")
        agent = self.agent("iad", "127.0.0.2")
        told = self.receiver.wait("vantage_disagreement")
        self.assertIn("iad sees [" + self.lab.pin("leaf-rsa"), told["details"])
        metrics = self.collector.metrics()
        self.assertEqual(metrics[f'cotter_vantage_distinct_chains{{target="{self.target}",group="test"}}'], 2)
        self.assertEqual(metrics[f'cotter_chain_match{{target="{self.target}",group="test",vantage="iad"}}'], 0)
        self.assertEqual(self.collector.alerts("pin_mismatch"), [])  # one of three is not believed alone
        self.lab.present(0, "leaf-rsa")
        self.assertIn("iad", self.receiver.wait("pin_mismatch")["details"])
        self.receiver.wait("vantage_disagreement", "resolved")
        agent.stop()

    def test_a_silent_vantage_point_is_stale(self):
        agent = self.agent("fra")
        wait_for("reports", lambda: self.collector.metrics()['cotter_vantage_reports_total{vantage="fra"}'] > 0)
        agent.stop()
        wait_for("fra", lambda: [one for one in self.receiver.told()
                                 if one["alert"] == "vantage_stale" and one["target"] == "fra"])
        agent.start()
        wait_for("its end", lambda: [one for one in self.receiver.told() if one["alert"] == "vantage_stale"
                                     and one["target"] == "fra" and one["status"] == "resolved"])

    def test_what_is_not_signed_by_its_agent_counts_for_nothing(self):
        other = ed25519.Ed25519PrivateKey.generate()
        good = self.envelope("fra", 10)
        self.assertEqual(self.post(self.envelope("fra", 9, key=other))[0], 401)
        self.assertEqual(self.post(self.envelope("nobody", 9, key=other))[0], 401)
        self.assertEqual(self.post(self.envelope("iad", 9, key=self.keys["fra"]))[0], 401)
        for at in (20, len(good) - 2):  # a changed byte of the head and of the body
            self.assertIn(self.post(good[:at] + bytes([good[at] ^ 1]) + good[at + 1:])[0], (400, 401))
        self.assertEqual(self.post(b"nonsense")[0], 400)
        self.assertEqual(self.post(good)[0], 200)

    def test_no_envelope_is_taken_twice_or_late(self):
        self.assertEqual(self.post(self.envelope("fra", 10))[0], 200)
        for sequence in (10, 9, 1):
            self.assertEqual(self.post(self.envelope("fra", sequence))[0], 409)
        self.assertEqual(self.post(self.envelope("iad", 1))[0], 200)  # each has numbers of its own
        for when in (time.time() - 400, time.time() + 400):
            self.assertEqual(self.post(self.envelope("fra", 20, when))[0], 409)
        self.assertEqual(self.post(self.envelope("fra", 20))[0], 200)
        # Nor after a restart.
        self.collector.process.kill()
        self.collector.kill()
        self.collector.start()
        self.url = f"http://{self.collector.address('collector')}/v1/observations"
        self.assertEqual(self.post(self.envelope("fra", 20))[0], 409)
        self.assertEqual(self.post(self.envelope("fra", 21))[0], 200)

    def test_signed_nonsense_is_refused(self):
        for sequence, body in enumerate((
                "", "[]", "{}x", '{"reports": [], "reports": []}', '{"reports": [{}]}', '{"more": 1}',
                '{"reports": [{"target": "a", "at": 1, "policy_version": 1, "chains": [], "peers": [{"peer": "p", '
                '"version": "", "chains": [0], "resolve_us": 0, "connect_us": 0, "handshake_us": 0}]}]}'), 100):
            status, text = self.post(self.envelope("fra", sequence, body=body))
            self.assertEqual(status, 400, (body, text))
        self.assertEqual(self.collector.page("/livez")[0], 200)

    def collector_that(self, answer):
        """A stand-in that notes the targets of each envelope and answers it with answer(targets): (status, headers)."""
        envelopes = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).split(b"\n", 1)[1]
                targets = [report["target"] for report in json.loads(body)["reports"]]
                status, headers = answer(targets)
                envelopes.append((status, targets))
                self.send_response(status)
                for name, value in {"Content-Length": "7", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"no luck")

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_port}/v1/observations"
        return envelopes

    # S3-49: one report that its collector does not take keeps no other from it.
    def test_a_report_that_is_refused_is_dropped_alone_and_told(self):
        bad = f"www.{HOST}:{self.port}"
        envelopes = self.collector_that(lambda targets: (400 if bad in targets else 200, {}))
        agent = self.enterContext(Watch(
            self.policy, [self.lab.file("root")], [self.target, bad, f"more.{HOST}:{self.port}"], arguments=("--agent",),
            group={"interval": 3600}, tables={"watch": {"vantage": "fra"}, "agent": {
                "collector": self.url, "key": str(self.folder / "fra.key")}}))
        told = wait_for("the report dropped", lambda: agent.events("report_dropped"))
        self.assertEqual([event["target"] for event in told], [bad])
        self.assertIn("400: no luck", told[0]["message"])
        wait_for("the others", lambda: {self.target, f"more.{HOST}:{self.port}"}
                 <= {target for status, targets in envelopes if status == 200 for target in targets})
        metrics = agent.metrics()
        self.assertEqual(metrics["cotter_agent_reports_dropped_total"], 1)
        self.assertEqual(metrics["cotter_agent_reports_waiting"], 0)
        # The policy has no pins for two of them, which is told at the start, and at each reload.
        self.assertEqual([event["count"] for event in agent.events("servers_without_pins")], [2])
        self.assertTrue(agent.reload())
        wait_for("the warning", lambda: len(agent.events("servers_without_pins")) == 2)

    def test_a_collector_that_is_gone_is_left_alone_until_a_reload(self):
        gone = []
        envelopes = self.collector_that(lambda _: (200 if gone else 410, {}))
        agent = self.agent("fra")
        wait_for("the stop", lambda: agent.events("reports_stopped"))
        looks = agent.looks()
        wait_for("more looks", lambda: agent.looks() >= looks + 3)
        self.assertEqual(len(envelopes), 1)
        self.assertEqual(agent.page("/readyz")[0], 503)
        gone.append(True)
        self.assertTrue(agent.reload())
        wait_for("reports", lambda: [status for status, _ in envelopes if status == 200])

    def test_an_agent_needs_a_key_that_others_cannot_read(self):
        (self.folder / "fra.key").chmod(0o644)
        with self.assertRaisesRegex(AssertionError, "others may read the key"):
            self.agent("fra")


if __name__ == "__main__":
    unittest.main()
