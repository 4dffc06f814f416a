# SPDX-License-Identifier: Apache-2.0
"""cotter check on live servers: PKI first, pins second, and nothing of the caller's leaves."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from lab import Lab  # noqa: E402

COTTER = os.environ["COTTER_BIN"]
HOST = "api.example.com"

POLICY = """[policy]
name = "acme"
version = 7
{head}
[[host]]
pattern = "{pattern}"
{rule}
pins = [{{ pin = "{pin}", place = "{place}"{use} }}]
"""


def check(lab, *words, trust=("root",), server=0, host=HOST):
    """Runs check --json and returns (exit code, row, stderr)."""
    anchors = [word for name in trust for word in ("--cacert", lab.file(name))]
    command = [COTTER, "check", "--json", "--no-system-roots", *anchors, "--connect-to", lab.address(server),
               "--timeout", "20", *words, host]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    row = json.loads(done.stdout)["targets"][0] if done.stdout else None
    return done.returncode, row, done.stderr


def policy(pin, pattern=HOST, place="any", use="", head="", rule=""):
    file = tempfile.NamedTemporaryFile("w", suffix=".toml", delete=False)
    with file:
        file.write(POLICY.format(pin=pin, pattern=pattern, place=place, head=head, rule=rule,
                                 use=f', use = "{use}"' if use else ""))
    return file.name


class CheckOfServers(unittest.TestCase):
    def judge(self, lab, *words, verdict, code, exit_code, **options):
        exit_found, row, err = check(lab, *words, **options)
        self.assertEqual((row["verdict"], row["code"], exit_found), (verdict, code, exit_code), err)
        return row, err

    def test_S0_01_S1_54_right_and_wrong_pins(self):
        with Lab([]) as lab:
            row, err = self.judge(lab, "--pin", lab.pin("root"), verdict="pinned_ok", code=None, exit_code=0)
            self.assertEqual(row["matched"], {"pin": lab.pin("root"), "place": "ca", "index": 2})
            self.assertEqual(row["found"], [lab.pin(name) for name in ("leaf", "intermediate", "root")])
            self.assertEqual((row["peer"], row["tls"], row["target"]), (lab.address(), "TLSv1.3", f"{HOST}:443"))
            self.assertEqual(err, "")
            row, err = self.judge(lab, "--pin", lab.pin("backup"), verdict="pin_mismatch", code="pin_mismatch", exit_code=1)
            found = " ".join(lab.pin(name) for name in ("leaf", "intermediate", "root"))
            self.assertEqual(row["message"], f"bad ssl pin detected, found pins: [{found}]")
            self.assertIn("cotter explain pin_mismatch", err)
            self.assertEqual(lab.settled()[0]["application_bytes"], 0)

    def test_text_tells_what_is_pinned_and_what_was_found(self):
        with Lab([]) as lab:
            command = [COTTER, "check", "--policy", policy(lab.pin("backup"), place="leaf", use="backup"), "--no-system-roots",
                       "--cacert", lab.file("root"), "--connect-to", lab.address(), HOST]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.stdout, f"""{HOST}:443  pin_mismatch  the verified path carries no pinned key: somebody else answered, or the key changed
  code: pin_mismatch
  rule: {HOST}
  pinned: {lab.pin("backup")}  leaf backup
  found: {lab.pin("leaf")}  leaf
         {lab.pin("intermediate")}  ca
         {lab.pin("root")}  ca
  peer: {lab.address()}, TLSv1.3
  policy: acme version 7
