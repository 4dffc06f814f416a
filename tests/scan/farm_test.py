# SPDX-License-Identifier: Apache-2.0
"""`cotter scan` on farms of nginx and haproxy: what differs, what is missing, what ends when; openssl s_client and sslscan
look at the same servers and must see the same."""
import csv
import io
import json
import os
import re
import subprocess
import sys
import unittest

from cryptography.x509 import ocsp

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from farm import HOST, Authority, at, codes, daemons, finding, haproxy, nginx, pin_of, run, scan  # noqa: E402

HSTS = "add_header Strict-Transport-Security 'max-age=31536000; includeSubDomains; preload' always;"


def s_client(address, port, *options):
    """What openssl s_client prints."""
    return subprocess.run(["openssl", "s_client", "-connect", f"{address}:{port}", "-servername", HOST, *options],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False).stdout


class Farm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls._directory = daemons.directory()
        cls.ca = Authority(cls._directory.__enter__())

    @classmethod
    def tearDownClass(cls):
        cls._directory.__exit__(None, None, None)

    def one(self, port, *options, addresses=("127.0.0.1",)):
        exit_code, answer = scan(self.ca, *options, *at(port, *addresses))
        self.assertEqual(len(answer["targets"]), 1)
        return exit_code, answer["targets"][0]

    # S3-14: the facts are those that openssl sees; a sound server has no findings.
    def test_a_sound_server_and_the_same_facts_by_openssl(self):
        leaf = self.ca.leaf("sound")
        with nginx(self.ca, [("127.0.0.1", ["sound"], HSTS + "ssl_protocols TLSv1.2 TLSv1.3;")]) as port:
            exit_code, target = self.one(port)
            self.assertEqual((exit_code, target["findings"], target["verdict"]), (0, [], "not_pinned"))
            look = target["addresses"][0]["looks"][0]
            seen = s_client("127.0.0.1", port)
            self.assertIn(f"Cipher is {look['suite']}", seen)
            self.assertIn(f"{look['tls']}, Cipher", seen)
            self.assertEqual(look["group"], "X25519")
            self.assertIn("Server Temp Key: X25519", seen)
            self.assertEqual(look["chain"]["presented"][0]["spki"], pin_of(leaf))
            self.assertEqual(look["chain"]["paths"], [[pin_of(leaf), pin_of(self.ca.intermediates["one"][0]),
                                                       pin_of(self.ca.root)]])
            self.assertEqual(look["chain"]["key"], "EC P-256")
            self.assertEqual(look["http"]["hsts"], {
                "value": "max-age=31536000; includeSubDomains; preload", "max_age": 31536000, "include_subdomains": True,
                "preload": True})
            spoken = {name: one["accepted"] for name, one in target["addresses"][0]["versions"].items()}
            self.assertEqual(spoken, {"SSLv3": "no", "TLSv1": "no", "TLSv1.1": "no", "TLSv1.2": "yes", "TLSv1.3": "yes"})

    # S3-09, S3-29, S3-49: what differs between the addresses of one name is told, by address.
    def test_addresses_that_differ(self):
        self.ca.leaf("edge")
        self.ca.leaf("origin", issuer="two")
        with nginx(self.ca, [("127.0.0.1", ["edge"], HSTS), ("127.0.0.2", ["edge"], HSTS),
                             ("127.0.0.3", ["origin"], "ssl_protocols TLSv1.2;")]) as port:
            exit_code, target = self.one(port, addresses=("127.0.0.1", "127.0.0.2", "127.0.0.3"))
            self.assertEqual(exit_code, 0)
            self.assertEqual(codes(target), ["cdn_difference", "hsts_missing", "settings_differ"])
            self.assertEqual(finding(target, "hsts_missing")["peers"], [f"127.0.0.3:{port}"])
            self.assertIn(f"127.0.0.1:{port}, 127.0.0.2:{port}", finding(target, "cdn_difference")["detail"])
            strict, _ = self.one(port, "--strict", addresses=("127.0.0.1", "127.0.0.3"))
            self.assertEqual(strict, 1)

    # S3-49: an intermediate that was not there when the baseline was saved.
    def test_an_unexpected_intermediate(self):
        self.ca.leaf("before")
        self.ca.leaf("after", issuer="two")
        baseline = os.path.join(self.ca.folder, "baseline.txt")
        with nginx(self.ca, [("127.0.0.1", ["before"], HSTS), ("127.0.0.2", ["after"], HSTS)]) as port:
            first, _ = self.one(port, "--save-baseline", baseline)
            again, _ = self.one(port, "--baseline", baseline)
            self.assertEqual((first, again), (0, 0))
            exit_code, target = self.one(port, "--baseline", baseline, addresses=("127.0.0.1", "127.0.0.2"))
            self.assertEqual(exit_code, 1)
            told = finding(target, "unexpected_intermediate")
            self.assertEqual((told["level"], told["peers"]), ("problem", [f"127.0.0.2:{port}"]))
            self.assertIn(pin_of(self.ca.intermediates["two"][0]), told["detail"])
            with open(baseline, "a", encoding="ascii") as out:
                out.write("not a baseline\n")
            broken = run("--baseline", baseline, *at(port, "127.0.0.1"))
            self.assertEqual(broken.returncode, 2)
            self.assertIn("line 3", broken.stderr)

    # S3-25: key types and sizes.
    def test_unusual_keys(self):
        for kind, usual in (("ec", True), ("rsa2048", True), ("rsa3072", True), ("p521", False), ("rsa1024", False)):
            with self.subTest(kind=kind):
                self.ca.leaf("key", kind=kind)
                with nginx(self.ca, [("127.0.0.1", ["key"], HSTS + "ssl_ciphers ALL:@SECLEVEL=0;")]) as port:
                    _, target = self.one(port)
                    self.assertEqual("server_key_unusual" not in codes(target), usual, target["findings"])

    def test_both_key_types(self):
        self.ca.leaf("both-ec")
        self.ca.leaf("both-rsa", kind="rsa2048")
        with nginx(self.ca, [("127.0.0.1", ["both-ec", "both-rsa"], HSTS)]) as port:
            _, target = self.one(port)
            keys = {look["chain"]["key"] for look in target["addresses"][0]["looks"] if look["chain"]}
            self.assertEqual(keys, {"EC P-256", "RSA 2048"})

    # S3-26: staples, by nginx from a file; openssl s_client is asked whether it sees them.
    def test_staples(self):
        good = self.ca.leaf("stapled", responder=True)
        other = self.ca.leaf("unstapled", responder=True)
        cases = {
            "good": (self.ca.staple("good", good), "good", None),
            "revoked": (self.ca.staple("revoked", good, status=ocsp.OCSPCertStatus.REVOKED), "revoked", "staple_invalid"),
            "unknown": (self.ca.staple("unknown", good, status=ocsp.OCSPCertStatus.UNKNOWN), "unknown", "staple_invalid"),
            "old": (self.ca.staple("old", good, hours=(48, -24)), "invalid", "staple_invalid"),
            "other": (self.ca.staple("other", other), "invalid", "staple_invalid"),
            "forged": (self.ca.staple("forged", good, signer="two"), "invalid", "staple_invalid"),
        }
        for name, (path, state, code) in cases.items():
            with self.subTest(staple=name):
                stapling = f"ssl_stapling on; ssl_stapling_file {path};"
                with nginx(self.ca, [("127.0.0.1", ["stapled"], HSTS + stapling)]) as port:
                    exit_code, target = self.one(port)
                    self.assertIn("OCSP Response Status: successful", s_client("127.0.0.1", port, "-status"))
                    self.assertEqual(target["addresses"][0]["looks"][0]["staple"]["state"], state)
                    self.assertEqual((exit_code, codes(target)), (1, [code]) if code else (0, []))

    # S3-26: nothing is missing where the authority has no responder; a demanded staple is a problem.
    def test_missing_staples(self):
        for name, options, expected in (("none", {}, []), ("named", {"responder": True}, ["staple_missing"]),
                                        ("must", {"must_staple": True}, ["must_staple_unmet"])):
            with self.subTest(name=name):
                self.ca.leaf(name, **options)
                with nginx(self.ca, [("127.0.0.1", [name], HSTS)]) as port:
                    exit_code, target = self.one(port)
                    self.assertEqual(codes(target), expected)
                    self.assertEqual(exit_code, 1 if name == "must" else 0)

    # S3-27: legacy versions and weak suites of haproxy, which sslscan must see too.
    def test_legacy_versions_and_weak_suites(self):
        self.ca.leaf("legacy", kind="rsa2048")
        options = "ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.2 ciphers ALL:eNULL:@SECLEVEL=0"
        with haproxy(self.ca, "legacy", options) as port:
            _, target = self.one(port)
            self.assertIn("legacy_tls", codes(target))
            self.assertEqual(finding(target, "legacy_tls")["detail"], "TLSv1, TLSv1.1")
            weak = set(target["addresses"][0]["weak_suites"])
            self.assertIn("TLS_RSA_WITH_NULL_SHA256", weak)
            self.assertTrue(any("_anon_" in name for name in weak), weak)
            judge = subprocess.run(["sslscan", "--no-colour", "--no-heartbleed", f"--sni-name={HOST}", f"127.0.0.1:{port}"],
                                   capture_output=True, text=True, timeout=60, check=False).stdout
            spoken = {name: one["accepted"] == "yes" for name, one in target["addresses"][0]["versions"].items()}
            for ours, theirs in (("SSLv3", "SSLv3"), ("TLSv1", "TLSv1.0"), ("TLSv1.1", "TLSv1.1"), ("TLSv1.2", "TLSv1.2"),
                                 ("TLSv1.3", "TLSv1.3")):
                enabled = re.search(rf"^{re.escape(theirs)}\s+(enabled|disabled)", judge, re.MULTILINE)
                self.assertEqual(spoken[ours], enabled.group(1) == "enabled", (ours, judge))

    # A server that speaks nothing of today's is still asked what it does speak.
    def test_a_server_of_tls_1_0_alone(self):
        self.ca.leaf("oldest", kind="rsa2048")
        with haproxy(self.ca, "oldest", "ssl-min-ver TLSv1.0 ssl-max-ver TLSv1.0 ciphers ALL:@SECLEVEL=0") as port:
            exit_code, target = self.one(port)
            self.assertEqual((exit_code, target["verdict"]), (3, "network_error"))
            self.assertEqual(finding(target, "legacy_tls")["detail"], "TLSv1")

    # S3-28, S0-10: HSTS as browsers read it; a Public-Key-Pins header is told, and nothing more.
    def test_headers(self):
        pins = "add_header Public-Key-Pins 'pin-sha256=\"x\"; max-age=9999999999999999999999; ;;;\"' always;"
        for header, expected in (("", ["hsts_missing"]), (HSTS, []), (HSTS + pins, ["hpkp_header"]),
                                 ("add_header Strict-Transport-Security 'max-age=60';", ["hsts_missing"]),
                                 ("add_header Strict-Transport-Security 'max-age=0';", ["hsts_missing"]),
                                 ("add_header Strict-Transport-Security 'forever';", ["hsts_missing"])):
            with self.subTest(header=header):
                self.ca.leaf("headers")
                with nginx(self.ca, [("127.0.0.1", ["headers"], header)]) as port:
                    self.assertEqual(codes(self.one(port)[1]), expected)

    # S3-18, S0-22: lead times scale with the lifetime; faketime turns the clock of cotter alone.
    def test_lifetimes(self):
        leaf = self.ca.leaf("short", days=(1, 5))
        policy = os.path.join(self.ca.folder, "short.toml")
        with open(policy, "w", encoding="ascii") as out:
            out.write(f'[policy]\nname = "p"\nversion = 1\n[[host]]\npattern = "{HOST}"\n'
                      f'pins = [{{ pin = "{pin_of(leaf)}", place = "leaf" }}]\n')
        with nginx(self.ca, [("127.0.0.1", ["short"], HSTS)]) as port:
            arguments = ["--json", "--no-system-roots", "--cacert", self.ca.root_file, "-p", policy, *at(port, "127.0.0.1")]
            for days, expected, exit_code in ((0, {"no_live_backup": "warning"}, 0),
                                              (4, {"no_live_backup": "problem", "renewal_overdue": "warning"}, 1)):
                with self.subTest(days=days):
                    result = subprocess.run(["faketime", "-f", f"+{days}d", os.environ["COTTER_BIN"], "scan", *arguments],
                                            capture_output=True, text=True, timeout=60, check=False)
                    target = json.loads(result.stdout)["targets"][0]
                    self.assertEqual({one["code"]: one["level"] for one in target["findings"]}, expected)
                    self.assertAlmostEqual(target["lifetime"]["used"], (days + 1) / 6, delta=0.02)
                    self.assertEqual(result.returncode, exit_code, result.stderr)
            expired = subprocess.run(["faketime", "-f", "+7d", os.environ["COTTER_BIN"], "scan", *arguments],
                                     capture_output=True, text=True, timeout=60, check=False)
            target = json.loads(expired.stdout)["targets"][0]
            self.assertEqual((expired.returncode, target["code"]), (1, "cert_expired"))

    # S0-18: of a refused host what is pinned stands beside what was found.
    def test_a_refused_host_shows_the_pins_of_its_rule(self):
        served, pinned = self.ca.leaf("served"), self.ca.leaf("pinned")
        policy = os.path.join(self.ca.folder, "refused.toml")
        with open(policy, "w", encoding="ascii") as out:
            out.write(f'[policy]\nname = "p"\nversion = 1\n[[host]]\npattern = "{HOST}"\n'
                      f'pins = [{{ pin = "{pin_of(pinned)}", place = "leaf" }}]\n')
        with nginx(self.ca, [("127.0.0.1", ["served"], HSTS)]) as port:
            exit_code, answer = scan(self.ca, "-p", policy, *at(port, "127.0.0.1"))
            target = answer["targets"][0]
            self.assertEqual((exit_code, target["verdict"], target["rule"]), (1, "pin_mismatch", HOST))
            self.assertEqual(target["pinned"],
                             [{"pin": pin_of(pinned), "kind": "spki", "place": "leaf", "use": "active"}])
            text = run("--no-system-roots", "--cacert", self.ca.root_file, "-p", policy, *at(port, "127.0.0.1")).stdout
            self.assertIn(f"pinned: {pin_of(pinned)}  leaf active", text)
            self.assertIn(pin_of(served), text)

    # S3-11: the standby endpoint makes a signature with the backup key.
    def test_a_standby_endpoint_proves_its_key(self):
        active, backup = self.ca.leaf("active"), self.ca.leaf("backup")
        self.ca.leaf("stranger")
        policy = os.path.join(self.ca.folder, "standby.toml")
        with open(policy, "w", encoding="ascii") as out:
            out.write(f'[policy]\nname = "p"\nversion = 1\n[[host]]\npattern = "{HOST}"\npins = [\n'
                      f'{{ pin = "{pin_of(active)}", place = "leaf" }},\n'
                      f'{{ pin = "{pin_of(backup)}", place = "leaf", use = "backup" }} ]\n')
        with nginx(self.ca, [("127.0.0.1", ["active"], HSTS), ("127.0.0.2", ["backup"], HSTS),
                             ("127.0.0.3", ["stranger"], HSTS)]) as port:
            for address, exit_code in (("127.0.0.2", 0), ("127.0.0.3", 1), ("127.0.0.1", 1)):
                with self.subTest(address=address):
                    status, answer = scan(self.ca, "-p", policy, "--standby", f"{HOST}:{port}={address}:{port}",
                                          *at(port, "127.0.0.1"))
                    self.assertEqual(status, exit_code)
                    standby = next(one for one in answer["targets"] if one["standby"])
                    self.assertEqual(codes(standby), [] if exit_code == 0 else ["backup_unproven"])
                    usual = next(one for one in answer["targets"] if not one["standby"])
                    self.assertEqual((usual["verdict"], usual["findings"]), ("pinned_ok", []))

    # Every form tells the same hosts; the page cannot be broken by what a server sends.
    def test_every_format(self):
        self.ca.leaf("format")
        evil = "add_header Strict-Transport-Security \"<script>alert(1)</script>\" always;"
        with nginx(self.ca, [("127.0.0.1", ["format"], evil), ("127.0.0.2", ["format"], HSTS)]) as port:
            common = ["--no-system-roots", "--cacert", self.ca.root_file, *at(port, "127.0.0.1", "127.0.0.2")]
            for form in ("text", "ndjson", "csv", "html"):
                with self.subTest(form=form):
                    result = run("--format", form, *common)
                    self.assertIn(f"{HOST}:{port}", result.stdout)
                    self.assertIn("hsts_missing", result.stdout)
                    self.assertEqual(result.returncode, 0)
                    if form == "html":
                        self.assertNotIn("<script", result.stdout)
                        self.assertIn("What ends when", result.stdout)
                        self.assertNotRegex(result.stdout, r"(?i)(src|href)\s*=")
                        check = subprocess.run(["xmllint", "--html", "--noout", "-"], input=result.stdout, text=True,
                                               capture_output=True, timeout=60, check=False)
                        errors = [line for line in check.stderr.splitlines()
                                  if "error" in line and not re.search(r"Tag (svg|line|rect|text|title|details|summary)", line)]
                        self.assertEqual(errors, [])

    def test_a_spreadsheet_runs_nothing_that_a_server_sends(self):
        self.ca.leaf("sheet")
        for first in ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"):
            evil = f"add_header Strict-Transport-Security '{first}1';"
            with self.subTest(first=first), nginx(self.ca, [("127.0.0.1", ["sheet"], evil)]) as port:
                result = run("--format", "csv", "--no-system-roots", "--cacert", self.ca.root_file, *at(port, "127.0.0.1"))
                fields = [field for line in csv.reader(io.StringIO(result.stdout)) for field in line]
                self.assertIn(f"'{first}1", fields)
                self.assertEqual([field for field in fields if field.startswith(first)], [])


if __name__ == "__main__":
    unittest.main()
