# SPDX-License-Identifier: Apache-2.0
"""A disk that is full at any write, and a process that is killed at any: the client's state and the publisher's repository are
as before or as after, never between, and the next run goes on from there.

The calls that change files are counted by a preloaded library, which then has each of them fail, or kills the process before
or behind it. FAULTS_KILLS is how many kills at random moments there are besides."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from tuf_repository import Repository  # noqa: E402

COTTER = os.environ["COTTER_BIN"]
SHIM = os.path.join(os.environ["COTTER_BUILD_DIR"], "tests/update/libcotter_failing_calls.so")
KILLS = int(os.environ.get("FAULTS_KILLS", "1000"))
PIN = "sha256/9KwgIz6sTEuNBgkmxBMLHi4gmmvRRPrsEYgLdqXd5Ac="
PASSPHRASE = "correct horse battery"


def policy(version):
    return json.dumps({"policy": {"name": "acme", "environment": "production", "version": version},
                       "host": [{"pattern": "api.example.com", "pins": [{"pin": PIN}]}]}).encode()


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def tree(folder):
    """Every file below the folder, but what a killed process left half written."""
    found = {}
    for path, _, names in os.walk(folder):
        for name in names:
            if len(name.rsplit(".", 1)[-1]) != 6:
                found[os.path.relpath(os.path.join(path, name), folder)] = read(os.path.join(path, name))
    return found


class Shimmed(unittest.TestCase):
    def setUp(self):
        # In memory, where it can be: a kill takes nothing from the page cache, and thousands of fsync calls take minutes.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = self.enterContext(tempfile.TemporaryDirectory(prefix="cotter-faults-", dir=memory))

    def run_shimmed(self, command, at=0, how="once", **more):
        """(exit status, how many calls there were)."""
        count = os.path.join(self.folder, "count")
        if os.path.exists(count):
            os.remove(count)
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False,
                              env={**os.environ, "LD_PRELOAD": SHIM, "FAIL_AT": str(at), "FAIL_HOW": how, "FAIL_COUNT": count},
                              **more)
        return done.returncode, len(read(count) or b"")


class Client(Shimmed):
    def setUp(self):
        super().setUp()
        self.repository = self.enterContext(Repository())
        self.state = os.path.join(self.folder, "state")
        self.root = os.path.join(self.folder, "root.json")
        with open(self.root, "wb") as file:
            file.write(self.repository.files["metadata/1.root.json"])
        self.command = [COTTER, "update", "--remote", self.repository.url, "--state", self.state, "--root", self.root,
                        "--floor", os.path.join(self.folder, "floor"), "--insecure-http"]

    def put(self, version):
        self.repository.add_target("targets", "production/policy.json", policy(version))
        self.repository.update("targets")

    def update(self):
        return subprocess.run(self.command, capture_output=True, text=True, timeout=60, check=False)

    def in_force(self):
        """The version in force; what is there is a whole policy, and the floors are not above it."""
        content = read(os.path.join(self.state, "policy.json"))
        if content is None:
            return 0
        version = json.loads(content)["policy"]["version"]
        self.assertEqual(content, policy(version))
        for floor in (os.path.join(self.state, "floor"), os.path.join(self.folder, "floor")):
            self.assertLessEqual(int(read(floor) or 0), version)
        return version

    def sweep(self, how):
        """An update from version 1 to 2, with each call failing in turn, from the same state each time."""
        self.put(1)
        self.assertEqual(self.update().returncode, 0)
        before = os.path.join(self.folder, "before")
        shutil.copytree(self.folder, before, ignore=shutil.ignore_patterns("before", "count"))
        self.put(2)
        status, calls = self.run_shimmed(self.command)
        self.assertEqual(status, 0)
        self.assertGreater(calls, 20)
        for at in range(1, calls + 1):
            shutil.rmtree(self.state)
            shutil.copytree(before, self.folder, dirs_exist_ok=True)
            status, _ = self.run_shimmed(self.command, at, how)
            version = self.in_force()
            with self.subTest(how=how, call=at):
                self.assertIn(version, (1, 2))
                if how in ("once", "forever"):
                    self.assertIn(status, (0, 2), "the fault is this machine's")
                    self.assertTrue(status == 2 or version == 2, "what is said to be in force is")
                done = self.update()
                self.assertEqual((done.returncode, self.in_force()), (0, 2), done.stderr)
                left = [name for name in os.listdir(os.path.join(self.state, "metadata")) if not name.endswith(".json")]
                self.assertEqual(left, [])

    def test_S3_13_a_disk_that_is_full_at_one_write_leaves_the_state_as_it_was_or_as_it_should_be(self):
        self.sweep("once")

    def test_S3_13_a_disk_that_is_full_from_one_write_on_does_too(self):
        self.sweep("forever")

    def test_S3_13_a_client_that_is_killed_before_any_write_goes_on(self):
        self.sweep("before")

    def test_S3_13_a_client_that_is_killed_behind_any_write_goes_on(self):
        self.sweep("after")

    def test_S3_13_the_first_run_may_fail_anywhere_and_a_later_one_still_begins(self):
        self.put(1)
        _, calls = self.run_shimmed(self.command)
        self.assertGreater(calls, 20)
        for how in ("once", "after"):
            for at in range(1, calls + 1):
                for name in ("state", "floor"):
                    path = os.path.join(self.folder, name)
                    shutil.rmtree(path, ignore_errors=True)
                    if os.path.exists(path):
                        os.remove(path)
                self.run_shimmed(self.command, at, how)
                self.assertIn(self.in_force(), (0, 1))
                done = self.update()
                self.assertEqual((done.returncode, self.in_force()), (0, 1), f"{how} {at}: {done.stderr}")

    def test_S3_13_a_thousand_kills_in_a_row_lose_nothing(self):
        chance = random.Random(7)
        self.put(1)
        self.assertEqual(self.update().returncode, 0)
        in_force = 1
        for kill in range(KILLS):
            if kill % 4 == 0:
                newest = in_force + 1
                self.put(newest)
            self.run_shimmed(self.command, chance.randint(1, 32), chance.choice(("before", "after")))
            version = self.in_force()
            self.assertIn(version, (in_force, newest))
            in_force = max(version, in_force)
            if kill % 100 == 99:
                self.assertEqual((self.update().returncode, self.in_force()), (0, newest))
                in_force = newest


class Publisher(Shimmed):
    def setUp(self):
        super().setUp()
        self.repo = os.path.join(self.folder, "repo")
        self.keys = os.path.join(self.folder, "keys")
        self.call("key", "generate", "alice", "--keys", self.keys)
        pub = os.path.join(self.keys, "alice.pub")
        self.call("repo", "init", "--repo", self.repo, "--keys", self.keys, "--root-key", pub, "--targets-key", pub,
                  "--online-key", pub)
        self.call("repo", "sign", "alice", "--repo", self.repo, "--keys", self.keys)

    def words(self, *words):
        reader, writer = os.pipe()
        os.write(writer, PASSPHRASE.encode() + b"\n")
        os.close(writer)
        self.addCleanup(os.close, reader)
        return [COTTER, *words, "--passphrase-fd", str(reader)], reader

    def call(self, *words, at=None, how="once"):
        command, reader = self.words(*words)
        if at is not None:
            return self.run_shimmed(command, at, how, pass_fds=[reader])
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, pass_fds=[reader])
        self.assertEqual(done.returncode, 0, f"{words}: {done.stderr}")
        return 0, 0

    def served(self):
        """The policy version that a new client gets from what is public."""
        repository = Repository()
        repository.files = tree(os.path.join(self.repo, "public"))
        state = os.path.join(self.folder, "client")
        shutil.rmtree(state, ignore_errors=True)
        root = os.path.join(self.folder, "root.json")
        with open(root, "wb") as file:
            file.write(repository.files["metadata/1.root.json"])
        with repository:
            done = subprocess.run([COTTER, "update", "--remote", repository.url, "--state", state, "--root", root,
                                   "--insecure-http", "--json"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)["policy"]["version"]

    def publish(self, version, **fault):
        path = os.path.join(self.folder, "policy.json")
        with open(path, "wb") as file:
            file.write(policy(version))
        return self.call("repo", "publish", path, "--repo", self.repo, "--keys", self.keys, "--override", "a test", **fault)

    def sign(self, **fault):
        return self.call("repo", "sign", "alice", "--repo", self.repo, "--keys", self.keys, **fault)

    def test_S3_13_a_publisher_that_is_stopped_at_any_write_leaves_a_repository_that_serves_and_goes_on(self):
        self.publish(1)
        self.sign()
        before = os.path.join(self.folder, "before")
        shutil.copytree(self.repo, before)
        _, publishing = self.publish(2, at=0)
        _, signing = self.sign(at=0)
        self.assertEqual(self.served(), 2)
        chance = random.Random(7)
        for step, calls in (("publish", publishing), ("sign", signing)):
            self.assertGreater(calls, 5)
            for at in range(1, calls + 1):
                shutil.rmtree(self.repo)
                shutil.copytree(before, self.repo)
                how = chance.choice(("once", "forever", "before", "after"))
                with self.subTest(step=step, call=at, how=how):
                    if step == "publish":
                        self.publish(2, at=at, how=how)
                        self.assertEqual(self.served(), 1)
                    else:
                        self.publish(2)
                        self.sign(at=at, how=how)
                        if self.served() == 1:  # all may be signed, and only not public yet: then nothing waits
                            self.sign(at=0)
                        self.assertEqual(self.served(), 2)


unittest.main()
