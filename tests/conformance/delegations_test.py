# SPDX-License-Identifier: Apache-2.0
"""Delegated roles: who is asked for a path, in which order, and what their names may do."""

import hashlib
import os
import sys
import unittest
import urllib.parse

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from tuf_repository import Client, Key, Repository, expiry  # noqa: E402

# name: [(delegator, role, fields), ...], and the order in which roles are asked for a path that none has.
GRAPHS = {
    "one": ([("targets", "A", {})], "A"),
    "two": ([("targets", "A", {}), ("targets", "B", {})], "AB"),
    "deeper": ([("targets", "A", {}), ("targets", "B", {}), ("B", "C", {})], "ABC"),
    "depth comes first": ([("targets", "A", {}), ("targets", "B", {}), ("A", "C", {}), ("A", "D", {})], "ACDB"),
    "three levels": ([("targets", "A", {}), ("targets", "B", {}), ("A", "C", {}), ("C", "D", {})], "ACDB"),
    "a terminating role is the last": (
        [("targets", "A", {}), ("targets", "B", {}), ("A", "C", {"terminating": True}), ("A", "D", {})], "AC"),
    "but for those below it": (
        [("targets", "A", {}), ("targets", "B", {}), ("A", "C", {"terminating": True}), ("C", "D", {})], "ACD"),
    "other paths": ([("targets", "A", {"paths": ["*.py"]}), ("targets", "B", {}), ("A", "C", {})], "B"),
    "a circle": ([("targets", "A", {}), ("targets", "B", {}), ("B", "C", {}), ("C", "D", {}), ("D", "B", {})], "ABCD"),
    "two ways to one": ([("targets", "A", {}), ("targets", "B", {}), ("B", "C", {}), ("A", "C", {})], "ACB"),
}

# A path pattern, a path, and whether they match.
PATTERNS = [
    ("*", "file", True), ("*", "a/file", False), ("a/*", "a/file", True), ("a/*", "a/b/file", False), ("*/*", "a/b", True),
    ("*.zip", "x.zip", True), ("*.zip", ".zip", True), ("f?o", "foo", True), ("f?o", "fo", False), ("", "x", False),
    ("[abc].txt", "b.txt", True), ("[!abc].txt", "b.txt", False), ("[a-c].txt", "d.txt", False), ("[", "[", True),
    ("a*b*c", "axxbyyc", True), ("a*b*c", "axxbyy", False), ("*" * 40 + "b", "a" * 100, False), ("A", "a", False),
]


