# SPDX-License-Identifier: Apache-2.0
"""Teams that publish rules of their own: cotter repo publish --delegate, from the grant to the client."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from lab import Lab  # noqa: E402
from repository_case import BACKUP, OTHER, RepositoryCase  # noqa: E402


class Teams(RepositoryCase):
    def team_policy(self, pattern, version=1, extra=""):
        return self.path("team.toml", f"""[policy]
name = "payments"
environment = "staging"
version = {version}
expires = 2099-01-01
{extra}
[[host]]
pattern = "{pattern}"
pins = [{{ pin = "{OTHER}" }}, {{ pin = "{BACKUP}", use = "backup" }}]
""")

    def speak(self, lab, pattern, status=0, team="payments", **fields):
        return self.repo("publish", self.team_policy(pattern, **fields), "--delegate", team, *self.live(lab), "--override",
                         "there is no server of the team in this test", status=status)

    def test_a_team_signs_its_own_rules_and_clients_enforce_them(self):
        with Lab([]) as lab:
            self.init(two=False)
            policy = self.policy(lab)
            with open(policy, "a", encoding="utf-8") as file:
                file.write('[[delegate]]\nname = "payments"\ntarget = "staging/payments.json"\nhosts = ["**.pay.example.com"]\n')
            self.repo("publish", policy, *self.live(lab))
            self.assertIn("--target", self.repo("add-key", "payments", self.pub("bob"), self.pub("carol"), status=2))
            self.repo("add-key", "payments", self.pub("bob"), self.pub("carol"), "--threshold", "2", "--target", "staging/payments.json")
            self.sign("alice", "online")
            url = self.serve()
            self.assertEqual(self.update(url)["outcome"], "updated")
            for pattern, mentions, fields in (("other.example.com", "may not speak for", {}),
                                              ("api.pay.example.com", "no delegate", {"team": "hr"}),
                                              ("api.pay.example.com", "revokes keys", {"extra": f'revoked = ["{OTHER}"]'})):
                self.assertIn(mentions, self.speak(lab, pattern, status=1, **fields))
            self.speak(lab, "api.pay.example.com")
            self.sign("bob")
            self.assertEqual(self.update(url)["outcome"], "unchanged")
            self.sign("carol", "online")
            answer = self.update(url)
            self.assertEqual([answer["outcome"], answer["notices"]], ["updated", []])
            with open(answer["file"], encoding="utf-8") as file:
                self.assertEqual([host["pattern"] for host in json.load(file)["host"]], ["api.example.com", "api.pay.example.com"])
            self.assertEqual(self.repo("verify"), "verified\n")
            kept = os.path.join(os.path.dirname(answer["file"]), "delegates")
            self.assertEqual(sorted(os.listdir(kept)), ["payments.copy", "payments.json"])
            self.assertIn("above 1", self.speak(lab, "api.pay.example.com", status=2))
            # A policy beside which clients would not take all of the team's rules is refused as late as here.
            grant = '[[delegate]]\nname = "payments"\ntarget = "staging/payments.json"\nhosts = ["{}"]\n'
            rule = f'[[host]]\npattern = "api.pay.example.com"\npins = [{{ pin = "{OTHER}" }}, {{ pin = "{BACKUP}", use = "backup" }}]\n'
            for more, mentions in ((rule + grant.format("**.pay.example.com"), "has a rule for this port already"),
                                   (grant.format("eu.pay.example.com"), "may not speak for api.pay.example.com"),
                                   ("", "no longer lists it")):
                policy = self.policy(lab, version=2)
                with open(policy, "a", encoding="utf-8") as file:
                    file.write(more)
                words = ["publish", policy, *self.live(lab), "--connect-to", f"api.pay.example.com:443:{lab.address()}"]
                refused = self.repo(*words, status=1)
                self.assertIn("the published rules of delegate payments: ", refused)
                self.assertIn(mentions, refused)
            # Its keys are changed by those who sign policies, and what it said is signed again.
            self.repo("add-key", "payments", self.pub("next"))
            self.repo("remove-key", "payments", self.keyid("bob"))
            self.sign("alice", "next", "carol", "online")
            self.assertEqual([self.update(url)["notices"], self.repo("verify")], [[], "verified\n"])


unittest.main()
