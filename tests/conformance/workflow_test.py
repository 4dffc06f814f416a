# SPDX-License-Identifier: Apache-2.0
"""The client workflow of The Update Framework where nobody attacks: which files are asked for, which are kept, and what a
repository may do that is unusual and in order."""

import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from tuf_repository import Client, Key, Repository, expiry  # noqa: E402

FIRST = ["metadata/2.root.json", "metadata/timestamp.json", "metadata/1.snapshot.json", "metadata/1.targets.json"]


class Workflow(unittest.TestCase):
    def started(self, repository, refresh=True):
        client = Client(repository)
        self.assertEqual(client.init(), 0, client.stderr)
        if refresh:
            self.assertEqual(client.refresh(), 0, client.stderr)
        return client

    def test_init_asks_nobody_and_a_refresh_asks_for_four_files_in_order(self):
        with Repository() as repository:
            client = self.started(repository, refresh=False)
            self.assertEqual(repository.requests, [])
            self.assertEqual(client.refresh(), 0, client.stderr)
            self.assertEqual(repository.requests, FIRST)
            self.assertEqual(client.versions(), [1, 1, 1, 1])
            for role in ("root", "timestamp", "snapshot", "targets"):
                self.assertEqual(client.content(role), repository.files[f"metadata/1.{role}.json"])

    def test_a_poll_that_finds_nothing_new_is_two_gets_and_a_kibibyte(self):
        with Repository() as repository:
            client = self.started(repository)
            repository.requests.clear()
            self.assertEqual(client.refresh(), 0)
            self.assertEqual(repository.requests, FIRST[:2])
            self.assertLessEqual(len(repository.files["metadata/timestamp.json"]), 1024)

    def test_a_download_refreshes_first_and_a_target_that_is_there_is_not_fetched_again(self):
        with Repository() as repository:
            repository.add_target("targets", "a/b/one.txt", b"one")
            repository.add_target("targets", "two words & more+.txt", b"two")
            repository.update("targets")
            client = self.started(repository, refresh=False)
            names = ["a/b/one.txt", "two words & more+.txt"]
            self.assertEqual(client.download(*names), 0, client.stderr)
            self.assertEqual(client.downloaded(), [b"one", b"two"])
            asked = [path for path in repository.requests if path.startswith("targets/")]
            self.assertEqual(["/a/b/" in "/" + asked[0].removeprefix("targets"), "two%20words%20&%20more+.txt" in asked[1]],
                             [True, True], asked)
            repository.requests.clear()
            self.assertEqual(client.download(*names), 0, client.stderr)
            self.assertEqual([path for path in repository.requests if path.startswith("targets/")], [])
            self.assertEqual(client.download("no such", names[0]), 1)
            self.assertTrue(client.stderr.startswith("delegation: target_unknown: "), client.stderr)

    def test_a_changed_target_takes_the_place_of_the_old_one(self):
        with Repository() as repository:
            client = self.started(repository)
            for content in (b"first", b"second"):
                repository.add_target("targets", "file", content)
                repository.update("targets")
                self.assertEqual(client.download("file"), 0, client.stderr)
                self.assertEqual(client.downloaded(), [content])

    def test_without_consistent_snapshots_files_have_plain_names(self):
        with Repository(consistent=False) as repository:
            repository.add_target("targets", "file", b"content")
            repository.update("targets")
            client = self.started(repository, refresh=False)
            self.assertEqual(client.download("file"), 0, client.stderr)
            self.assertEqual(repository.requests, ["metadata/2.root.json", "metadata/timestamp.json", "metadata/snapshot.json",
                                                   "metadata/targets.json", "targets/file"])

    def test_a_timestamp_of_the_same_version_changes_nothing(self):
        with Repository() as repository:
            client = self.started(repository)
            before = client.state()
            repository.signed["timestamp"]["meta"]["snapshot.json"]["version"] = 100
            repository.publish("timestamp", bump=False)
            self.assertEqual(client.refresh(), 0, client.stderr)
            self.assertEqual(client.state(), before)

    def test_a_snapshot_that_is_changed_behind_its_timestamp_is_not_asked_for(self):
        with Repository() as repository:
            repository.update("targets")
            client = self.started(repository)
            repository.signed["snapshot"]["version"] = 0
            repository.publish("snapshot")
            repository.requests.clear()
            self.assertEqual(client.refresh(), 0)
            self.assertEqual([repository.requests[-1], client.version("snapshot")], ["metadata/timestamp.json", 2])

    def test_unknown_fields_are_signed_and_kept(self):
        with Repository() as repository:
            client = self.started(repository)
            root = repository.signed["root"]
            root["x-note"] = {"text": "quote \" backslash \\ newline \n é 😀 \u007f", "list": [1, -2, True, None, [], {}]}
            next(iter(root["keys"].values()))["x-owner"] = "@somebody"
            root["roles"]["root"]["x-period"] = 60
            repository.publish("root")
            self.assertEqual(client.refresh(), 0, client.stderr)
            self.assertEqual(client.content("root"), repository.files["metadata/2.root.json"])

    def test_an_expired_first_root_is_brought_up_to_date(self):
        with Repository() as repository:
            repository.signed["root"]["expires"] = expiry(-1)
            repository.publish("root", bump=False)
            client = self.started(repository, refresh=False)
            self.assertEqual(client.refresh(), 1)
            self.assertTrue(client.stderr.startswith("root: metadata_expired: "))
            self.assertEqual(repository.requests, FIRST[:1])
            repository.signed["root"]["expires"] = expiry(1)
            repository.publish("root")
            self.assertEqual(client.refresh(), 0, client.stderr)

    def test_expired_files_of_the_client_still_lead_to_new_ones(self):
        with Repository() as repository:
            repository.signed["timestamp"]["expires"] = expiry(7)
            repository.publish("timestamp", bump=False)
            client = self.started(repository)
            repository.update("targets")
            repository.signed["timestamp"]["expires"] = expiry(21)
            repository.publish("timestamp")
            self.assertEqual(client.refresh(under=["faketime", "-f", "+18d"]), 0, client.stderr)
            self.assertEqual(client.versions(), [1, 3, 2, 2])
            self.assertEqual(client.refresh(under=["faketime", "-f", "+25d"]), 1)
            self.assertTrue(client.stderr.startswith("timestamp: metadata_expired: "), client.stderr)

    def test_a_clock_ten_years_off_forgets_nothing(self):
        with Repository() as repository:
            client = self.started(repository)
            before = client.state()
            self.assertEqual(client.refresh(under=["faketime", "-f", "+10y"]), 1)
            self.assertEqual(client.refresh(under=["faketime", "-f", "-10y"]), 0, client.stderr)
            self.assertEqual(client.state(), before)

    def test_a_broken_first_root_is_refused_and_nobody_is_asked(self):
        with Repository() as repository:
            good = json.loads(repository.files["metadata/1.root.json"])
            unsigned = {**good, "signatures": []}
            versionless = {**good, "signed": {key: value for key, value in good["signed"].items() if key != "version"}}
            for root in (unsigned, versionless, [], {}):
                client = Client(repository)
                self.assertEqual(client.init(json.dumps(root).encode()), 1)
                self.assertEqual(client.refresh(), 1)
                self.assertTrue(client.stderr.startswith("state: update_state_invalid: "), client.stderr)
            self.assertEqual(repository.requests, [])

    def test_keys_of_every_scheme_are_read_and_unknown_ones_count_for_nobody(self):
        for kind, scheme in (("ed25519", None), ("ecdsa", None), ("rsa", None), ("rsa", "rsa-pkcs1v15-sha256")):
            with self.subTest(kind=kind, scheme=scheme), Repository() as repository:
                key = repository.add_key("timestamp", Key(kind, scheme))
                unknown = Key()
                unknown.public = {"keytype": "sphincs", "scheme": "sphincs-shake-256", "keyval": {"public": "00"}}
                repository.add_key("timestamp", unknown)
                repository.signers["timestamp"] = [unknown, key]
                repository.publish("root", "timestamp")
                client = self.started(repository)
                self.assertEqual(client.version("timestamp"), 2)
                repository.signers["timestamp"] = [unknown]
                repository.publish("timestamp")
                self.assertEqual([client.refresh(), client.version("timestamp")], [1, 2])

    def test_an_ecdsa_key_may_be_called_by_its_scheme(self):
        with Repository() as repository:
            key = Key("ecdsa")
            key.public = {**key.public, "keytype": "ecdsa-sha2-nistp256"}
            repository.signed["root"]["roles"]["timestamp"]["keyids"] = []
            repository.signers["timestamp"] = []
            repository.add_key("timestamp", key)
            repository.publish("root", "timestamp")
            self.started(repository)

    def test_the_state_directory_may_be_read_only_until_something_is_new(self):
        with Repository() as repository:
            client = self.started(repository)
            os.chmod(client.metadata, 0o500)
            try:
                nobody = ["setpriv", "--reuid=65534", "--clear-groups"] if os.geteuid() == 0 else []
                if nobody:
                    for folder in (os.path.dirname(client.metadata), client.metadata):
                        subprocess.run(["chown", "-R", "65534", folder], check=True)
                self.assertEqual(client.refresh(under=nobody), 0, client.stderr)
                repository.update("targets")
                before = client.state()
                self.assertEqual(client.refresh(under=nobody), 1)
                self.assertTrue(client.stderr.startswith("timestamp: file_unreadable: "), client.stderr)
                self.assertEqual(client.state(), before)
            finally:
                os.chmod(client.metadata, 0o700)


unittest.main()
