# SPDX-License-Identifier: Apache-2.0
"""cotter repo: signatures that others verify, signers who come one by one, guards before a policy goes out, and clients that
see all of it or nothing."""

import json
import os
import shutil
import subprocess
import sys
import time
import unittest

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from securesystemslib.formats import encode_canonical

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from lab import Lab  # noqa: E402
from repository_case import BACKUP, COTTER, OTHER, PASSPHRASE, RepositoryCase  # noqa: E402


class Repositories(RepositoryCase):
    def test_S3_31_roles_have_their_own_keys_and_signatures_verify_for_others(self):
        self.init()
        self.sign("alice", "bob", "online")
        self.assertEqual(self.published(), ["1.root.json", "1.snapshot.json", "1.targets.json", "timestamp.json"])
        keys = self.metadata("1.root")["signed"]["keys"]
        for name in ("1.root", "1.targets", "1.snapshot", "timestamp"):
            file = self.metadata(name)
            message = encode_canonical(file["signed"]).encode()
            self.assertEqual(len(file["signatures"]), 1 if name in ("1.snapshot", "timestamp") else 2)
            for signature in file["signatures"]:
                key = keys[signature["keyid"]]
                raw = bytes.fromhex(signature["sig"])
                if key["keytype"] == "ed25519":
                    ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(key["keyval"]["public"])).verify(raw, message)
                else:
                    serialization.load_pem_public_key(key["keyval"]["public"].encode()).verify(
                        raw, message, ec.ECDSA(hashes.SHA256()))
        self.assertLessEqual(len(json.dumps(self.metadata("timestamp"))), 1024)
        self.assertEqual(self.repo("verify"), "verified\n")

    def test_signers_come_one_by_one_and_status_says_who_is_missing(self):
        self.init()
        self.assertEqual(self.status()["targets"]["pending"], 1)
        self.sign("alice")
        row = self.status()["root"]
        self.assertEqual([row["version"], row["pending"], row["threshold"], row["signed"]], [0, 1, 2, [self.keyid("alice")]])
        self.assertEqual(sorted(row["missing"]), sorted([self.keyid("bob"), self.keyid("carol")]))
        self.assertEqual(row["names"], {self.keyid(name): name for name in ("alice", "bob", "carol")})
        text = self.repo("status")
        self.assertIn(f"  signed {self.keyid('alice')}  alice\n", text)
        self.assertIn(f"  missing {self.keyid('bob')}  bob\n", text)
        self.assertNotIn("names.json", os.listdir(os.path.join(self.repo_folder, "public")))
        self.assertEqual(self.published(), [])
        self.assertIn("nothing waits", self.repo("sign", "alice", status=2))
        self.assertIn("nothing waits", self.repo("sign", "next", status=2))
        self.repo("verify", status=2)
        self.sign("carol")
        self.assertEqual(self.published(), ["1.root.json", "1.targets.json"])
        self.sign("online")
        self.assertEqual([self.status()["timestamp"]["version"], self.status()["timestamp"]["pending"]], [1, None])

    def test_every_action_prints_one_json_value(self):
        """status and the lists printed one for each line, and all other actions text."""
        self.init(two=False)

        def told(*words):
            return json.loads(self.repo(*words, "--json"))

        request = self.path("request.json")
        self.assertEqual(told("request", "root", "-o", request), {"role": "root", "file": request})
        self.assertEqual(told("sign", "alice"), {"signed": ["root 1", "targets 1"]})
        self.assertEqual(told("sign", "online"), {"signed": ["snapshot 1", "timestamp 1"]})
        self.assertEqual(told("verify"), {"verified": True})
        self.assertEqual([role["role"] for role in told("status")["roles"]], ["root", "targets", "snapshot", "timestamp"])
        self.assertEqual(told("add-key", "targets", self.pub("next")), {"action": "add-key", "role": "targets", "waits": True})
        with Lab([]) as lab:
            self.assertEqual(json.loads(self.publish(lab, "--json")),
                             {"target": "staging/policy.json", "version": 1, "waits": True})
        self.repo("add-key", "emergency", self.pub("bob"), self.pub("carol"))
        self.sign("alice", "online")
        listed = subprocess.run([COTTER, "emergency", "list", "--repo", self.repo_folder, "--json"], capture_output=True,
                                text=True, timeout=60, check=True).stdout
        self.assertEqual(json.loads(listed), {"statements": []})

    def test_all_keys_of_one_command_are_added_or_none(self):
        self.init(two=False)
        self.sign("alice", "online")
        broken = self.path("broken.pub", "{}")
        for files in ([self.pub("next"), broken], [self.pub("next"), self.pub("alice")], [self.pub("next")] * 2):
            self.repo("add-key", "targets", *files, status=2)
            self.assertIsNone(self.status()["root"]["pending"], files)
        self.assertIn("has the key alice already", self.repo("add-key", "targets", self.pub("next"), self.pub("alice"), status=2))
        self.repo("add-key", "targets", self.pub("next"), self.pub("bob"))
        self.assertEqual(self.status()["root"]["pending"], 2)
        self.sign("alice")
        roles = self.metadata("2.root")["signed"]["roles"]
        self.assertEqual(set(roles["targets"]["keyids"]), {self.keyid(name) for name in ("alice", "next", "bob")})

    def test_a_signer_elsewhere_needs_two_files(self):
        self.init()
        request, signature = self.path("request.json"), self.path("signature.json")
        for role in ("root", "targets"):
            self.repo("request", role, "-o", request)
            done = self.call("repo", "sign", "bob", "--request", request, "-o", signature, "--keys", self.shared)
            self.assertEqual([done.returncode, done.stdout], [0, f"{role} 1\n"], done.stderr)
            with open(signature, encoding="ascii") as file:
                good = json.load(file)
            for field, value, status in (("sig", "00" * 64, 1), ("version", 2, 1), ("keyid", self.keyid("online"), 2)):
                self.path("bad.json", json.dumps({**good, field: value}))
                self.repo("sign", "--add", self.path("bad.json"), status=status)
            self.assertEqual(self.repo("sign", "--add", signature), f"added {role} 1\n")
        self.assertEqual(self.published(), [])
        self.sign("alice", "online")
        self.assertEqual(self.repo("verify"), "verified\n")

    def test_S3_07_S3_48_a_policy_is_published_promoted_and_rolled_back_to_clients(self):
        with Lab([]) as lab:
            self.init(two=False)
            self.sign("alice", "online")
            url = self.serve()
            self.assertEqual(self.update(url)["code"], "target_unknown")
            self.publish(lab)
            self.assertEqual(self.update(url)["code"], "target_unknown")
            self.sign("alice")
            self.assertEqual(self.update(url)["code"], "target_unknown")
            self.sign("online")
            answer = self.update(url)
            self.assertEqual([answer["outcome"], answer["before"]], ["updated", None])
            self.publish(lab, version=2, pins=[lab.pin("leaf"), BACKUP, OTHER])
            self.sign("alice", "online")
            self.assertEqual(self.update(url)["policy"]["version"], 2)
            self.assertIn("above 2", self.publish(lab, version=2, status=2))
            self.repo("rollback", "staging", "1", *self.live(lab))
            self.sign("alice", "online")
            answer = self.update(url)
            self.assertEqual([answer["policy"]["version"], answer["before"]], [3, 2])
            with open(answer["file"], encoding="utf-8") as file:
                self.assertNotIn(OTHER.removeprefix("sha256/"), file.read())
            self.assertEqual(self.update(url, "production")["code"], "target_unknown")
            self.repo("promote", "staging", "production", *self.live(lab))
            self.sign("alice", "online")
            shutil.rmtree(self.path("state"))
            self.assertEqual(self.update(url, "production")["policy"]["version"], 3)
            self.assertEqual(self.repo("verify"), "verified\n")
            self.repo("rollback", "staging", "9", *self.live(lab), status=1)

    def test_S2_18_S3_07_a_published_change_of_pins_decides_the_next_connection_of_a_client(self):
        with Lab([]) as lab:
            def check(file):
                return subprocess.run([COTTER, "check", "--policy", file, *self.live(lab), f"api.example.com:{lab.port()}"],
                                      capture_output=True, text=True, timeout=60, check=False).returncode
            self.init(two=False)
            self.publish(lab)
            self.sign("alice", "online")
            url = self.serve()
            policy = self.update(url)["file"]
            self.assertEqual(check(policy), 0)
            # While a rotation is on, the old key is as good as the new one.
            self.publish(lab, "--override", "the next key is not served yet", version=2, pins=[OTHER, lab.pin("leaf"), BACKUP])
            self.sign("alice", "online")
            self.assertEqual(self.update(url)["policy"]["version"], 2)
            self.assertEqual(check(policy), 0)
            self.publish(lab, "--override", "to see that it is refused", version=3, pins=[OTHER, BACKUP])
            self.assertEqual(check(policy), 0)
            self.sign("alice", "online")
            self.assertEqual(self.update(url)["policy"]["version"], 3)
            self.assertEqual(check(policy), 1)

    def test_S0_11_S1_51_S3_51_what_would_lock_clients_out_is_not_published_unless_somebody_answers_for_it(self):
        with Lab([], ["--identity", "rogue-leaf"]) as lab:
            self.init(two=False)
            self.sign("alice", "online")
            self.assertIn("live_mismatch", self.publish(lab, pins=[OTHER, BACKUP], status=1))
            self.assertIn("no_backup_pin", self.publish(lab, pins=[lab.pin("leaf")], status=1))
            unreachable = self.repo("publish", self.policy(lab), "--connect-to",
                                    f"api.example.com:{lab.port()}:127.0.0.1:1", "--cacert", lab.file("root"), status=3)
            self.assertIn("not proven live", unreachable)
            self.assertEqual(self.status()["targets"]["pending"], None)
            self.publish(lab)
            self.sign("alice", "online")
            self.publish(lab, version=2, pins=[OTHER, BACKUP], status=1)
            # What waits for signatures is with no client yet.
            self.assertIn("a version above 1, which is published or waits", self.publish(lab, status=2))
            self.publish(lab, "--override", "the server moves tonight", version=2, pins=[OTHER, BACKUP])
            with open(os.path.join(self.repo_folder, "log.jsonl"), encoding="utf-8") as file:
                log = [json.loads(line) for line in file]
            entry = next(one for one in log if one["event"] == "override")
            self.assertEqual([entry["reason"], entry["version"], entry["environment"]],
                             ["the server moves tonight", 2, "staging"])
            self.assertTrue(any("live_mismatch" in reason for reason in entry["against"]), entry)

    def test_S3_31_keys_are_rotated_with_an_overlap_and_clients_follow(self):
        with Lab([]) as lab:
            self.init(two=False)
            self.publish(lab)
            self.sign("alice", "online")
            url = self.serve()
            self.assertEqual(self.update(url)["outcome"], "updated")
            self.assertIn("fewer keys", self.repo("remove-key", "targets", self.keyid("alice"), status=2))
            for role in ("root", "targets"):
                self.repo("add-key", role, self.pub("next"))
                self.repo("remove-key", role, self.keyid("alice"))
            self.assertIn("already", self.repo("add-key", "root", self.pub("next"), status=2))
            self.sign("alice")
            self.assertEqual(self.status()["root"]["version"], 1)
            self.sign("next", "online")
            self.assertEqual([self.status()[role]["version"] for role in ("root", "targets")], [2, 2])
            self.assertEqual(self.update(url)["outcome"], "unchanged")
            self.publish(lab, version=2)
            self.assertIn("nothing waits", self.repo("sign", "alice", status=2))
            self.sign("next", "online")
            self.assertEqual(self.update(url)["policy"]["version"], 2)

    def test_a_refresh_renews_the_timestamp_and_what_ends_soon_and_refuses_a_clock_that_is_behind(self):
        self.init(two=False)
        self.sign("alice", "online")
        self.assertEqual(self.repo("refresh", "online"), "signed timestamp 2\n")
        later = self.repo("refresh", "online", under=["faketime", "-f", "+5d"])
        self.assertEqual(later, "signed snapshot 2\nsigned timestamp 3\n")
        self.assertIn("clock is behind", self.repo("refresh", "online", status=1))
        self.repo("verify", under=["faketime", "-f", "+5d"])
        self.repo("verify", status=1, under=["faketime", "-f", "+7d"])

    def test_a_publisher_that_is_killed_leaves_a_repository_that_verifies_and_goes_on(self):
        with Lab([]) as lab:
            self.init(two=False)
            self.publish(lab)
            self.sign("alice", "online")
            for round_ in range(5):
                self.publish(lab, version=2 + round_)
                self.sign("alice")
                reader, writer = os.pipe()
                os.write(writer, PASSPHRASE.encode() + b"\n")
                os.close(writer)
                one = subprocess.Popen([COTTER, "repo", "sign", "online", "--repo", self.repo_folder, "--keys", self.shared,
                                        "--passphrase-fd", str(reader)], pass_fds=[reader], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
                wanted = os.path.join(self.repo_folder, "public/metadata", f"{2 + round_}.snapshot.json")
                while one.poll() is None and not os.path.exists(wanted):
                    time.sleep(0.005)
                one.kill()
                one.wait()
                os.close(reader)
                self.assertEqual(self.repo("verify"), "verified\n")
                self.call("repo", "sign", "online", "--repo", self.repo_folder, "--keys", self.shared)
                self.assertEqual(self.repo("verify"), "verified\n")
                self.assertEqual(self.status()["timestamp"]["version"], 2 + round_)

    def test_a_damaged_repository_does_not_verify(self):
        with Lab([]) as lab:
            self.init(two=False)
            self.publish(lab)
            self.sign("alice", "online")
            for folder, _, names in os.walk(os.path.join(self.repo_folder, "public")):
                for name in names:
                    path = os.path.join(folder, name)
                    with open(path, "rb") as file:
                        whole = file.read()
                    with open(path, "wb") as file:
                        file.write(whole[:-20] + b"#" + whole[-19:])
                    done = self.call("repo", "verify", "--repo", self.repo_folder)
                    self.assertIn(done.returncode, (1, 2), path)
                    with open(path, "wb") as file:
                        file.write(whole)
            self.assertEqual(self.repo("verify"), "verified\n")


unittest.main()