""")
            self.assertEqual(done.returncode, 1)

    def test_trusted_interceptor_with_the_genuine_chain_appended(self):
        with Lab(["--identity", "rogue-leaf", "--append", "intermediate,root"]) as lab:
            for name in ("leaf", "intermediate", "root"):
                self.judge(lab, "--pin", lab.pin(name), trust=("root", "rogue-root"), verdict="pin_mismatch",
                           code="pin_mismatch", exit_code=1)

    def test_S3_02_pki_comes_first(self):
        for identity, code in (("expired", "cert_expired"), ("wrong-host", "host_mismatch"), ("forged", "signature_invalid"),
                               ("self-signed", "self_signed"), ("rogue-leaf", "issuer_unknown")):
            with Lab(["--identity", identity]) as lab:
                row, _ = self.judge(lab, "--pin", lab.pin(identity), verdict="pki_error", code=code, exit_code=1)
                self.assertEqual(row["found"], [])

    def test_policy_rule_backup_report_and_name(self):
        with Lab(["--identity", "backup"]) as lab:
            row, _ = self.judge(lab, "--policy", policy(lab.pin("backup"), pattern="*.example.com", use="backup"),
                                verdict="pinned_ok", code="backup_pin_matched", exit_code=0)
            self.assertEqual((row["rule"], row["policy"]), ("*.example.com", {"name": "acme", "version": 7}))
            _, err = self.judge(lab, "--policy", policy(lab.pin("leaf"), rule='mode = "report"'), verdict="reported",
                                code="reported", exit_code=0)
            self.assertIn("warning", err)

    def test_a_compiled_policy_is_a_policy(self):
        with Lab([]) as lab:
            for name, verdict, exit_code in (("leaf", "pinned_ok", 0), ("backup", "pin_mismatch", 1)):
                source = policy(lab.pin(name))
                compiled = source + ".cache"
                subprocess.run([COTTER, "policy", "compile", "--policy", source, "-o", compiled], check=True, timeout=60)
                row, _ = self.judge(lab, "--policy", compiled, verdict=verdict, exit_code=exit_code,
                                    code=None if exit_code == 0 else verdict)
                self.assertEqual((row["rule"], row["policy"]), (HOST, {"name": "acme", "version": 7}))
            with open(compiled, "r+b") as file:
                file.seek(40)
                file.write(b"damaged")
            self.assertEqual(check(lab, "--policy", compiled)[0], 2)

    def test_every_reason_is_told(self):  # S0-18, S0-26
        expired = "expires = 2020-01-01"
        with Lab([]) as lab:
            row, _ = self.judge(lab, "--policy", policy(lab.pin("backup"), rule=expired), verdict="pin_mismatch",
                                code="pin_mismatch", exit_code=1)
            self.assertEqual(row["reasons"], ["pin_mismatch", "policy_expired"])
            self.assertEqual(row["pinned"], [{"pin": lab.pin("backup"), "kind": "spki", "place": "any", "use": "active"}])
            row, _ = self.judge(lab, "--policy", policy(lab.pin("leaf"), rule=expired, use="backup"), verdict="pinned_ok",
                                code="policy_expired", exit_code=0)
            self.assertEqual((row["reasons"], row["pinned"]), (["policy_expired", "backup_pin_matched"], []))
            row, _ = self.judge(lab, "--policy", policy(lab.pin("backup"), rule=expired + '\non_expiry = "report"'),
                                verdict="reported", code="reported", exit_code=0)
            self.assertEqual(row["reasons"], ["reported", "pin_mismatch", "policy_expired"])
            row, _ = self.judge(lab, "--policy", policy(lab.pin("leaf"), rule='require = "leaf+ca"'), verdict="pin_mismatch",
                                code="pin_mismatch", exit_code=1)
            self.assertEqual(row["notes"], ["the leaf is pinned, but no CA of the same path, and the rule wants both"])
            command = [COTTER, "check", "--policy", policy(lab.pin("backup"), rule=expired), "--no-system-roots", "--cacert",
                       lab.file("root"), "--connect-to", lab.address(), HOST]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            self.assertIn("  also: policy_expired: the rule, or the whole policy, is past its expiry\n", done.stdout)

    def test_S1_55_unlisted_hosts(self):
        with Lab([]) as lab:
            elsewhere = {"pin": lab.pin("leaf"), "pattern": "other.example.com"}
            self.judge(lab, "--policy", policy(**elsewhere), verdict="not_pinned", code="not_pinned", exit_code=0)
            self.judge(lab, "--require-pinned", "--policy", policy(**elsewhere), verdict="not_pinned", code="not_pinned",
                       exit_code=1)
            self.judge(lab, "--policy", policy(head='unlisted = "refuse"', **elsewhere), verdict="unlisted_refused",
                       code="unlisted_refused", exit_code=1)
            self.judge(lab, "--policy", policy(lab.pin("leaf"), rule="ports = [8443]"), verdict="port_refused",
                       code="port_refused", exit_code=1)

    def test_a_host_has_one_answer_however_it_is_written(self):
        with Lab([]) as lab:
            for host in ("API.Example.COM.", "api.example.com:443"):
                self.judge(lab, "--pin", lab.pin("backup"), host=host, verdict="pin_mismatch", code="pin_mismatch", exit_code=1)

    def test_a_server_that_cannot_be_asked_is_undecided(self):
        with Lab(["--fault", "close"]) as lab:
            exit_code, row, _ = check(lab, "--pin", lab.pin("leaf"))
            self.assertEqual((exit_code, row["verdict"]), (3, "network_error"))
            exit_code, row, _ = check(lab, "--policy", policy(lab.pin("leaf")))
            self.assertEqual((exit_code, row["verdict"], row["policy"]), (3, "network_error", {"name": "acme", "version": 7}))

    def test_S0_26_short_message_for_people_and_full_detail_below(self):
        with Lab(["--identity", "backup"]) as lab:
            command = [COTTER, "check", "--no-system-roots", "--cacert", lab.file("root"), "--connect-to", lab.address(),
                       "--pin", lab.pin("leaf"), HOST]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
            first, *details = done.stdout.splitlines()
            self.assertTrue(first.startswith(f"{HOST}:443  pin_mismatch  "), first)
            self.assertNotIn("sha256/", first)
            for detail in ("code: pin_mismatch", f"rule: {HOST}", f"found: {lab.pin('backup')}  leaf", f"peer: {lab.address()}, TLSv1.3"):
                self.assertIn("  " + detail, details)

    def test_a_chain_beyond_every_bound_is_a_violation(self):
        for pad in ("20", "10000"):
            with Lab(["--pad", pad]) as lab:
                self.judge(lab, "--pin", lab.pin("leaf"), verdict="pki_error", code="chain_too_long", exit_code=1)

    def test_misuse_is_told(self):
        with Lab([]) as lab:
            for words in ([], ["--pin", lab.pin("leaf"), "--policy", "x.toml"], ["--pin", lab.pin("leaf"), "--at", "2026-01-01"],
                          ["--policy", "/nonexistent/policy.toml"], ["--pin", "sha256/AAAA"],
                          [f"--pin={hashlib.sha256(str(n).encode()).hexdigest()}" for n in range(300)]):
                exit_code, row, err = check(lab, *words)
                self.assertEqual((exit_code, row), (2, None), words)
                self.assertTrue(err.startswith("cotter: error: "), err)


if __name__ == "__main__":
    unittest.main()
