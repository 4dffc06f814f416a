# SPDX-License-Identifier: Apache-2.0
"""What is told, and when: servers of the lab that change, and a clock that is turned."""
import glob
import os
import socket
import threading
import unittest

from watch import HOST, QUICK, Lab, Receiver, Watch, at_once, free_port, policy_text, wait_for

FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
DAY = 86400


def fake_time(text):
    """The wall clock alone: what runs on the monotonic one is not faked."""
    return {"LD_PRELOAD": FAKETIME[0], "FAKETIME": text, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


class Forger:
    """Between a client and a server of TLS 1.2: spoils the signature with which the server proves its key."""

    def __init__(self, server):
        self.forged = 0
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client):
        with client, socket.create_connection(self._server) as server:
            for one in (client, server):
                one.settimeout(20)
            try:
                server.sendall(client.recv(1 << 16))  # the ClientHello
                client.sendall(self._spoil(server))
                client.recv(1 << 16)  # an alert
            except OSError:
                pass

    def _spoil(self, server):
        """The server's flight, record by record, until ServerHelloDone (RFC 5246, 7.4)."""
        flight, messages = b"", b""
        while b"\x0e\x00\x00\x00" != messages[-4:]:
            head = self._read(server, 5)
            body = self._read(server, int.from_bytes(head[3:], "big"))
            flight += head + body
            messages += body
        end = len(flight) - (4 if flight[-9:-8] != b"\x16" else 9)  # ServerHelloDone may have a record of its own
        self.forged += 1
        return flight[:end - 1] + bytes([flight[end - 1] ^ 1]) + flight[end:]

    @staticmethod
    def _read(server, count):
        data = b""
        while len(data) < count:
            more = server.recv(count - len(data))
            if not more:
                raise OSError("the server went away")
            data += more
        return data


