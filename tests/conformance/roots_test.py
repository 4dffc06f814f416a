# SPDX-License-Identifier: Apache-2.0
"""Root by root: who signed version N, who N + 1, and how many had to. A table; each row ends where the chain breaks."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from tuf_repository import Client, Key, Repository  # noqa: E402

# name: [(keys of the role, threshold, who signs), ...], and how many of them a client takes.
CHAINS = {
    "one key follows one": ([([1], 1, [1]), ([2], 1, [2, 1]), ([2], 1, [2])], 3),
    "signatures of strangers do no harm": ([([1], 1, [3, 1, 4]), ([2], 1, [3, 2, 1, 4]), ([2], 1, [3, 2, 4])], 3),
    "three of five, in any combination": ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 2, 3, 4], 3, [0, 4, 1]),
                                           ([0, 1, 2, 3, 4], 3, [0, 1, 3])], 3),
    "one of five is replaced": ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 4, 1])], 2),
    "all five are replaced in one step": ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([5, 6, 7, 8, 9], 3, [0, 2, 4, 5, 6, 7]),
                                           ([5, 6, 7, 8, 9], 3, [5, 6, 7])], 3),
    "the threshold rises": ([([1, 2, 3], 1, [1]), ([1, 2, 3], 2, [1, 2])], 2),
    "the threshold falls": ([([1, 2, 3], 2, [1, 2]), ([1, 2, 3], 1, [1, 2]), ([1, 2, 3], 1, [1])], 3),
    "no old key signed": ([([1], 1, [1]), ([2], 1, [2, 3, 4])], 1),
    "no new key signed": ([([1], 1, [1]), ([2], 1, [1, 3, 4])], 1),
    "too few of the new": ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 2, 4])], 1),
    "too few of the old": ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 4, 5])], 1),
    "a higher threshold is not reached": ([([1, 2, 3], 1, [1]), ([1, 2, 3], 2, [2])], 1),
    "the old threshold is not reached": ([([1, 2, 3], 2, [1, 2]), ([1, 2, 3], 1, [1])], 1),
    "a link breaks, and what follows does not count": ([([1], 1, [1]), ([2], 1, [2]), ([2], 1, [1, 2])], 1),
}


class Roots(unittest.TestCase):
    def test_each_chain_is_followed_to_its_last_good_link(self):
        keys = [Key() for _ in range(10)]
        for name, (links, taken) in CHAINS.items():
            with self.subTest(name), Repository() as repository:
                repository.signed["root"]["version"] = 0
                for members, threshold, signers in links:
                    role = repository.signed["root"]["roles"]["root"]
                    role["keyids"], role["threshold"] = [], threshold
                    for member in members:
                        repository.add_key("root", keys[member], signs=False)
                    repository.signers["root"] = [keys[signer] for signer in signers]
                    repository.publish("root")
                client = Client(repository)
                self.assertEqual(client.init(), 0, client.stderr)
                self.assertEqual(client.refresh(), 0 if taken == len(links) else 1, client.stderr)
                self.assertEqual(client.content("root"), repository.files[f"metadata/{taken}.root.json"])

    def test_a_role_that_wants_more_signatures_than_it_has_keys_is_never_met_and_nothing_is_lost(self):
        with Repository() as repository:
            client = Client(repository)
            self.assertEqual([client.init(), client.refresh()], [0, 0], client.stderr)
            for _ in range(4):
                repository.add_key("snapshot")
            repository.signed["root"]["roles"]["snapshot"]["threshold"] = 6
            repository.publish("root")
            repository.update("targets")
            self.assertEqual(client.refresh(), 1)
            self.assertTrue(client.stderr.startswith("snapshot: signature_threshold: "), client.stderr)
            self.assertEqual([client.version("root"), client.version("snapshot")], [2, 1])
            repository.signed["root"]["roles"]["snapshot"]["threshold"] = 5
            repository.publish("root")
            self.assertEqual(client.refresh(), 0, client.stderr)
            self.assertEqual(client.version("snapshot"), 2)

    def test_one_key_id_twice_in_a_role_is_refused(self):
        with Repository() as repository:
            client = Client(repository)
            self.assertEqual([client.init(), client.refresh()], [0, 0], client.stderr)
            repository.signed["root"]["roles"]["snapshot"]["keyids"] *= 2
            repository.publish("root")
            self.assertEqual(client.refresh(), 1)
            self.assertTrue(client.stderr.startswith("root: metadata_malformed: "), client.stderr)
            self.assertEqual(client.version("root"), 1)


unittest.main()
