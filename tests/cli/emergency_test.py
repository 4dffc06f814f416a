# SPDX-License-Identifier: Apache-2.0
"""cotter emergency: approvers sign it, clients obey it within its bounds, and it ends by itself."""

import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from lab import Lab  # noqa: E402
from repository_case import BACKUP, COTTER, OTHER, RepositoryCase  # noqa: E402

WHY = ("--reason", "the CA was changed", "--ticket", "OPS-17")


class Emergencies(RepositoryCase):
    def begin(self, lab, *words, pins=None):
        """A policy of version 1 for staging that clients have, and an emergency role of three people."""
        self.init(two=False)
        self.repo("add-key", "emergency", *(self.pub(name) for name in ("alice", "bob", "carol")), *words)
        self.publish(lab, *(["--override", "for this test"] if pins else []), pins=pins)
        self.sign("alice", "online")
        self.url = self.serve()
        answer = self.update(self.url)
        self.assertEqual(answer["outcome"], "updated", answer)
        self.file = answer["file"]

    def emergency(self, action, *words, status=0, under=()):
        done = subprocess.run([*under, COTTER, "emergency", action, *words, "--repo", self.repo_folder, "--environment", "staging"],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, status, f"{action} {words}: {done.stderr}{done.stdout}")
        return done.stdout if status == 0 else done.stderr

    def approve(self, *names):
        self.sign(*names, "online")
        return self.update(self.url)

    def check(self, lab, under=(), roots=True):
        words = self.live(lab) if roots else ["--connect-to", f"api.example.com:{lab.port()}:{lab.address()}"]
        done = subprocess.run([*under, COTTER, "check", "--json", "--policy", self.file, *words, f"api.example.com:{lab.port()}"],
                              capture_output=True, text=True, timeout=60, check=False)
        row = json.loads(done.stdout)["targets"][0]
        return row["verdict"], row["code"]

    def standing(self, under=()):
        done = subprocess.run([*under, COTTER, "update", "status", "--state", self.path("state"), "--json"],
                              capture_output=True, text=True, timeout=60, check=True)
        return {one["id"]: one["standing"] for one in json.loads(done.stdout)["emergency"]}

    def log(self, name):
        with open(name, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def test_S1_52_S3_39_a_suspended_rule_reports_until_its_end_and_ends_without_a_network(self):
        with Lab([]) as lab:
            self.begin(lab, pins=[OTHER, BACKUP])
            self.assertEqual(self.check(lab), ("pin_mismatch", "pin_mismatch"))
            self.assertIn("waits for 2 signatures", self.emergency("suspend", "api.example.com", "--hours", "4", "--id", "E1", *WHY))
            self.sign("alice")
            self.assertEqual(self.update(self.url)["emergency"], [])
            self.assertEqual(self.check(lab), ("pin_mismatch", "pin_mismatch"))
            answer = self.approve("bob")
            self.assertEqual([answer["outcome"], [one["standing"] for one in answer["emergency"]]], ["updated", ["in_force"]])
            self.assertEqual(self.check(lab), ("reported", "rule_suspended"))
            self.assertEqual(self.check(lab, roots=False)[0], "pki_error")
            self.assertEqual(self.standing(), {"E1": "in_force"})
            self.assertEqual(self.check(lab, under=["faketime", "-f", "+3h"]), ("reported", "rule_suspended"))
            # Nobody has to do anything for it to end.
            later = ["faketime", "-f", "+5h"]
            self.assertEqual(self.check(lab, under=later), ("pin_mismatch", "pin_mismatch"))
            self.assertEqual(self.standing(under=later), {"E1": "over"})
            # A client that cannot reach the repository writes it out of its policy, and it does not come back with the clock.
            self.assertEqual(self.update("http://127.0.0.1:9", under=later)["code"], "fetch_failed")
            self.assertEqual(self.check(lab), ("pin_mismatch", "pin_mismatch"))
            self.assertEqual([one["standing"] for one in self.update(self.url)["emergency"]], ["over"])
            self.assertEqual(self.check(lab), ("pin_mismatch", "pin_mismatch"))

    # The pins of a suspended rule are tried all the same: what they allow is pinned, and what they refuse is reported.
    def test_S1_52_a_suspended_rule_whose_pin_matches_is_pinned_and_says_so(self):
        with Lab([]) as lab:
            self.begin(lab)
            self.assertEqual(self.check(lab), ("pinned_ok", None))
            self.emergency("suspend", "api.example.com", "--id", "E1", *WHY)
            self.sign("alice")
            self.approve("bob")
            self.assertEqual(self.check(lab), ("pinned_ok", "rule_suspended"))
            done = subprocess.run([COTTER, "check", "--policy", self.file, *self.live(lab), f"api.example.com:{lab.port()}"],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("pinned_ok  an emergency statement suspends the rule: what its pins refuse is told", done.stdout)
            self.assertIn("matched: ", done.stdout)

    def test_S1_52_S3_39_a_revocation_wins_over_pins_and_suspension_and_the_last_pin_needs_one_more(self):
        with Lab([]) as lab:
            self.begin(lab)
            self.assertEqual(self.check(lab)[0], "pinned_ok")
            self.emergency("suspend", "api.example.com", "--id", "S", *WHY)
            self.emergency("revoke", lab.pin("leaf"), "--id", "R1", "--reason", "stolen", "--ticket", "SEC-4")
            self.assertEqual({one["id"]: one["standing"] for one in self.approve("alice", "carol")["emergency"]},
                             {"S": "in_force", "R1": "in_force"})
            self.assertEqual(self.check(lab), ("revoked", "revoked"))
            self.emergency("end", "S", *WHY)
            waits = json.loads(self.emergency("revoke", BACKUP, "--id", "R2", "--json", *WHY))
            self.assertEqual(waits["approvers"], 3)
            self.sign("alice", "bob")
            self.assertEqual([one["id"] for one in self.update(self.url)["emergency"]], ["S", "R1"])
            self.assertEqual(self.status()["emergency"]["threshold"], 3)
            self.assertEqual({one["id"]: one["standing"] for one in self.approve("carol")["emergency"]},
                             {"R1": "in_force", "R2": "in_force"})
            self.assertEqual(self.check(lab), ("revoked", "revoked"))
            self.assertEqual(self.repo("verify"), "verified\n")

    def test_an_added_pin_counts_beside_the_rules_own_and_ends(self):
        with Lab([]) as lab:
            self.begin(lab, pins=[OTHER, BACKUP])
            self.emergency("add-pin", f"api.example.com:{lab.port()}", "--pin", lab.pin("leaf"), "--place", "leaf", "--hours", "2", *WHY)
            self.approve("alice", "bob")
            self.assertEqual(self.check(lab)[0], "pinned_ok")
            self.assertEqual(self.check(lab, under=["faketime", "-f", "+3h"])[0], "pin_mismatch")

    def test_what_may_not_be_said_is_refused_where_it_is_made(self):
        with Lab([]) as lab:
            self.begin(lab)
            for words, mentions in ((("suspend", "api.example.com", "--ticket", "T"), "reason"),
                                    (("suspend", "api.example.com", "--reason", "r"), "ticket"),
                                    (("suspend", "api.example.com", "--hours", "73", *WHY), "72 hours"),
                                    (("suspend", "**.example.com", *WHY), "no such rule"),
                                    (("add-pin", "api.example.com", "--pin", OTHER, "--hours", "721", *WHY), "720 hours")):
                self.assertIn(mentions, self.emergency(*words, status=1), words)
            self.assertIn("expected one pin", self.emergency("revoke", *WHY, status=2))
            self.assertIn("no such statement", self.emergency("end", "E9", *WHY, status=2))
            self.assertIn("--reason and --ticket", self.emergency("end", "E9", status=1))
            self.assertEqual(self.emergency("list"), "")
            self.assertEqual(self.status()["emergency"]["pending"], None)

    def test_one_person_cannot_be_made_enough(self):
        self.init(two=False)
        self.assertIn("threshold of 2", self.repo("add-key", "emergency", self.pub("alice"), "--threshold", "1", status=2))
        self.assertIn("1 keys", self.repo("add-key", "emergency", self.pub("alice"), status=2))
        self.assertIn("twice", self.repo("add-key", "emergency", self.pub("alice"), self.pub("alice"), status=2))

    def test_S3_39_both_sides_keep_a_record(self):
        with Lab([]) as lab:
            self.begin(lab)
            self.emergency("suspend", "api.example.com", "--id", "E1", "--hours", "1", *WHY)
            self.approve("alice", "bob")
            self.emergency("end", "E1", "--reason", "mended", "--ticket", "OPS-18")
            self.assertEqual(self.approve("alice", "bob")["emergency"], [])
            events = [one for one in self.log(os.path.join(self.repo_folder, "log.jsonl")) if one["event"].startswith("emergency")]
            self.assertEqual([[one["event"], one["id"], one["reason"], one["ticket"]] for one in events],
                             [["emergency_suspend", "E1", "the CA was changed", "OPS-17"],
                              ["emergency_end", "E1", "mended", "OPS-18"]])
            events = self.log(os.path.join(self.path("state"), "emergency-log.jsonl"))
            self.assertEqual([[one["event"], one["id"], one["reason"], one["ticket"]] for one in events],
                             [["emergency_in_force", "E1", "the CA was changed", "OPS-17"],
                              ["emergency_taken_back", "E1", "the CA was changed", "OPS-17"]])

    def test_a_broken_emergency_role_is_in_no_policys_way(self):
        with Lab([]) as lab:
            self.begin(lab, pins=[OTHER, BACKUP])
            self.emergency("suspend", "api.example.com", "--id", "E1", *WHY)
            self.approve("alice", "bob")
            self.emergency("end", "E1", *WHY)
            self.sign("alice", "bob", "online")
            self.publish(lab, "--override", "for this test", version=2, pins=[OTHER, BACKUP])
            self.sign("alice", "online")
            damaged = os.path.join(self.repo_folder, "public/metadata/2.emergency.json")
            with open(damaged, "r+b") as file:
                file.write(b"#")
            answer = self.update(self.url)
            self.assertEqual([answer["outcome"], answer["policy"]["version"]], ["updated", 2])
            self.assertEqual([one["code"] for one in answer["notices"]], ["metadata_mismatch"])
            # What was said before goes on until its end.
            self.assertEqual(self.check(lab), ("reported", "rule_suspended"))
            os.unlink(damaged)
            self.assertEqual(self.update(self.url)["outcome"], "unchanged")

    def test_a_signer_elsewhere_approves_with_two_files(self):
        with Lab([]) as lab:
            self.begin(lab)
            self.emergency("suspend", "api.example.com", "--id", "E1", *WHY)
            request, signature = self.path("request.json"), self.path("signature.json")
            self.repo("request", "emergency", "-o", request)
            done = self.call("repo", "sign", "bob", "--request", request, "-o", signature, "--keys", self.shared)
            self.assertEqual([done.returncode, done.stdout], [0, "emergency 1\n"], done.stderr)
            self.repo("sign", "--add", signature)
            self.assertEqual([one["id"] for one in self.approve("alice")["emergency"]], ["E1"])


unittest.main()