class Alerts(unittest.TestCase):
    def setUp(self):
        self.lab = self.enterContext(Lab([], []))
        self.receiver = self.enterContext(Receiver())
        self.target = f"{HOST}:{self.lab.port(0)}"

    def watch(self, pins=None, more="", **keys):
        pins = pins or [self.lab.pin("leaf"), (self.lab.pin("backup"), "backup")]
        return self.enterContext(Watch(policy_text(pins, more=more), [self.lab.file("root")], [self.target],
                                       sinks=[self.receiver.sink()], **keys))

    # S1-47, S1-48, S3-15, S3-35.
    def test_a_mismatch_is_told_once_and_so_is_its_end(self):
        watch = self.watch()
        watch.wait_looks()
        self.assertEqual(watch.events("alert"), [])
        self.lab.present(0, "leaf-rsa")  # the same names from the same CA, and a key that nobody pinned
        told = self.receiver.wait("pin_mismatch")
        self.assertEqual(told["text"], f"SSL pin mismatch: {HOST}")
        self.assertEqual(told["severity"], "critical")
        self.assertIn("bad ssl pin detected, found pins: [", told["details"])
        self.assertIn("likely key_rotated", told["details"])
        self.receiver.wait("leaf_key_changed")
        watch.wait_looks(4)
        metrics = watch.metrics()
        self.assertGreaterEqual(metrics[f'ssl_pin_failure{{host="{HOST}"}}'], 2)
        self.assertEqual(metrics[f'cotter_chain_match{{target="{self.target}",group="test",vantage="local"}}'], 0)
        self.assertEqual(metrics[f'cotter_leaf_spki_changes_total{{target="{self.target}",group="test"}}'], 1)
        self.lab.present(0, "leaf")
        self.receiver.wait("pin_mismatch", "resolved")
        self.receiver.wait("leaf_key_changed", "resolved")
        for alert in ("pin_mismatch", "leaf_key_changed"):
            for status in ("firing", "resolved"):
                same = [one for one in self.receiver.told() if one["alert"] == alert and one["status"] == status]
                self.assertEqual(len(same), 1, same)

    # S3-35, S3-46.
    def test_a_key_change_in_a_rotation_is_no_alert(self):
        rotation = {"name": "spring", "vendors": ["acme"], "from": "@2020-01-01", "until": "@2090-01-01"}
        watch = self.watch(group={"vendor": "acme", "region": "eu"}, lists={"rotation": [rotation]})
        watch.wait_looks()
        self.lab.present(0, "backup")
        changes = f'cotter_leaf_spki_changes_total{{target="{self.target}",group="test",region="eu",vendor="acme"}}'
        wait_for("the change", lambda: watch.metrics()[changes] == 1)
        watch.wait_looks()
        self.assertEqual(watch.alerts("leaf_key_changed"), [])
        self.assertEqual(watch.metrics()[changes.replace("leaf_spki_changes_total", "rotation_active")], 1)

    def test_an_announced_rotation_ends_the_alert(self):
        watch = self.watch()
        watch.wait_looks()
        self.lab.present(0, "backup")
        watch.wait("leaf_key_changed")
        watch.lists["rotation"] = [{"hosts": [HOST], "from": "@2020-01-01", "until": "@2090-01-01"}]
        watch.write()
        self.assertTrue(watch.reload())
        self.receiver.wait("leaf_key_changed", "resolved")

    # S0-22: nothing to change to.
    def test_a_rule_without_a_pin_in_reserve_is_told(self):
        watch = self.watch(pins=[self.lab.pin("leaf")])
        told = self.receiver.wait("no_live_backup")
        self.assertIn("every pin of the rule is for a key that is served", told["details"])
        self.assertEqual(watch.metrics()[f'cotter_backup_pins{{target="{self.target}",group="test"}}'], 0)

    # S3-11.
    def test_a_standby_endpoint_proves_that_it_holds_the_backup_key(self):
        standby = [f"localhost:{self.lab.port(1)}"]
        watch = self.watch(group={"standby": standby})
        self.receiver.wait("backup_unproven")  # it presents another key
        self.lab.present(1, "backup")
        self.receiver.wait("backup_unproven", "resolved")
        proof = watch.metrics()[f'cotter_backup_pin_proof_timestamp_seconds{{target="{self.target}",group="test"}}']
        self.assertGreater(proof, 0)

    # S3-11: it is asked under the name of its host, wherever the hosts are said to be, and the certificate is not enough.
    def test_a_standby_without_the_key_of_its_certificate_proves_nothing(self):
        self.lab.present(1, "backup")
        standby = self.lab.serve("--address", "127.0.0.2", "--port", str(self.lab.port(0)), "--identity", "backup",
                                 "--max-tls", "1.2")
        place = f"127.0.0.2:{self.lab.port(standby)}"
        with Forger(("127.0.0.2", self.lab.port(standby))) as forger:
            watch = self.watch(group={"standby": [f"127.0.0.1:{forger.port}"]})
            self.receiver.wait("backup_unproven")
            wait_for("forged handshakes", lambda: forger.forged >= 3)
            proof = f'cotter_backup_pin_proof_timestamp_seconds{{target="{self.target}",group="test"}}'
            self.assertEqual(watch.metrics()[proof], 0)
            watch.lists["group"][0]["standby"] = [place]
            watch.write()
            self.assertTrue(watch.reload())
            self.receiver.wait("backup_unproven", "resolved")

    # S3-35: who presents the pinned certificate without its key is not the server.
    def test_a_server_without_the_key_of_its_certificate_is_not_the_server(self):
        number = self.lab.serve("--identity", "leaf", "--max-tls", "1.2")
        with Forger(("127.0.0.1", self.lab.port(number))) as forger:
            self.target = f"{HOST}:{forger.port}"
            watch = self.watch()
            told = self.receiver.wait("unreachable")
            self.assertIn("tls_failed", told["details"])
            self.assertEqual(watch.alerts("pin_mismatch"), [])

    def test_a_server_that_cannot_be_looked_at_is_told(self):
        self.target = f"{HOST}:{free_port()}"
        self.watch()
        told = self.receiver.wait("unreachable")
        self.assertIn("connect_refused", told["details"])

    def test_a_chain_that_does_not_verify_is_told_with_its_cause(self):
        self.watch()
        self.lab.present(0, "rogue-leaf")
        told = self.receiver.wait("pki_error")
        self.assertIn("issuer_unknown", told["details"])
        self.assertIn("likely intercepting_proxy", told["details"])

    # S3-50: the pins themselves, and the review.
    def test_pins_that_expire_and_reviews_that_are_due_are_told(self):
        self.watch(more="expires = 2026-12-20\nreview = 2026-01-01\nowner = \"web@example.com\"\n",
                   environment=fake_time("@2026-12-15 12:00:00"))
        told = self.receiver.wait("expiry_soon")
        self.assertIn("in 4 days", told["details"])
        # The certificate lives for 90 days, and so 22 and 14 days are what 90 and 60 are for a year.
        self.assertIn("the lead time here is 22 days, and 14 at the latest", told["details"])
        self.assertEqual(told["severity"], "critical")
        self.assertEqual(told["owner"], "web@example.com")
        self.assertIn("by web@example.com", self.receiver.wait("review_overdue")["details"])

    # S1-39, S3-18, S3-34: a certificate of 90 days, by the share that is left.
    def test_a_certificate_that_is_not_renewed_is_told_and_then_urgent(self):
        for days, severity in ((60, None), (70, "warning"), (84, "critical")):
            with self.subTest(days=days), Receiver() as receiver:
                watch = Watch(policy_text([self.lab.pin("leaf"), self.lab.pin("backup")]), [self.lab.file("root")],
                              [self.target], sinks=[receiver.sink()], environment=fake_time(f"+{days}d"))
                with watch:
                    if severity is None:
                        watch.wait_looks(3)
                        self.assertEqual(watch.alerts("renewal_overdue"), [])
                    else:
                        self.assertEqual(receiver.wait("renewal_overdue")["severity"], severity)
        self.watch(environment=fake_time("+91d"))
        told = self.receiver.wait("cert_expired")
        self.assertEqual(told["text"], f"certificate not valid now: {HOST}")

    def test_a_clock_that_jumps_neither_fires_nor_ends_what_hangs_on_it(self):
        stamp = os.path.join(self.lab.dir, "clock")

        def turn(text):
            with open(stamp + ".new", "w", encoding="ascii") as file:
                file.write(text)
            os.rename(stamp + ".new", stamp)

        turn("+70d")
        clock = {"LD_PRELOAD": FAKETIME[0], "FAKETIME_TIMESTAMP_FILE": stamp, "FAKETIME_NO_CACHE": "1",
                 "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        watch = self.watch(environment=clock)
        self.receiver.wait("renewal_overdue")
        turn("+300d")
        self.receiver.wait("clock_skew")
        watch.wait_looks(3)
        self.assertEqual(watch.alerts("cert_expired"), [])
        turn("-10d")
        wait_for("both jumps", lambda: len(watch.events("clock_jumped")) >= 2)
        watch.wait_looks(3)
        # Facts are told all the same; what hung on the clock stands where it stood.
        self.lab.present(0, "backup")
        self.receiver.wait("leaf_key_changed")
        self.assertEqual([one["alert"] for one in self.receiver.told() if one["status"] == "resolved"], [])
        self.assertEqual(watch.alerts("cert_expired"), [])
        self.assertEqual(watch.metrics()["cotter_clock_in_doubt"], 1)

    def test_what_must_hold_for_a_while_is_not_told_before(self):
        rules = [rule for rule in QUICK if rule["alert"] != "pin_mismatch"] + [{"alert": "pin_mismatch", "for": 3}]
        watch = self.watch(rules=rules)
        watch.wait_looks()
        self.lab.present(0, "leaf-rsa")
        watch.wait("leaf_key_changed")
        self.assertEqual(watch.alerts("pin_mismatch"), [])
        watch.wait("pin_mismatch")

    def test_rules_can_be_turned_off(self):
        watch = self.watch(rules=[*at_once("pin_mismatch"), {"alert": "leaf_key_changed", "enabled": False}])
        watch.wait_looks()
        self.lab.present(0, "leaf-rsa")
        watch.wait("pin_mismatch")
        watch.wait_looks()
        self.assertEqual(watch.alerts("leaf_key_changed"), [])

    # S3-09: the CDN's addresses do not agree.
    def test_addresses_that_differ_are_told(self):
        port = self.lab.port(0)
        self.lab.serve("--address", "127.0.0.2", "--port", str(port), "--identity", "leaf-rsa")
        self.watch(group={"addresses": ["127.0.0.1", "127.0.0.2"]})
        told = self.receiver.wait("cdn_difference")
        self.assertEqual(told["text"], f"addresses present different keys: {HOST}")
        self.assertIn(f"127.0.0.2:{port}", self.receiver.wait("pin_mismatch")["details"])


if __name__ == "__main__":
    unittest.main()
