# SPDX-License-Identifier: Apache-2.0
"""The attacks that the specification of The Update Framework lists (its section 1.5.2), as a table. Each is refused at the
right step for the right reason, and what the client trusted before is trusted still. S3-13."""

import copy
import json
import os
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from tuf_repository import TOP_LEVEL, Client, Key, Repository, expiry  # noqa: E402

MEBIBYTE = 1 << 20


def served(repository, role):
    return json.loads(repository.files[f"metadata/{role}.json"])


def forge(repository, role, change):
    """Somebody without keys changes what was signed."""
    file = served(repository, role)
    change(file["signed"])
    repository.put(role, file)


def next_version(repository, role, change):
    """The holders of the keys publish `role` as `change` leaves it, in a repository that is otherwise in order."""
    change(repository.signed[role])
    if role in ("root", "timestamp"):
        repository.publish(role)
    elif role == "snapshot":
        repository.publish("snapshot")
        repository.update_timestamp()
    else:
        repository.update(role)


def expired(role):
    return lambda repository: next_version(repository, role, lambda signed: signed.update(expires=expiry(-1)))


def arbitrary(role):
    def attack(repository):
        if role == "timestamp":
            repository.signed["timestamp"]["version"] += 1
        else:
            repository.update("targets")
        repository.signers[role] = [Key()]
        repository.put(role, repository.envelope(role))
    return attack


def rollback_timestamp(repository):
    repository.files["metadata/timestamp.json"] = repository.old["metadata/timestamp.json"]


def rollback_snapshot_in_timestamp(repository):
    repository.signed["timestamp"]["meta"]["snapshot.json"]["version"] = 1
    repository.publish("timestamp")


def rollback_targets_in_snapshot(repository):
    next_version(repository, "snapshot", lambda signed: signed["meta"]["targets.json"].update(version=1))


def targets_leave_the_snapshot(repository):
    repository.signed["snapshot"]["meta"].pop("role.json")
    repository.publish("snapshot")
    repository.update_timestamp()


def mix_and_match(repository):
    old = repository.files["metadata/targets.json"]
    repository.update("targets")
    repository.put("targets", old)


def mix_and_match_of_hashes(repository):
    repository.hashed = True
    repository.update("targets")
    file = served(repository, "targets")
    file["signed"]["expires"] = expiry(300)
    repository.signed["targets"] = file["signed"]
    repository.put("targets", repository.envelope("targets"))


def endless(path):
    def attack(repository):
        def answer(handler):
            handler.send_response(200)
            handler.end_headers()
            handler.close_connection = True
            try:
                for _ in range(64):
                    handler.wfile.write(b" " * MEBIBYTE)
            except OSError:
                pass
        repository.update("targets")
        repository.faults[path] = answer
    return attack


def longer_than_signed(repository):
    repository.hashed = True
    repository.update("targets")
    repository.files["metadata/3.snapshot.json"] += b"\n"


def threshold(role):
    """Two have to sign; one does, once, twice under one id, or under two ids of one key."""
    def attack(repository):
        key = repository.signers[role][0]
        twin = copy.copy(key)
        twin.keyid = "ab" * 32
        repository.add_key(role, twin)
        repository.signed["root"]["roles"][role]["threshold"] = 2
        repository.publish("root")
        next_version(repository, role, lambda signed: None)
    return attack


def duplicate_signature(repository):
    repository.signers["timestamp"] *= 2
    repository.publish("timestamp")


def root_by(*, old, new):
    def attack(repository):
        before = list(repository.signers["root"])
        repository.rotate("root")
        repository.signers["root"] = (before if old else []) + (repository.signers["root"] if new else [])
        repository.publish("root")
    return attack


def root_skips_a_version(repository):
    repository.signed["root"]["version"] += 2
    repository.put("root", repository.envelope("root"), version=2)


def root_repeats(repository):
    repository.put("root", repository.files["metadata/1.root.json"], version=2)


def wrong_keys_for_a_delegation(repository):
    repository.signers["role"] = list(repository.signers["targets"])
    repository.update("role")


def other_type(repository):
    repository.signed["timestamp"]["_type"] = "snapshot"
    repository.publish("timestamp")


def slow(repository):
    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        handler.wfile.write(b"{")
        handler.wfile.flush()
        repository.released.wait(60)
    repository.faults["metadata/timestamp.json"] = answer


def gone(path, status):
    def attack(repository):
        repository.update("targets")

        def answer(handler):
            handler.send_response(status)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        repository.faults[path] = answer
    return attack


