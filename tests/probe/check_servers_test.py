# SPDX-License-Identifier: Apache-2.0
"""`cotter check` on live servers: the verdict falls inside the handshake, at every address, and nothing else leaves."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemons  # noqa: E402
from lab import Lab  # noqa: E402
from pki import HOST, Pki  # noqa: E402

COTTER = os.environ["COTTER_BIN"]


def check(roots, *arguments):
    trust = [text for root in roots for text in ("--cacert", root)]
    result = subprocess.run([COTTER, "check", "--json", "--no-system-roots", *trust, *arguments],
                            capture_output=True, text=True, timeout=60, check=False)
    return result.returncode, json.loads(result.stdout)["targets"][0]


class CheckServers(unittest.TestCase):
    def test_right_pins_pass_and_wrong_pins_do_not(self):
        """S1-54"""
        with Lab([]) as lab:
            there = ["--connect-to", lab.address(), HOST]
            for place, name in enumerate(("leaf", "intermediate", "root")):
                code, target = check([lab.file("root")], "--pin", lab.pin(name), *there)
                self.assertEqual((code, target["verdict"], target["peer"]), (0, "pinned_ok", lab.address()))
                self.assertEqual(target["tls"], "TLSv1.3")
                self.assertEqual(target["matched"]["index"], place)
                self.assertEqual(target["found"], [lab.pin(one) for one in ("leaf", "intermediate", "root")])
            before = lab.record()[0]["handshakes_completed"]
            code, target = check([lab.file("root")], "--pin", lab.pin("backup"), *there)
            self.assertEqual((code, target["verdict"], target["code"]), (1, "pin_mismatch", "pin_mismatch"))
            pins = " ".join(lab.pin(one) for one in ("leaf", "intermediate", "root"))
            # S1-31: the text, exactly.
            self.assertEqual(target["message"], f"bad ssl pin detected, found pins: [{pins}]")
            # S2-13: refused inside the handshake.
            self.assertEqual(lab.record()[0]["handshakes_completed"], before)

    def test_an_interceptor_learns_nothing(self):
        """S3-01: its CA is trusted, and it appends the genuine intermediate and root."""
        for version in ("1.2", "1.3"):
            knobs = ["--identity", "rogue-leaf", "--append", "intermediate,root", "--client-certificates", "requested",
                     "--min-tls", version, "--max-tls", version]
            with Lab(knobs) as lab:
                for pinned in ("leaf", "intermediate", "root"):
                    code, target = check([lab.file("root"), lab.file("rogue-root")], "--pin", lab.pin(pinned),
                                         "--connect-to", lab.address(), HOST)
                    self.assertEqual((code, target["verdict"], target["tls"]), (1, "pin_mismatch", "TLSv" + version))
                    self.assertEqual(target["found"], [lab.pin("rogue-leaf"), lab.pin("rogue-root")])
                record = lab.record()[0]
                self.assertEqual((record["handshakes_completed"], record["application_bytes"]), (0, 0))

    def test_both_key_types_must_pass(self):
        with Lab(["--identity", "leaf", "--identity", "leaf-rsa"]) as lab:
            there = ["--connect-to", lab.address(), HOST]
            both = ["--pin", lab.pin("leaf"), "--pin", lab.pin("leaf-rsa")]
            self.assertEqual(check([lab.file("root")], *both, *there)[0], 0)
            for half in (both[:2], both[2:]):
                code, target = check([lab.file("root")], *half, *there)
                self.assertEqual((code, target["verdict"]), (1, "pin_mismatch"))

    def test_every_address_must_pass(self):
        with Lab([]) as lab:
            port = lab.port()
            with Lab(["--address", "127.0.0.2", "--port", str(port), "--identity", "leaf"]) as other:
                roots = [lab.file("root"), other.file("root")]
                there = ["--resolve", f"{HOST}:{port}:127.0.0.1,127.0.0.2", f"{HOST}:{port}"]
                both = ["--pin", lab.pin("root"), "--pin", other.pin("root")]
                self.assertEqual(check(roots, *both, *there)[0], 0)
                code, target = check(roots, *both[:2], *there)
                self.assertEqual((code, target["verdict"], target["peer"]), (1, "pin_mismatch", f"127.0.0.2:{port}"))
            code, target = check(roots[:1], *both, *there)
            self.assertEqual((code, target["verdict"], target["code"]), (3, "network_error", "connect_refused"))

    def test_a_verdict_is_never_made_of_a_failed_handshake(self):
        cases = {"silence": "connect_timeout", "reset": "connection_closed", "garbage": "not_tls",
                 "plain-http": "not_tls"}
        with Lab(*(["--fault", fault] for fault in cases), ["--authentication", "anonymous", "--max-tls", "1.2"],
                 ["--pad", "20"]) as lab:
            def one(server):
                return check([lab.file("root")], "--timeout", "2", "--pin", lab.pin("root"), "--connect-to",
                             lab.address(server), HOST)
            for server, expected in enumerate(cases.values()):
                code, target = one(server)
                self.assertEqual((code, target["verdict"], target["code"]), (3, "network_error", expected))
                self.assertIsNone(target["matched"])
            code, target = one(len(cases))
            self.assertEqual((code, target["verdict"]), (3, "network_error"))
            code, target = one(len(cases) + 1)
            self.assertIn((code, target["code"]), ((1, "chain_too_long"), (3, "chain_too_long")))

    def test_starttls_servers(self):
        with daemons.directory() as path:
            pki = Pki(path)
            with daemons.postgres(pki) as port:
                there = ["--starttls", "postgres", "--connect-to", f"127.0.0.1:{port}", HOST]
                self.assertEqual(check([pki.file("root.pem")], "--pin", pki.pin("ec"), *there)[0], 0)
                self.assertEqual(check([pki.file("root.pem")], "--pin", pki.pin("rsa"), *there)[0], 1)


if __name__ == "__main__":
    unittest.main()
