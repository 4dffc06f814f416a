# SPDX-License-Identifier: Apache-2.0
"""What stands beside a policy, emergency statements and the files of teams, under attack. The repository is one that this
script signs itself, so that it can say what `cotter repo` and `cotter emergency` would not."""

import datetime
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from tuf_repository import Repository, canonical, expiry  # noqa: E402

COTTER = os.environ["COTTER_BIN"]
PIN = "sha256/pL1+qb9HTMRZJmuC/bB/ZI9d302BYrrqiVuRyW+DGrU="
BACKUP = "sha256/k2v657xBsOVe1PQRwOsHsw3bsGT2VzIqz5K+59sNQws="
OTHER = "sha256/Vjs8r4z+80wjNcr1YKepWQboSIRi63WsWXhIMN+eWys="


NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def at(hours):
    return (NOW + datetime.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def rule(pattern="api.example.com", pins=(PIN, BACKUP), **fields):
    return {"pattern": pattern, "pins": [{"pin": pin} for pin in pins], **fields}


def policy(version=1, hosts=None, environment="production", header=None, **tables):
    return json.dumps({"policy": {"name": "acme", "environment": environment, "version": version, **(header or {})},
                       "host": hosts or [rule()], **tables}).encode()


def suspend(name="S1", hours=24, begins=-1, **fields):
    return {"id": name, "kind": "suspend", "begins": at(begins), "ends": at(begins + hours), "reason": "r", "ticket": "T",
            "rules": [{"pattern": "api.example.com"}], **fields}


def revoke(pin, name):
    return {"id": name, "kind": "revoke", "begins": at(-1), "reason": "r", "ticket": "T", "pin": pin}


def statements(*every, version=1, environment="production", **fields):
    return json.dumps({"emergency": 1, "environment": environment, "version": version, "statements": list(every),
                       **fields}).encode()


class BesideThePolicy(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cotter-beside-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.repository = self.enterContext(Repository())
        self.repository.add_target("targets", "production/policy.json", policy())
        self.state = os.path.join(self.folder, "state")

    def with_emergency(self, *every, keys=3, threshold=2, signers=2, **fields):
        self.repository.delegate("targets", "emergency", paths=["*/emergency.json"], keys=keys, threshold=threshold)
        self.keys = list(self.repository.signers["emergency"])
        self.say(*every, signers=signers, **fields)

    def say(self, *every, signers=2, raw=None, path="production/emergency.json", **fields):
        self.repository.add_target("emergency", path, statements(*every, **fields) if raw is None else raw)
        self.repository.signers["emergency"] = self.keys[:signers]
        self.repository.update("targets", "emergency")

    def update(self, under=()):
        root = os.path.join(self.folder, "root.json")
        if not os.path.exists(root):
            with open(root, "wb") as file:
                file.write(self.repository.files["metadata/1.root.json"])
        done = subprocess.run([*under, COTTER, "update", "--remote", self.repository.url, "--state", self.state, "--root", root,
                               "--insecure-http", "--json"], capture_output=True, text=True, timeout=60, check=False)
        answer = json.loads(done.stdout)
        self.assertEqual(done.returncode, 0 if answer["outcome"] != "update_rejected" else 1, done.stderr)
        return answer

    def in_force(self):
        with open(os.path.join(self.state, "policy.json"), encoding="utf-8") as file:
            return json.load(file)

    def expect(self, standing, codes=(), version=1):
        """What stands beside the policy, and the codes of what was not taken; the policy is there whatever that is."""
        answer = self.update()
        self.assertEqual(answer.get("policy", {}).get("version"), version, answer)
        self.assertEqual({one["id"]: one["standing"] for one in answer["emergency"]}, standing, answer)
        self.assertEqual([one["code"] for one in answer["notices"]], list(codes), answer)
        valid = {name for name, how in standing.items() if how == "in_force"}
        self.assertEqual({one["id"] for one in self.in_force().get("emergency", [])}, valid)
        return answer

    # The emergency role.

    def test_S3_39_two_of_its_keys_make_a_statement_hold(self):
        self.with_emergency(suspend())
        self.expect({"S1": "in_force"})

    def test_S3_39_one_signature_is_not_enough_whatever_the_delegation_says(self):
        for threshold, code in ((1, "emergency_invalid"), (2, "signature_threshold")):
            with self.subTest(threshold):
                shutil.rmtree(self.state, ignore_errors=True)
                self.repository.signed["targets"].pop("delegations", None)
                self.repository.signed.pop("emergency", None)
                self.repository.signers.pop("emergency", None)
                self.with_emergency(suspend(), threshold=threshold, signers=1)
                self.expect({}, [code])

    def test_S3_39_one_key_under_two_names_is_one_signature(self):
        self.with_emergency(suspend(), keys=1, threshold=1, signers=1)
        holder = self.repository.signed["targets"]["delegations"]
        entry, key = holder["roles"][0], self.keys[0]
        other = {**key.public, "also": "named"}
        name = hashlib.sha256(canonical(other)).hexdigest()
        holder["keys"][name] = other
        entry["keyids"].append(name)
        self.repository.update("targets", "emergency")
        signature = key.sign(canonical(self.repository.signed["emergency"]))
        envelope = self.repository.envelope("emergency", [key])
        envelope["signatures"] = [{"keyid": keyid, "sig": signature} for keyid in (key.keyid, name)]
        self.repository.put("emergency", envelope)
        self.expect({}, ["emergency_invalid"])

    def test_the_role_cannot_speak_for_a_policy_or_another_environment(self):
        self.with_emergency(suspend())
        self.repository.add_target("emergency", "production/policy.json", policy(9, [rule(mode="off")]))
        self.repository.update("emergency")
        self.expect({"S1": "in_force"})
        self.assertNotIn("mode", self.in_force()["host"][0])
        self.say(suspend("S2"), version=2, environment="staging")
        self.expect({"S1": "in_force"}, ["wrong_environment"])
        # Where the policy's own signers have none, the role's is not taken in its place.
        self.repository.signed["targets"]["targets"].pop("production/policy.json")
        self.repository.update("targets")
        self.assertEqual(self.update()["code"], "target_unknown")

    def test_nobody_else_speaks_for_the_role(self):
        content = statements(suspend())
        self.repository.delegate("targets", "team", paths=["production/*"], keys=2, threshold=2)
        self.repository.add_target("team", "production/emergency.json", content)
        self.repository.add_target("targets", "production/emergency.json", content)
        self.repository.update("targets", "team")
        self.expect({})

    def test_who_signs_policies_cannot_write_statements_into_them(self):
        self.repository.update("targets")
        self.assertEqual(self.update()["outcome"], "updated")
        until = {"id": "X", "kind": "suspend", "rules": [{"pattern": "api.example.com"}], "until": at(9000)}
        for content in (policy(2, emergency=[until]), policy(2, header={"revision": 7})):
            self.repository.add_target("targets", "production/policy.json", content)
            self.repository.update("targets")
            answer = self.update()
            self.assertEqual([answer["step"], answer["code"]], ["policy", "policy_invalid"])
        self.assertNotIn("emergency", self.in_force())

    def test_S3_39_an_old_file_that_is_signed_again_changes_nothing(self):
        self.with_emergency(suspend("S1"))
        self.expect({"S1": "in_force"})
        old = statements(suspend("S1"))
        self.say(revoke(PIN, "R1"), version=2)
        self.expect({"R1": "in_force"})
        self.say(raw=old)
        self.expect({"R1": "in_force"}, ["policy_rollback"])
        self.say(suspend("S9"), version=2)
        self.expect({"R1": "in_force"}, ["policy_rollback"])

    def test_S3_39_what_is_out_of_bounds_is_refused_alone(self):
        self.with_emergency(suspend("long", hours=73), suspend("S1"), suspend("bare", reason=""),
                            suspend("all", rules=[{"pattern": "**.example.com"}]), {**revoke(PIN, "R1"), "ends": at(1)})
        self.expect({"S1": "in_force", "long": "refused", "bare": "refused", "all": "refused", "R1": "refused"},
                    ["emergency_invalid"] * 4)

    def test_a_file_that_is_none_is_in_no_policys_way(self):
        self.with_emergency(suspend())
        self.expect({"S1": "in_force"})
        for raw in (b"", b"{}", b"[" * 100000, statements(suspend(), version=0), b"\xff" * 100,
                    statements(version=2) + b" " * (1 << 20)):
            self.say(raw=raw)
            self.expect({"S1": "in_force"}, ["file_too_large" if len(raw) > 1 << 20 else "emergency_invalid"])

    def test_an_expired_forged_or_withheld_role_is_in_no_policys_way(self):
        self.with_emergency(suspend())
        self.expect({"S1": "in_force"})
        self.repository.add_target("targets", "production/policy.json", policy(2))
        self.repository.signed["emergency"]["expires"] = expiry(-1)
        self.repository.update("targets", "emergency")
        self.expect({"S1": "in_force"}, ["metadata_expired"], version=2)
        self.repository.signed["emergency"]["expires"] = expiry(30)
        self.repository.add_target("targets", "production/policy.json", policy(3))
        self.repository.signers["emergency"] = self.repository.signers["targets"]
        self.repository.update("targets", "emergency")
        self.expect({"S1": "in_force"}, ["signature_threshold"], version=3)
        version = self.repository.signed["emergency"]["version"]
        for name in (f"metadata/{version}.emergency.json", "metadata/emergency.json"):
            self.repository.files.pop(name)
        self.expect({"S1": "in_force"}, ["fetch_failed"], version=3)

    def test_S3_39_the_last_pin_is_revoked_by_three_and_stays_so_under_two(self):
        self.with_emergency(revoke(PIN, "R1"), revoke(BACKUP, "R2"))
        self.expect({"R1": "in_force", "R2": "refused"}, ["emergency_invalid"])
        self.say(revoke(PIN, "R1"), revoke(BACKUP, "R2"), version=2, signers=3)
        self.expect({"R1": "in_force", "R2": "in_force"})
        self.say(revoke(PIN, "R1"), revoke(BACKUP, "R2"), suspend(), version=3)
        self.expect({"R1": "in_force", "R2": "in_force", "S1": "in_force"})

    def test_S3_39_a_clock_that_is_put_back_does_not_bring_a_statement_back(self):
        self.with_emergency(suspend(hours=2))
        self.expect({"S1": "in_force"})
        later = self.update(under=["faketime", "-f", "+3h"])
        self.assertEqual([one["standing"] for one in later["emergency"]], ["over"])
        self.expect({"S1": "over"})
        self.assertEqual([one["standing"] for one in self.update(under=["faketime", "-f", "-2d"]).get("emergency", [])], ["over"])

    def test_S3_39_a_memory_that_is_lost_or_damaged_loosens_nothing(self):
        self.with_emergency(revoke(PIN, "R1"), suspend())
        self.expect({"R1": "in_force", "S1": "in_force"})
        revision = self.in_force()["policy"]["revision"]
        url, self.repository.url = self.repository.url, "http://127.0.0.1:9"
        for damage in (lambda path: os.unlink(path), lambda path: open(path, "w", encoding="ascii").close()):
            damage(os.path.join(self.state, "emergency.json"))
            root = os.path.join(self.folder, "root.json")
            subprocess.run([COTTER, "update", "--remote", self.repository.url, "--state", self.state, "--root", root,
                            "--insecure-http"], capture_output=True, timeout=60, check=False)
            self.assertEqual({one["id"] for one in self.in_force()["emergency"]}, {"R1", "S1"})
            self.assertEqual(self.in_force()["policy"]["revision"], revision)
            with open(os.path.join(self.state, "emergency.json"), "a", encoding="ascii"):
                pass
        self.repository.url = url
        self.say(revoke(PIN, "R1"), version=2)
        self.expect({"R1": "in_force"})
        self.assertGreater(self.in_force()["policy"]["revision"], revision)

    # Teams.

    def team(self, name="pay", hosts=("**.pay.example.com",), **fields):
        self.repository.delegate("targets", name, paths=[f"production/{name}.json"], **fields)
        return {"name": name, "target": f"production/{name}.json", "hosts": list(hosts)}

    def teams(self, *teams, version=1, hosts=None):
        self.repository.add_target("targets", "production/policy.json", policy(version, hosts, delegate=list(teams)))
        self.repository.update("targets")

    def speak(self, *hosts, name="pay", version=1, **tables):
        self.repository.add_target(name, f"production/{name}.json", policy(version, list(hosts), **tables))
        self.repository.update(name)

    def patterns(self):
        return [host["pattern"] for host in self.in_force()["host"]]

    def test_a_team_speaks_for_its_hosts_and_no_others(self):
        self.teams(self.team())
        self.speak(rule("api.pay.example.com"), rule("*.pay.example.com", ports=[8443]))
        self.expect({})
        good = ["api.example.com", "api.pay.example.com", "*.pay.example.com"]
        self.assertEqual(self.patterns(), good)
        for version, hosts, tables in ((2, [rule("api.pay.example.com"), rule("other.example.com")], {}),
                                       (3, [rule("**.example.com")], {}),
                                       (4, [rule("xpay.example.com")], {}),
                                       (5, [rule("api.pay.example.com", mode="off")], {"header": {"revoked": [PIN]}}),
                                       (6, [rule("api.pay.example.com")], {"header": {"unlisted": "refuse"}}),
                                       (7, [rule("a.pay.example.com"), rule("a.pay.example.com", ports=[443, 443])], {})):
            self.speak(*hosts, version=version, **tables)
            self.expect({}, ["delegate_refused"])
            self.assertEqual(self.patterns(), good)
        self.speak(rule("new.pay.example.com"), version=8)
        self.expect({})
        self.assertEqual(self.patterns(), ["api.example.com", "new.pay.example.com"])
        self.speak(rule("old.pay.example.com"), version=7)
        self.expect({}, ["policy_rollback"])
        self.assertEqual(self.patterns(), ["api.example.com", "new.pay.example.com"])

    def test_a_pattern_and_port_that_is_there_twice_refuses_one_team_and_not_the_others(self):
        self.teams(self.team("one", ["**.example.com"]), self.team("two", ["**.example.com"]), self.team("three", ["three.test"]))
        self.speak(rule("x.example.com"), name="one")
        self.speak(rule("x.example.com", ports=[443]), name="two")
        self.speak(rule("three.test"), name="three")
        answer = self.update()
        self.assertEqual([one["code"] for one in answer["notices"]], ["delegate_refused"])
        self.assertIn("two: ", answer["notices"][0]["message"])
        self.assertEqual(self.patterns(), ["api.example.com", "x.example.com", "three.test"])
        self.speak(rule("api.example.com", mode="off"), name="one", version=2)
        self.assertIn("one: ", self.update()["notices"][0]["message"])
        self.assertNotIn("mode", self.in_force()["host"][0])

    def test_wrong_keys_and_withdrawn_grants_count_for_nothing(self):
        grant = self.team()
        self.teams(grant)
        self.speak(rule("api.pay.example.com"))
        self.expect({})
        self.repository.signers["pay"] = self.repository.signers["targets"]
        self.speak(rule("evil.pay.example.com"), version=2)
        self.expect({}, ["signature_threshold"])
        self.assertEqual(self.patterns(), ["api.example.com", "api.pay.example.com"])
        self.teams({**grant, "hosts": ["only.pay.example.com"]}, version=2)
        answer = self.update()
        self.assertIn("delegate_refused", [one["code"] for one in answer["notices"]])
        self.assertEqual(self.patterns(), ["api.example.com"])

    def test_a_clash_takes_away_one_rule_and_the_pins_of_no_other_host(self):
        two = self.team("two", ["**.example.com", "two.test"])
        self.teams(self.team("one", ["**.example.com"]), two)
        self.speak(rule("y.example.com"), name="one")
        self.speak(rule("x.example.com"), rule("two.test"), name="two")
        self.expect({})
        # The other team, and then the policy itself, have a rule of its file by now.
        self.speak(rule("x.example.com", ports=[443]), name="one", version=2)
        self.expect({}, ["delegate_refused"])
        self.assertEqual(self.patterns(), ["api.example.com", "x.example.com", "two.test"])
        self.teams(two, version=2, hosts=[rule("x.example.com")])
        answer = self.update()
        self.assertIn("delegate_refused", [one["code"] for one in answer["notices"]])
        self.assertEqual(self.patterns(), ["x.example.com", "two.test"])

    def test_S3_39_statements_hold_for_a_teams_rules_too(self):
        self.teams(self.team())
        self.speak(rule("api.pay.example.com", pins=(OTHER, BACKUP)))
        self.with_emergency(suspend(rules=[{"pattern": "api.pay.example.com"}]))
        self.expect({"S1": "in_force"})


unittest.main()