# (name, attack, step, code, roles that were brought up to date before it). The repository has v2 of all but root.
ATTACKS = [
    ("arbitrary timestamp", arbitrary("timestamp"), "timestamp", "signature_threshold", ""),
    ("arbitrary snapshot", arbitrary("snapshot"), "snapshot", "signature_threshold", "timestamp"),
    ("arbitrary targets", arbitrary("targets"), "targets", "signature_threshold", "timestamp snapshot"),
    ("changed after signing", lambda repository: forge(repository, "timestamp", lambda signed: signed.update(version=9)),
     "timestamp", "signature_threshold", ""),
    ("rollback of the timestamp", rollback_timestamp, "timestamp", "metadata_rollback", ""),
    ("rollback of the snapshot", rollback_snapshot_in_timestamp, "timestamp", "metadata_rollback", ""),
    ("rollback of targets", rollback_targets_in_snapshot, "snapshot", "metadata_rollback", "timestamp"),
    ("a role leaves the snapshot", targets_leave_the_snapshot, "snapshot", "metadata_rollback", "timestamp"),
    ("freeze: root expired", expired("root"), "root", "metadata_expired", "root"),
    ("freeze: timestamp expired", expired("timestamp"), "timestamp", "metadata_expired", ""),
    ("freeze: snapshot expired", expired("snapshot"), "snapshot", "metadata_expired", "timestamp"),
    ("freeze: targets expired", expired("targets"), "targets", "metadata_expired", "timestamp snapshot"),
    ("mix and match by version", mix_and_match, "targets", "metadata_mismatch", "timestamp snapshot"),
    ("mix and match by hash", mix_and_match_of_hashes, "targets", "metadata_mismatch", "timestamp snapshot"),
    ("endless root", endless("metadata/2.root.json"), "root", "file_too_large", ""),
    ("endless timestamp", endless("metadata/timestamp.json"), "timestamp", "file_too_large", ""),
    ("endless snapshot", endless("metadata/3.snapshot.json"), "snapshot", "file_too_large", "timestamp"),
    ("endless targets", endless("metadata/3.targets.json"), "targets", "file_too_large", "timestamp snapshot"),
    ("longer than signed", longer_than_signed, "snapshot", "file_too_large", "timestamp"),
    ("one key twice over two ids: timestamp", threshold("timestamp"), "timestamp", "signature_threshold", "root"),
    ("one key twice over two ids: snapshot", threshold("snapshot"), "snapshot", "signature_threshold", "root timestamp"),
    ("one key twice over two ids: targets", threshold("targets"), "targets", "signature_threshold",
     "root timestamp snapshot"),
    ("one signature twice", duplicate_signature, "timestamp", "metadata_malformed", ""),
    ("a root that only its own keys signed", root_by(old=False, new=True), "root", "signature_threshold", ""),
    ("a root that only the old keys signed", root_by(old=True, new=False), "root", "signature_threshold", ""),
    ("the chain of roots is skipped", root_skips_a_version, "root", "metadata_mismatch", ""),
    ("the same root again", root_repeats, "root", "metadata_rollback", ""),
    ("a file of another type", other_type, "timestamp", "metadata_malformed", ""),
    ("slow retrieval", slow, "timestamp", "fetch_failed", ""),
    ("no timestamp", gone("metadata/timestamp.json", 404), "timestamp", "fetch_failed", ""),
    ("a server in trouble is not the end of the roots", gone("metadata/2.root.json", 500), "root", "fetch_failed", ""),
    ("not even a page", gone("metadata/3.snapshot.json", 404), "snapshot", "fetch_failed", "timestamp"),
]


class Attacks(unittest.TestCase):
    def prepared(self, repository):
        """A client that trusts v2 of a repository with one delegated role."""
        repository.released = threading.Event()
        self.addCleanup(repository.released.set)
        repository.old = dict(repository.files)
        repository.delegate("targets", "role", ["role/*"])
        repository.add_target("role", "role/file", b"good")
        repository.update("role", "targets")
        client = Client(repository)
        self.assertEqual(client.init(), 0, client.stderr)
        self.assertEqual(client.refresh(), 0, client.stderr)
        return client

    def test_S3_13_each_attack_is_refused_for_its_reason_and_changes_nothing(self):
        for name, attack, step, code, moved in ATTACKS:
            with self.subTest(name), Repository() as repository:
                client = self.prepared(repository)
                before = client.state()
                attack(repository)
                self.assertEqual(client.refresh(), 1)
                self.assertTrue(client.stderr.startswith(f"{step}: {code}: "), f"{name}: {client.stderr}")
                self.assertEqual(list(before), list(client.state()))
                for role in TOP_LEVEL:
                    changed = client.content(role) != before[f"{role}.json"]
                    self.assertEqual(changed, role in moved.split(), f"{name}: {role}")

    def test_a_delegated_role_signed_by_the_wrong_keys_gives_no_target(self):
        with Repository() as repository:
            client = self.prepared(repository)
            wrong_keys_for_a_delegation(repository)
            self.assertEqual(client.download("role/file"), 1)
            self.assertTrue(client.stderr.startswith("delegation: signature_threshold: "), client.stderr)
            self.assertEqual([client.downloaded(), client.content("role")], [[], None])

    def test_a_replaced_an_endless_and_a_missing_target_are_refused(self):
        for content, code in ((b"evil", "metadata_mismatch"), (b"good and more", "file_too_large"), (None, "fetch_failed")):
            with self.subTest(code), Repository() as repository:
                client = self.prepared(repository)
                for path in [path for path in repository.files if path.startswith("targets/")]:
                    del repository.files[path]
                    if content is not None:
                        repository.files[path] = content
                self.assertEqual(client.download("role/file"), 1)
                self.assertTrue(client.stderr.startswith(f"target: {code}: "), client.stderr)
                self.assertEqual(client.downloaded(), [])

    def test_fast_forward_is_undone_by_new_keys(self):
        for roles in (["timestamp"], ["snapshot"], ["timestamp", "snapshot"]):
            with self.subTest(roles), Repository() as repository:
                client = self.prepared(repository)
                for role in ("targets", "snapshot", "timestamp"):
                    repository.signed[role]["version"] = 1_000_000
                repository.update("targets")
                self.assertEqual(client.refresh(), 0, client.stderr)
                for role in ("targets", "snapshot", "timestamp"):
                    repository.signed[role]["version"] = 3
                repository.update("targets")
                self.assertEqual(client.refresh(), 1)
                self.assertIn("metadata_rollback", client.stderr)
                for role in roles:
                    repository.rotate(role)
                    repository.publish(role, bump=False)
                repository.publish("root")
                self.assertEqual(client.refresh(), 0, client.stderr)
                self.assertEqual(client.versions(), [2, 4, 4, 4])


unittest.main()
