# SPDX-License-Identifier: Apache-2.0
"""cotter update against repositories that cotter did not make: what is taken, what is refused, and that a refusal leaves the
policy as it was."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from tuf_repository import Key, Repository, expiry  # noqa: E402

COTTER = os.environ["COTTER_BIN"]
PIN = "sha256/9KwgIz6sTEuNBgkmxBMLHi4gmmvRRPrsEYgLdqXd5Ac="


def policy(version, environment="production", host="api.example.com"):
    return json.dumps({"policy": {"name": "acme", "environment": environment, "version": version},
                       "host": [{"pattern": host, "pins": [{"pin": PIN}]}]}).encode()


class Updates(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cotter-update-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.state = os.path.join(self.folder, "state")

    def path(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "wb") as file:
                file.write(content)
        return path

    def publish(self, repository, content, path="production/policy.json"):
        repository.add_target("targets", path, content)
        repository.update("targets")

    def update(self, *remotes, options=(), insecure=("--insecure-remote-http",)):
        words = [word for remote in remotes for word in ("--remote", getattr(remote, "url", remote))]
        root = self.path("root.json", next(remote.files["metadata/1.root.json"] for remote in remotes
                                           if hasattr(remote, "files")))
        done = subprocess.run([COTTER, "update", *words, "--state", self.state, "--root", root, "--json", *insecure, *options],
                              capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    def in_force(self):
        try:
            with open(os.path.join(self.state, "policy.json"), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def refused(self, answer, step, code, status=1):
        self.assertEqual((answer[0], answer[1]["outcome"], answer[1]["step"], answer[1]["code"]),
                         (status, "update_rejected", step, code), answer)

    def test_S3_07_a_policy_reaches_the_client_and_its_commands_enforce_it(self):
        with Repository() as repository:
            self.publish(repository, policy(1))
            status, answer = self.update(repository)
            self.assertEqual([status, answer["outcome"], answer["policy"], answer["before"]],
                             [0, "updated", {"name": "acme", "version": 1}, None])
            self.assertEqual(self.in_force(), policy(1))
            shown = subprocess.run([COTTER, "policy", "show", "--policy", answer["file"], "api.example.com"],
                                   capture_output=True, text=True, timeout=60, check=True).stdout
            self.assertIn(PIN, shown)
            self.publish(repository, policy(2))
            status, answer = self.update(repository)
            self.assertEqual([status, answer["outcome"], answer["before"]], [0, "updated", 1])
            repository.requests.clear()
            status, answer = self.update(repository)
            self.assertEqual([status, answer["outcome"], len(repository.requests)], [0, "unchanged", 2])

    def test_S3_48_a_policy_version_only_grows_also_when_its_signers_say_otherwise(self):
        with Repository() as repository:
            self.publish(repository, policy(5))
            self.assertEqual(self.update(repository)[0], 0)
            for version, host in ((4, "api.example.com"), (5, "other.example.com")):
                self.publish(repository, policy(version, host=host))
                self.refused(self.update(repository), "policy", "policy_rollback")
                self.assertEqual(self.in_force(), policy(5))
            self.publish(repository, policy(6))
            self.assertEqual(self.update(repository)[0], 0)

    def test_S3_13_a_deleted_state_does_not_bring_an_old_policy_back_where_a_floor_is_kept(self):
        with Repository() as repository:
            floor = ("--floor", self.path("floor"))
            self.publish(repository, policy(5))
            self.assertEqual(self.update(repository, options=floor)[0], 0)
            shutil.rmtree(self.state)
            self.publish(repository, policy(4))
            self.refused(self.update(repository, options=floor), "policy", "policy_rollback")
            self.assertEqual(self.in_force(), None)
            self.path("floor", b"what is this")
            self.refused(self.update(repository, options=floor), "policy", "update_state_invalid", status=2)

    def test_S3_40_S2_26_a_client_of_one_environment_takes_no_policy_of_another(self):
        with Repository() as repository:
            self.publish(repository, policy(1, "development"))
            self.refused(self.update(repository), "policy", "wrong_environment")
            self.publish(repository, policy(1, "development"), "development/policy.json")
            self.assertEqual(self.update(repository, options=("--environment", "development"))[0], 0)

    def test_S0_12_S3_38_a_shipped_policy_holds_until_a_signed_one_is_there(self):
        base = ("--base", self.path("base.json", policy(3)))
        with Repository() as repository:
            repository.files.pop("metadata/timestamp.json")
            self.refused(self.update(repository, options=base), "timestamp", "fetch_failed", status=3)
            self.assertEqual(self.in_force(), policy(3))
            self.publish(repository, policy(2))
            self.refused(self.update(repository, options=base), "policy", "policy_rollback")
            self.publish(repository, policy(4))
            self.assertEqual(self.update(repository, options=base)[1]["before"], 3)
        self.path("base.json", policy(1, "development"))
        shutil.rmtree(self.state)
        with Repository() as repository:
            self.refused(self.update(repository, options=base), "policy", "wrong_environment")

    def test_S3_13_what_is_no_policy_is_refused_although_it_is_signed(self):
        with Repository() as repository:
            self.publish(repository, policy(1))
            self.assertEqual(self.update(repository)[0], 0)
            for content, code in ((b"<html>", "policy_syntax"), (b'{"policy":{},"hots":[]}', "policy_unknown_key"),
                                  (policy(2).replace(b"9KwgIz", b"AAAAAA", 1)[:-2], "policy_syntax")):
                self.publish(repository, content)
                self.refused(self.update(repository), "policy", code)
                self.assertEqual(self.in_force(), policy(1))

    def test_S3_13_forged_expired_and_withheld_updates_change_nothing(self):
        with Repository() as repository:
            self.publish(repository, policy(1))
            self.assertEqual(self.update(repository)[0], 0)
            good = dict(repository.files)
            repository.signers["targets"] = [Key()]
            self.publish(repository, policy(2))
            self.refused(self.update(repository), "targets", "signature_threshold")
            repository.files = good
            repository.signed["timestamp"]["version"] += 10
            repository.signed["timestamp"]["expires"] = expiry(-1)
            repository.publish("timestamp")
            self.refused(self.update(repository), "timestamp", "metadata_expired")
            self.assertEqual(self.in_force(), policy(1))

    def test_mirrors_are_tried_in_order_and_an_old_one_is_passed_over(self):
        with Repository() as repository:
            self.publish(repository, policy(1))
            old = Repository()
            old.files = dict(repository.files)
            with old:
                self.publish(repository, policy(2))
                self.assertEqual(self.update("http://127.0.0.1:1", repository)[0], 0)
                status, answer = self.update(old, repository)
                self.assertEqual([status, answer["outcome"], answer["policy"]["version"]], [0, "unchanged", 2])
                self.refused(self.update(old, "http://127.0.0.1:1"), "timestamp", "metadata_rollback")

    def test_http_has_to_be_asked_for_and_the_first_run_needs_a_root(self):
        with Repository() as repository:
            self.publish(repository, policy(1))
            self.refused(self.update(repository, insecure=()), "root", "fetch_failed", status=3)
            done = subprocess.run([COTTER, "update", "--remote", repository.url, "--state", self.state],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual([done.returncode, done.stdout], [3, ""])
            self.assertIn("hint: http:// has to be asked for, with --insecure-remote-http\n", done.stderr)
            shutil.rmtree(self.state)
            done = subprocess.run([COTTER, "update", "--remote", repository.url, "--state", self.state],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual([done.returncode, done.stdout], [2, ""])
            self.assertIn("there is no root to trust", done.stderr)

    def test_S0_17_a_refusal_says_each_thing_once_and_what_is_missing_has_a_hint(self):
        def told(*words):
            done = subprocess.run([COTTER, "update", *words], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.stdout, "" if done.returncode else done.stdout)
            return done.returncode, done.stdout + done.stderr

        self.assertEqual(told("status"), (2, "cotter: error: update: --state DIR is missing\n"
                                             "cotter: hint: 'cotter help update' shows what it takes\n"))
        with Repository() as repository:
            self.publish(repository, policy(1))
            root = self.path("root.json", repository.files["metadata/1.root.json"])
            words = ("--remote", repository.url, "--insecure-remote-http", "--state", self.state, "--root", root)
            repository.files["metadata/2.root.json"] = b"<html>no such page</html>"  # a server without 404
            status, text = told(*words)
            self.assertEqual(status, 1, text)
            self.assertIn("rejected at step root, by ", text)
            self.assertIn(": not the JSON of metadata", text)
            self.assertNotIn("root: root:", text)
            self.assertNotIn(f"{repository.url}: root:", text)
            del repository.files["metadata/2.root.json"]
            status, text = told(*words)
            self.assertEqual(status, 0, text)

    def test_clients_that_share_a_state_wait_for_one_another(self):
        with Repository() as repository:
            self.publish(repository, policy(1))
            self.assertEqual(self.update(repository)[0], 0)
            self.publish(repository, policy(2))
            command = [COTTER, "update", "--remote", repository.url, "--state", self.state, "--insecure-http"]
            several = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(6)]
            self.assertEqual([one.wait(60) for one in several], [0] * 6)
            self.assertEqual(self.in_force(), policy(2))

    def test_S3_13_a_client_that_is_killed_anywhere_leaves_a_state_that_verifies(self):
        with Repository() as repository:
            self.publish(repository, policy(1))
            self.assertEqual(self.update(repository)[0], 0)
            taken = {policy(1)}
            for version in range(2, 42):
                self.publish(repository, policy(version))
                taken.add(policy(version))
                stop_at = f"metadata/{version}.snapshot.json" if version % 2 else f"metadata/{version}.targets.json"
                one = subprocess.Popen([COTTER, "update", "--remote", repository.url, "--state", self.state,
                                        "--insecure-http"], stdout=subprocess.DEVNULL)
                # Killed as soon as it has come to some file, wherever the machine lets it be then.
                while one.poll() is None and not any(stop_at in path or "targets/" in path for path in repository.requests):
                    time.sleep(0.01)
                one.kill()
                one.wait()
                repository.requests.clear()
                self.assertIn(self.in_force(), taken)
            self.assertEqual(self.update(repository)[0], 0)
            self.assertEqual(self.in_force(), policy(41))
            left = [name for name in os.listdir(os.path.join(self.state, "metadata")) if not name.endswith(".json")]
            self.assertEqual(left, [])


unittest.main()
