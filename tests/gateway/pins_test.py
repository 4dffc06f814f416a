# SPDX-License-Identifier: Apache-2.0
"""Pins hold at the gateway, in HTTP and TCP mode, by the servers' own records. S3-44, S1-26, S1-30, S3-01, S3-10."""
import json
import socket
import sys
import time
import unittest

from gateway import HOST, PATIENCE, Gateway, Lab, policy_text, read_all, read_response, wait_for

SECRET = b"GET /patients/17 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n\r\n"

PIN_OF_NOBODY = "sha256/CQO7vXaXyL2LrgRzefj3QSHC0Nfm2mMOE9P3PcdnZjQ="
END = "cotter_policy_emergency_end_timestamp_seconds"


def route(lab, server=0, **keys):
    return {"upstream": f"{HOST}:443", "addresses": [f"127.0.0.1:{lab.port(server)}"], **keys}


class Pins(unittest.TestCase):
    def test_a_pinned_server_is_reached_S3_44(self):
        for mode in ("http", "tcp"):
            with self.subTest(mode), Lab([]) as lab, \
                    Gateway(policy_text([lab.pin("leaf")]), [lab.file("root")], [route(lab, mode=mode)]) as gateway, \
                    gateway.connect() as client:
                client.sendall(SECRET)
                status, _, body, _ = read_response(client)
                self.assertEqual(status, 200, body)
                record = lab.record()[0]["details"][0]
                self.assertEqual(record["server_name"], HOST)
                self.assertIn("Bearer secret", record["application_data"])
                self.assertEqual(gateway.events("violation"), [])

    def test_of_a_request_to_a_refused_server_nothing_leaves_S3_01_S1_30(self):
        cases = {
            "a trusted CA's other key": (["--identity", "rogue-leaf"], "PIN_MISMATCH"),
            "the genuine chain appended": (["--identity", "rogue-leaf", "--append", "leaf,intermediate"], "PIN_MISMATCH"),
        }
        for name, (knobs, code) in cases.items():
            with self.subTest(name), Lab(knobs) as lab, \
                    Gateway(policy_text([lab.pin("leaf")]), [lab.file("root"), lab.file("rogue-root")], [route(lab)]) as gateway, \
                    gateway.connect() as client:
                for attempt in range(2):  # the first and a later one alike: S1-26
                    client.sendall(SECRET)
                    status, head, body, _ = read_response(client)
                    self.assertEqual(status, 502, body)
                    self.assertIn(b"application/json", head)
                    error = json.loads(body)["error"]
                    self.assertEqual(error["code"], code)
                    self.assertTrue(error["message"].startswith("bad ssl pin detected, found pins: ["), error)
                    # Told before the error returned.
                    self.assertEqual(gateway.metrics()[f'ssl_pin_failure{{host="{HOST}"}}'], attempt + 1)
                wait_for("both lines", lambda: len(gateway.events("violation")) == 2)
                self.assertEqual(gateway.events("violation")[0]["peer"], f"127.0.0.1:{lab.port()}")
                for server in lab.settled():
                    self.assertEqual(server["handshakes_completed"], 0)
                    self.assertEqual(server["application_bytes"], 0)

    def test_bytes_to_a_refused_server_end_in_a_reset_S3_01(self):
        with Lab(["--identity", "rogue-leaf"]) as lab, \
                Gateway(policy_text([lab.pin("leaf")]), [lab.file("rogue-root")], [route(lab, mode="tcp")]) as gateway, \
                gateway.connect() as client:
            with self.assertRaises(ConnectionError):
                client.sendall(b"secret")
                if read_all(client) == b"":
                    self.fail("the client saw an end as after a whole answer")
            self.assertEqual(lab.settled()[0]["application_bytes"], 0)
            wait_for("the violation", lambda: gateway.events("violation"))

    def test_nothing_switches_the_verification_off_S3_10(self):
        # A server that no root vouches for is refused, whether or not a rule names it.
        for host in (HOST, "other.example.com"):
            with self.subTest(host), Lab([]) as lab, \
                    Gateway(policy_text([lab.pin("leaf")], host=host), [lab.file("rogue-root")], [route(lab)]) as gateway, \
                    gateway.connect() as client:
                client.sendall(SECRET)
                status, _, body, _ = read_response(client)
                self.assertEqual((status, json.loads(body)["error"]["code"]), (502, "ISSUER_UNKNOWN"))
                self.assertEqual(lab.settled()[0]["application_bytes"], 0)

    def test_the_client_does_not_choose_the_server(self):
        with Lab([]) as lab, \
                Gateway(policy_text([lab.pin("leaf")]), [lab.file("root")], [route(lab, hosts=["other.example.com"])]) as gateway, \
                gateway.connect() as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: other.example.com:8443\r\n\r\n")
            self.assertEqual(read_response(client)[0], 200)
            record = lab.record()[0]["details"][0]
            self.assertEqual(record["server_name"], HOST)
            self.assertIn(f"Host: {HOST}\r\n", record["application_data"])
            self.assertNotIn("other.example.com", record["application_data"])

    def test_a_policy_that_is_replaced_holds_for_the_next_request(self):
        with Lab([]) as lab, Gateway(policy_text([lab.pin("leaf")]), [lab.file("root")], [route(lab)]) as gateway, \
                gateway.connect() as client:
            client.sendall(SECRET)
            self.assertEqual(read_response(client)[0], 200)
            gateway.policy.write_text(policy_text([lab.pin("backup")], version=2))
            gateway.reload()
            client.sendall(SECRET)
            status, _, body, _ = read_response(client)
            self.assertEqual((status, json.loads(body)["error"]["code"]), (502, "PIN_MISMATCH"))
            gateway.policy.write_text("this is no policy")
            gateway.reload()
            self.assertEqual(gateway.metrics()["cotter_config_last_reload_successful"], 0)
            self.assertEqual(gateway.metrics()["cotter_policy_version"], 2)
            client.sendall(SECRET)
            self.assertEqual(read_response(client)[0], 502)

    def test_a_suspension_ends_on_an_open_connection_S1_26(self):
        until = int(time.time()) + 8
        suspended = policy_text([PIN_OF_NOBODY]) + (
            f'[[emergency]]\nid = "drill"\nkind = "suspend"\nrules = [{{ pattern = "{HOST}" }}]\n'
            f'until = {time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until))}\nreason = "drill"\nticket = "T-1"\n')
        with Lab([]) as lab, Gateway(suspended, [lab.file("root")], [route(lab)]) as gateway, gateway.connect() as client:
            client.sendall(SECRET)
            status, _, body, _ = read_response(client)
            self.assertEqual(status, 200, body)
            self.assertEqual(gateway.metrics()[END], until)
            self.assertEqual(gateway.events("violation")[0]["code"], "rule_suspended")

            def refused():
                client.sendall(SECRET)
                return read_response(client)[0] == 502

            wait_for("the rule to enforce again", refused)
            # The clock that cannot be put back counts whole seconds, and rounds towards enforcing.
            self.assertGreater(time.time(), until - 1)
            self.assertEqual(gateway.metrics()[END], 0)
            seen = lab.settled()
            client.sendall(SECRET)
            self.assertEqual(read_response(client)[0], 502)
            after = lab.settled()
            self.assertEqual(after[0]["application_bytes"], seen[0]["application_bytes"])


if __name__ == "__main__":
    unittest.main()
