# SPDX-License-Identifier: Apache-2.0
"""A gateway that follows a signed repository which nginx serves: what is published reaches it while it serves, and whatever is
wrong with what is offered changes nothing. The channel is verified by a CA, and no policy pins it."""

import json
import os
import sys
import tempfile
import unittest

from gateway import HOST, Gateway, Lab, policy_text, read_response, wait_for

sys.path.insert(0, os.path.join(os.environ.get("COTTER_SOURCE_DIR", "."), "tests/support"))
from pin_server import PinServer  # noqa: E402
from tuf_repository import Key, Repository, expiry  # noqa: E402

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
SLOW = 90  # an early poll waits half a minute at most, on a busy machine


class Remote(unittest.TestCase):
    def setUp(self):
        self.repository = Repository()
        self.lab = self.enterContext(Lab([]))
        state = self.enterContext(tempfile.TemporaryDirectory(prefix="cotter-state-"))
        self.state = os.path.join(state, "state")
        self.root = os.path.join(state, "root.json")
        with open(self.root, "wb") as file:
            file.write(self.repository.files["metadata/1.root.json"])

    def put(self, version, *pins):
        """Signs a policy of these pins."""
        content = policy_text([self.lab.pin(name) for name in pins], version=version)
        content = content.replace("[policy]\n", '[policy]\nenvironment = "production"\n').encode()
        self.repository.add_target("targets", "production/policy.json", content)
        self.repository.update("targets")

    def gateway(self, server, *words, remotes=None, base="", **keys):
        """One whose configuration has `base` for its policy, or none."""
        arguments = ["--root", self.root, "--state", self.state, "--remote-cacert", server.ca, *words]
        for remote in remotes or [server.url]:
            arguments += ["--remote", remote]
        tables = {} if base else {"gateway": {"environment": "production"}}
        route = {"upstream": f"{HOST}:443", "addresses": [f"127.0.0.1:{self.lab.port()}"]}
        return Gateway(base, [self.lab.file("root")], [route], tables=tables, arguments=arguments, **keys)

    def ask(self, gateway):
        """(status, code) of a request through the gateway."""
        with gateway.connect() as client:
            client.sendall(REQUEST)
            status, _, body, _ = read_response(client)
        return status, json.loads(body)["error"]["code"] if status == 502 else None

    def poll(self, gateway):
        """Has the gateway poll, and waits until it has."""
        def polls():
            return sum(value for name, value in gateway.metrics().items() if name.startswith("cotter_update_polls_total"))
        before = polls()
        gateway.reload()
        wait_for("the poll", lambda: polls() > before)

    def test_S0_20_S0_21_S2_18_S3_07_S1_26_a_rotation_by_an_overlap_reaches_it_while_it_serves_and_the_old_key_is_out(self):
        self.put(1, "leaf")
        with PinServer(self.repository) as server, self.gateway(server) as gateway:
            self.assertEqual(self.ask(gateway), (200, None))
            self.put(2, "leaf", "backup")  # both, until clients have it
            server.upload()
            self.poll(gateway)
            self.assertEqual(gateway.metrics()["cotter_policy_version"], 2)
            self.assertEqual(self.ask(gateway), (200, None))
            self.lab.present(0, "backup")
            self.assertEqual(self.ask(gateway), (200, None))
            self.lab.present(0, "leaf")
            with gateway.connect() as kept:
                kept.sendall(REQUEST)  # the connection to the server stays in the pool
                self.assertEqual(read_response(kept)[0], 200)
                self.put(3, "backup")
                server.upload()
                self.poll(gateway)
                kept.sendall(REQUEST)
                self.assertEqual(read_response(kept)[0], 502)
            self.assertEqual(self.ask(gateway), (502, "PIN_MISMATCH"))
            self.lab.present(0, "backup")
            self.assertEqual(self.ask(gateway), (200, None))
            self.assertEqual([event["version"] for event in gateway.events("policy")], [2, 3])

    def test_S1_52_a_mismatch_has_it_look_for_a_newer_policy_soon(self):
        self.put(1, "leaf")
        with PinServer(self.repository) as server, self.gateway(server) as gateway:
            self.lab.present(0, "backup")  # somebody was too early
            self.put(2, "leaf", "backup")
            server.upload()
            for _ in range(5):
                self.assertIn(self.ask(gateway), ((502, "PIN_MISMATCH"), (200, None)))
            wait_for("the early poll", lambda: gateway.events("policy"), SLOW)
            self.assertEqual(self.ask(gateway), (200, None))
            self.assertEqual(gateway.metrics()["cotter_update_early_polls_total"], 1)

    def test_S0_12_S3_38_its_own_policy_holds_while_there_is_no_repository(self):
        self.put(2, "backup")
        base = policy_text([self.lab.pin("leaf")]).replace("[policy]\n", '[policy]\nenvironment = "production"\n')
        with PinServer(self.repository) as server:
            with self.gateway(server, remotes=["https://127.0.0.1:1"], base=base) as gateway:
                self.assertEqual(self.ask(gateway), (200, None))
                self.assertEqual(gateway.events("update_rejected")[0]["code"], "fetch_failed")
            with self.gateway(server, base=base) as gateway:
                self.assertEqual(self.ask(gateway), (502, "PIN_MISMATCH"))
            # And again without it: what was signed stays in force, and does not go back to what was shipped.
            with self.gateway(server, remotes=["https://127.0.0.1:1"], base=base) as gateway:
                self.assertEqual(self.ask(gateway), (502, "PIN_MISMATCH"))

    def test_S3_13_what_is_wrong_with_an_update_is_told_and_changes_nothing(self):
        self.put(5, "leaf")
        with PinServer(self.repository) as server, self.gateway(server) as gateway:
            good = dict(self.repository.files)

            def rejected(step, code):
                server.upload()
                self.poll(gateway)
                wait_for(code, lambda: [event for event in gateway.events("update_rejected")
                                        if (event["step"], event["code"]) == (step, code)])
                self.assertEqual(gateway.events("update_rejected")[-1]["kept_version"], 5)
                self.assertEqual(self.ask(gateway), (200, None))
                metrics = gateway.metrics()
                self.assertGreaterEqual(metrics[f'cotter_update_rejected_total{{step="{step}",code="{code}"}}'], 1)
                self.assertEqual(metrics["cotter_policy_version"], 5)

            self.put(4, "backup")
            rejected("policy", "policy_rollback")
            signers, self.repository.signers["targets"] = self.repository.signers["targets"], [Key()]
            self.put(6, "backup")
            rejected("targets", "signature_threshold")
            self.repository.signers["targets"] = signers
            # Withheld: the timestamp ends, and what is enforced does not.
            self.repository.signed["timestamp"]["expires"] = expiry(-1)
            self.repository.publish("timestamp")
            rejected("timestamp", "metadata_expired")
            self.repository.files = good
            rejected("timestamp", "metadata_rollback")  # a cache or mirror of the day before
            self.repository.files["metadata/timestamp.json"] = b"[" * 20_000
            rejected("timestamp", "file_too_large")

    def test_S3_13_a_mirror_with_old_files_is_passed_over(self):
        self.put(1, "leaf")
        with PinServer(self.repository) as server:
            server.upload("old")
            self.put(2, "backup")
            server.upload()
            remotes = [f"{server.url}/old", server.url]
            with self.gateway(server, remotes=remotes[1:]) as gateway:
                self.assertEqual(self.ask(gateway), (502, "PIN_MISMATCH"))
            with self.gateway(server, remotes=remotes) as gateway:
                self.assertEqual(self.ask(gateway), (502, "PIN_MISMATCH"))
                self.poll(gateway)
                self.assertEqual(gateway.metrics()["cotter_policy_version"], 2)

    def test_the_channel_needs_public_roots_or_those_that_are_named(self):
        self.put(1, "leaf")
        with PinServer(self.repository) as server:
            gateway = self.gateway(server, start=False)
            gateway._arguments = [word for word in gateway._arguments if word not in ("--remote-cacert", server.ca)]
            with self.assertRaises(AssertionError):
                gateway.start()
            self.assertIn("fetch_failed", str(gateway.log))
            gateway.__exit__()

    def test_a_poll_that_brings_nothing_new_is_two_small_requests(self):
        self.put(1, "leaf")
        with PinServer(self.repository) as server, self.gateway(server) as gateway:
            wait_for("the log", lambda: len(server.requests()) >= 5)
            before = len(server.requests())
            self.poll(gateway)
            wait_for("the log", lambda: len(server.requests()) >= before + 2)
            (absent, timestamp) = server.requests()[before:]
            self.assertEqual(absent[:2], (404, "/metadata/2.root.json"))
            self.assertEqual(timestamp[:2], (200, "/metadata/timestamp.json"))
            self.assertLessEqual(timestamp[2], 1024)


unittest.main()