class Delegations(unittest.TestCase):
    def started(self, repository):
        client = Client(repository)
        self.assertEqual(client.init(), 0, client.stderr)
        return client

    def asked(self, repository):
        """The roles that were asked for after the four of the top level."""
        paths = [path for path in repository.requests if path.startswith("metadata/")]
        return [path.removeprefix("metadata/").split(".", 1)[1].removesuffix(".json") for path in paths[4:]]

    def test_roles_are_asked_in_the_order_of_the_specification(self):
        for name, (graph, order) in GRAPHS.items():
            with self.subTest(name), Repository() as repository:
                for delegator, role, fields in graph:
                    repository.delegate(delegator, role, **fields)
                repository.update(*{role for _, role, _ in graph}, "targets")
                client = self.started(repository)
                self.assertEqual(client.download("missing"), 1)
                self.assertTrue(client.stderr.startswith("delegation: target_unknown: "), client.stderr)
                self.assertEqual("".join(self.asked(repository)), order)

    def test_patterns_are_those_of_the_shell_within_a_folder(self):
        for pattern, path, matches in PATTERNS:
            with self.subTest(pattern=pattern, path=path), Repository() as repository:
                repository.delegate("targets", "role", [pattern])
                repository.add_target("role", path, b"content")
                repository.update("role", "targets")
                client = self.started(repository)
                self.assertEqual(client.download(path), 0 if matches else 1, client.stderr)
                self.assertEqual(client.downloaded(), [b"content"] if matches else [])

    def test_hash_bins_speak_for_their_prefix(self):
        path = "some/file"
        digest = hashlib.sha256(path.encode()).hexdigest()
        other = "0" if digest[0] != "0" else "1"
        with Repository() as repository:
            repository.delegate("targets", "other", None, path_hash_prefixes=[other, digest[:3] + "g"])
            repository.delegate("targets", "bin", None, path_hash_prefixes=[other, digest[:2]])
            repository.add_target("bin", path, b"content")
            repository.update("other", "bin", "targets")
            client = self.started(repository)
            self.assertEqual(client.download(path), 0, client.stderr)
            self.assertEqual(self.asked(repository), ["bin"])

    def test_succinct_bins_are_found_by_their_bits(self):
        for bits in (1, 4, 5, 8):
            with self.subTest(bits), Repository() as repository:
                path = "some/file"
                number = int(hashlib.sha256(path.encode()).hexdigest()[:8], 16) >> (32 - bits)
                name = f"bin-{number:0{(bits + 3) // 4}x}"
                key = Key()
                repository.signed["targets"]["delegations"] = {"keys": {key.keyid: key.public}, "succinct_roles": {
                    "keyids": [key.keyid], "threshold": 1, "bit_length": bits, "name_prefix": "bin"}}
                repository.signed[name] = {**repository.signed["targets"], "targets": {}, "version": 0}
                del repository.signed[name]["delegations"]
                repository.signers[name] = [key]
                repository.add_target(name, path, b"content")
                repository.update(name, "targets")
                client = self.started(repository)
                self.assertEqual(client.download(path), 0, client.stderr)

    def test_names_of_roles_are_harmless_in_urls_and_on_disk(self):
        for name in ("?", "#", "/delegatedrole", "../delegatedrole", "..", "a b", "%2e", "ü", "x" * 190):
            with self.subTest(name), Repository() as repository:
                repository.delegate("targets", name)
                repository.update(name, "targets")
                client = self.started(repository)
                self.assertEqual(client.download("missing"), 1)
                self.assertIn(urllib.parse.quote(name, ""), self.asked(repository))
                self.assertEqual(len([file for file in client.state() if file.endswith(".json")]), 5)

    def test_nobody_delegates_to_a_role_of_the_top_level(self):
        for name in ("root", "timestamp", "snapshot", "targets", ""):
            with self.subTest(name), Repository() as repository:
                holder = repository.signed["targets"].setdefault("delegations", {"keys": {}, "roles": []})
                holder["roles"].append({"name": name, "keyids": [], "threshold": 1, "terminating": False, "paths": ["*"]})
                repository.update("targets")
                client = self.started(repository)
                self.assertEqual(client.refresh(), 1)
                self.assertTrue(client.stderr.startswith("targets: metadata_malformed: "), client.stderr)

    def test_an_expired_delegated_role_is_not_used_and_a_new_one_is(self):
        with Repository() as repository:
            repository.delegate("targets", "role", ["role/*"])
            repository.signed["role"]["expires"] = expiry(7)
            repository.add_target("role", "role/first", b"first")
            repository.add_target("role", "role/second", b"second")
            repository.update("role", "targets")
            client = self.started(repository)
            self.assertEqual(client.download("role/first"), 0, client.stderr)
            later = ["faketime", "-f", "+18d"]
            self.assertEqual(client.download("role/second", under=later), 1)
            self.assertTrue(client.stderr.startswith("delegation: metadata_expired: "), client.stderr)
            repository.signed["role"]["expires"] = expiry(21)
            repository.update("role")
            self.assertEqual(client.download("role/second", under=later), 0, client.stderr)
            self.assertEqual(client.downloaded(), [b"first", b"second"])

    def test_a_search_ends_at_its_bound(self):
        with Repository() as repository:
            for index in range(40):
                repository.delegate("targets", f"role{index}")
            repository.update(*(f"role{index}" for index in range(40)), "targets")
            client = self.started(repository)
            self.assertEqual(client.download("missing"), 1)
            self.assertTrue(client.stderr.startswith("delegation: target_unknown: "), client.stderr)
            self.assertEqual(len(self.asked(repository)), 32)


unittest.main()
