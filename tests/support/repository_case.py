# SPDX-License-Identifier: Apache-2.0
"""A repository that `cotter repo` makes, its signers and one client: what tests of publishing share."""

import functools
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
import unittest

from securesystemslib.formats import encode_canonical

COTTER = os.environ["COTTER_BIN"]
PASSPHRASE = "correct horse battery"
BACKUP = "sha256/9KwgIz6sTEuNBgkmxBMLHi4gmmvRRPrsEYgLdqXd5Ac="
OTHER = "sha256/Vjs8r4z+80wjNcr1YKepWQboSIRi63WsWXhIMN+eWys="


class Folder(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class RepositoryCase(unittest.TestCase):
    """Each test has a folder of its own; the keys are shared."""

    @classmethod
    def setUpClass(cls):
        """Five keys serve all tests: making one takes as long as trying a passphrase."""
        cls.shared = tempfile.mkdtemp(prefix="cotter-keys-")
        cls.addClassCleanup(shutil.rmtree, cls.shared)
        for name, kind in (("alice", "ed25519"), ("bob", "p256"), ("carol", "ed25519"), ("online", "p256"),
                           ("next", "ed25519")):
            cls.call("key", "generate", name, "--type", kind, "--keys", cls.shared)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cotter-repo-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.repo_folder = os.path.join(self.folder, "repo")

    @staticmethod
    def call(*words, under=()):
        reader, writer = os.pipe()
        os.write(writer, PASSPHRASE.encode() + b"\n")
        os.close(writer)
        try:
            return subprocess.run([*under, COTTER, *words, "--passphrase-fd", str(reader)], timeout=60, pass_fds=[reader],
                                  capture_output=True, text=True, check=False)
        finally:
            os.close(reader)

    def repo(self, action, *words, status=0, under=()):
        done = self.call("repo", action, *words, "--repo", self.repo_folder, "--keys", self.shared, under=under)
        self.assertEqual(done.returncode, status, f"{action} {words}: {done.stderr}{done.stdout}")
        return done.stdout if status == 0 else done.stderr

    def path(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(content)
        return path

    def pub(self, name):
        return os.path.join(self.shared, f"{name}.pub")

    def keyid(self, name):
        with open(self.pub(name), encoding="ascii") as file:
            return hashlib.sha256(encode_canonical(json.load(file)).encode()).hexdigest()

    def init(self, two=True):
        """Two of three sign root and policies; one online key signs the rest."""
        people = ["alice", "bob", "carol"] if two else ["alice"]
        words = [word for role in ("root", "targets") for name in people for word in (f"--{role}-key", self.pub(name))]
        thresholds = ["--root-threshold", "2", "--targets-threshold", "2"] if two else []
        self.repo("init", *words, *thresholds, "--online-key", self.pub("online"))

    def sign(self, *names):
        for name in names:
            self.repo("sign", name)

    def metadata(self, name):
        with open(os.path.join(self.repo_folder, "public/metadata", f"{name}.json"), "rb") as file:
            return json.load(file)

    def published(self):
        return sorted(os.listdir(os.path.join(self.repo_folder, "public/metadata")))

    def status(self):
        return {row["role"]: row for row in json.loads(self.repo("status", "--json"))["roles"]}

    def policy(self, lab, version=1, environment="staging", pins=None, name="policy.toml"):
        pins = pins or [lab.pin("leaf"), BACKUP]
        uses = ["active"] + ["backup"] * (len(pins) - 1)
        entries = ", ".join(f'{{ pin = "{pin}", use = "{use}" }}' for pin, use in zip(pins, uses))
        return self.path(name, f"""[policy]
name = "acme"
environment = "{environment}"
version = {version}
expires = 2099-01-01
[[host]]
pattern = "api.example.com"
ports = [{lab.port()}]
pins = [{entries}]
""")

    def live(self, lab):
        return ["--connect-to", f"api.example.com:{lab.port()}:{lab.address()}", "--cacert", lab.file("root"), "--no-system-roots"]

    def publish(self, lab, *words, status=0, **fields):
        return self.repo("publish", self.policy(lab, **fields), *self.live(lab), *words, status=status)

    def serve(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(
            Folder, directory=os.path.join(self.repo_folder, "public")))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_address[1]}"

    def update(self, url, environment="staging", under=()):
        done = subprocess.run([*under, COTTER, "update", "--remote", url, "--state", self.path("state"), "--insecure-http", "--json",
                               "--environment", environment, "--root",
                               os.path.join(self.repo_folder, "public/metadata/1.root.json")],
                              capture_output=True, text=True, timeout=60, check=False)
        return json.loads(done.stdout)
