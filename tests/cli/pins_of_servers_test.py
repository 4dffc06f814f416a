# SPDX-License-Identifier: Apache-2.0
"""cotter pins on live servers: the pins are OpenSSL's, the root is there, and half an answer is none."""

import json
import os
import re
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from lab import Lab  # noqa: E402

COTTER = os.environ["COTTER_BIN"]
EMPTY_PIN = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def openssl_pin(path):
    """The pin of a certificate by the openssl pipeline, which cotter must equal."""
    pipeline = "set -o pipefail; openssl x509 -in \"$0\" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64"
    pin = subprocess.run(["bash", "-c", pipeline, path], capture_output=True, text=True, check=True).stdout.strip()
    assert pin != EMPTY_PIN
    return pin


def pins(lab, *words, roots=True, timeout="20"):
    trust = ["--cacert", lab.file("root")] if roots else []
    command = [COTTER, "pins", "--no-system-roots", "--timeout", timeout, *(trust if lab else []), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


class PinsOfServers(unittest.TestCase):
    def test_S1_03_S1_05_S1_06_S1_07_text_has_target_then_pins_leaf_first_with_role_and_root(self):
        with Lab([]) as lab:
            done = pins(lab, lab.address())
            self.assertEqual(done.returncode, 0, done.stderr)
            lines = done.stdout.splitlines()
            self.assertEqual(lines[0], lab.address())
            wanted = [openssl_pin(lab.file(name)) for name in ("leaf", "intermediate", "root")]
            self.assertEqual([line[:53] for line in lines[1:]], [f"  sha256/{pin}" for pin in wanted])
            for line, role in zip(lines[1:], ("leaf", "intermediate", "root")):
                self.assertRegex(line[53:], rf"^  {role}  \S.*  until \d{{4}}-\d\d-\d\d$")

    def test_plain_stops_after_the_pin_and_bare_is_base64_alone(self):
        with Lab([]) as lab:
            wanted = [openssl_pin(lab.file(name)) for name in ("leaf", "intermediate", "root")]
            plain = pins(lab, "--plain", lab.address())
            self.assertEqual(plain.stdout, lab.address() + "\n" + "".join(f"  sha256/{pin}\n" for pin in wanted))
            self.assertEqual(pins(lab, "--bare", lab.address()).stdout, "".join(f"{pin}\n" for pin in wanted))

    def test_json_has_the_documented_shape(self):
        with Lab([]) as lab:
            document = json.loads(pins(lab, "--json", lab.address()).stdout)
            self.assertEqual(list(document), ["targets"])
            target = document["targets"][0]
            self.assertEqual(list(target), ["target", "kind", "verified", "error", "certificates"])
            self.assertEqual([target["target"], target["kind"], target["verified"], target["error"]],
                             [lab.address(), "server", True, None])
            self.assertEqual([entry["role"] for entry in target["certificates"]], ["leaf", "intermediate", "root"])
            leaf = target["certificates"][0]
            self.assertEqual(list(leaf), ["role", "subject", "spki", "cert", "not_before", "not_after"])
            digest = subprocess.run(
                ["bash", "-c", "openssl x509 -in \"$0\" -outform DER | openssl dgst -sha256 -binary | base64", lab.file("leaf")],
                capture_output=True, text=True, check=True).stdout.strip()
            self.assertEqual(leaf["cert"], f"sha256/{digest}")
            dates = subprocess.run(
                ["openssl", "x509", "-in", lab.file("leaf"), "-noout", "-dates", "-dateopt", "iso_8601"],
                capture_output=True, text=True, check=True).stdout
            self.assertEqual([leaf["not_before"], leaf["not_after"]],
                             [date.replace(" ", "T") for date in re.findall(r"=(.*)", dates)])

    def test_both_key_types_of_a_server_are_listed(self):
        with Lab(["--identity", "leaf", "--identity", "leaf-rsa"]) as lab:
            found = pins(lab, "--bare", lab.address()).stdout.split()
            for name in ("leaf", "leaf-rsa", "root"):
                self.assertIn(openssl_pin(lab.file(name)), found)
            self.assertEqual(len(found), len(set(found)))

    def test_S2_05_name_and_address_are_separate(self):
        with Lab([]) as lab:
            wanted = openssl_pin(lab.file("leaf"))
            for words in (["--connect-to", lab.address(), "api.example.com"],
                          ["--connect-to", f"api.example.com:443:127.0.0.1:{lab.port()}", "API.Example.COM."],
                          ["--resolve", f"api.example.com:{lab.port()}:127.0.0.1", f"api.example.com:{lab.port()}"]):
                done = pins(lab, "--bare", *words)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout.split()[0], wanted)

    def test_a_server_that_does_not_verify_gives_no_pin_and_exit_1(self):
        with Lab([]) as lab:
            for words, code in ((["--connect-to", lab.address(), "other.example.net"], "host_mismatch"),):
                done = pins(lab, *words)
                self.assertEqual([done.returncode, done.stdout], [1, ""])
                self.assertIn(f"cotter explain {code}", done.stderr)
                target = json.loads(pins(lab, "--json", *words).stdout)["targets"][0]
                self.assertEqual([target["verified"], target["error"]["code"], target["certificates"]], [False, code, []])

    def test_insecure_show_marks_what_is_not_verified_and_exits_1(self):
        with Lab([]) as lab:
            words = ["--insecure-show", "--connect-to", lab.address(), "other.example.net"]
            done = pins(lab, *words)
            self.assertEqual(done.returncode, 1)
            self.assertIn(openssl_pin(lab.file("leaf")), done.stdout)
            for line in done.stdout.splitlines()[1:]:
                self.assertRegex(line, r"^  sha256/\S{44}  unverified ")
            target = json.loads(pins(lab, "--json", *words).stdout)["targets"][0]
            self.assertFalse(target["verified"])
            self.assertTrue(target["certificates"] and target["error"])
            for form in ("--bare", "--plain"):
                done = pins(lab, form, *words)
                self.assertEqual([done.returncode, done.stdout], [2, ""])

    def test_S1_05_broken_servers_are_bounded_and_give_exit_3(self):
        for fault, code in (("silence", "connect_timeout"), ("garbage", "not_tls"), ("plain-http", "not_tls"),
                            ("close", "connection_closed"), ("reset", "connection_closed")):
            with self.subTest(fault), Lab(["--fault", fault]) as lab:
                started = time.monotonic()
                done = pins(lab, lab.address(), timeout="2")
                self.assertEqual([done.returncode, done.stdout], [3, ""], done.stderr)
                self.assertIn(f"cotter explain {code}", done.stderr)
                self.assertLess(time.monotonic() - started, 30)

    def test_one_silent_address_of_two_gives_no_pin(self):
        with Lab(["--address", "127.0.0.2"], ["--address", "127.0.0.3", "--fault", "silence"]) as lab:
            # Both listen on ports of their own, so the second address answers nothing on the first's.
            rule = f"api.example.com:{lab.port(0)}:127.0.0.2,127.0.0.3"
            done = pins(lab, "--resolve", rule, f"api.example.com:{lab.port(0)}", timeout="5")
            self.assertEqual([done.returncode, done.stdout], [3, ""], done.stderr)
            self.assertIn("127.0.0.3", done.stderr)

    def test_of_many_targets_the_exit_code_is_2_before_1_before_3_before_0(self):
        with Lab([], ["--identity", "expired"], ["--fault", "close"]) as lab:
            good, bad, gone = (lab.address(i) for i in range(3))
            for targets, wanted in (([good, gone], 3), ([gone, bad, good], 1), ([bad, gone, "missing.pem"], 2)):
                done = pins(lab, "--plain", *targets)
                self.assertEqual(done.returncode, wanted, done.stderr)
                self.assertEqual(good in done.stdout, good in targets)

    def test_starttls_comes_before_tls(self):
        with Lab(["--starttls", "smtp"]) as lab:
            done = pins(lab, "--bare", "--starttls", "smtp", lab.address())
            self.assertEqual(done.stdout.split()[:1], [openssl_pin(lab.file("leaf"))], done.stderr)

    def test_a_proxy_opens_the_tunnel_and_its_password_is_not_printed(self):
        with Lab([], ["--starttls", "http-proxy"]) as lab:
            done = pins(lab, "--bare", "--proxy", f"http://user:hunter2@{lab.address(1)}", "api.example.com")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout.split()[:1], [openssl_pin(lab.file("leaf"))])
            done = pins(lab, "--proxy", f"http://user:hunter2@{lab.address(0)}", "api.example.com", timeout="3")
            self.assertEqual([done.returncode, "hunter2" in done.stderr], [3, False])


unittest.main()
