# SPDX-License-Identifier: Apache-2.0
"""Every client of examples/ does what its first lines say: it talks to the pinned server, and to no other. And the lines of
the README are those of the example."""
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

SOURCE, BUILD = os.environ["COTTER_SOURCE_DIR"], os.environ["COTTER_BUILD_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
from lab import Lab  # noqa: E402

SECONDS = 60
# Example -> what it is given besides, and what it prints.
CLIENTS = {
    "openssl_client": ([], "\n\nhello\n"),
    "asio_client": ([], "\n\nhello\n"),
    "beast_http_client": ([], "hello\n"),
    "http_client": ([], "hello\n"),
    "beast_websocket_client": (["a message"], "hello\nhello\n"),
}


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.enterClassContext(cls.folder())
        cls.lab = cls.enterClassContext(Lab([], ["--identity", "rogue-leaf", "--append", "leaf,intermediate,root"]))
        cls.policy = cls.write_policy("policy.toml", 1, "leaf")
        cls.roots = os.path.join(cls.home, "roots.pem")
        with open(cls.roots, "w", encoding="ascii") as out:
            for name in ("root", "rogue-root"):
                with open(cls.lab.file(name), encoding="ascii") as pem:
                    out.write(pem.read())

    @classmethod
    def folder(cls):
        made = tempfile.TemporaryDirectory()
        cls.home = made.name
        return made

    @classmethod
    def write_policy(cls, name, version, pinned):
        """A policy file that appears in one step; its path."""
        path = os.path.join(cls.home, name)
        with open(path + ".new", "w", encoding="ascii") as out:
            out.write(f'[policy]\nname = "examples"\nversion = {version}\n[[host]]\npattern = "localhost"\n'
                      f'pins = [ {{ pin = "{cls.lab.pin(pinned)}", place = "leaf" }} ]\n')
        os.replace(path + ".new", path)
        return path

    def command(self, name, server, policy):
        more, _ = CLIENTS[name]
        return [os.path.join(BUILD, "examples", name), policy, self.roots, "localhost", str(self.lab.port(server)), *more]

    def run_client(self, name, server):
        return subprocess.run(self.command(name, server, self.policy), capture_output=True, text=True, timeout=SECONDS,
                              check=False)

    def test_each_talks_to_the_pinned_server(self):
        for name, (_, expected) in CLIENTS.items():
            with self.subTest(name):
                done = self.run_client(name, 0)
                self.assertEqual((done.returncode, done.stderr), (0, ""), done)
                self.assertTrue(done.stdout.endswith(expected), done)
                self.assertGreater(self.lab.settled()[0]["details"][-1]["application_bytes"], 0)

    def test_each_refuses_a_rogue_ca_that_the_machine_trusts(self):  # S1-02, S1-31, S3-53
        for name in CLIENTS:
            with self.subTest(name):
                done = self.run_client(name, 1)
                self.assertEqual((done.returncode, done.stdout), (1, ""), done)
                self.assertRegex(done.stderr, r"(^|\n)bad ssl pin detected, found pins: \[sha256/\S+ sha256/\S+\]\n$")
        record = self.lab.settled()[1]
        self.assertEqual(record["connections"], len(CLIENTS))
        self.assertEqual((record["handshakes_completed"], record["application_bytes"]), (0, 0))

    def test_a_client_that_waits_ends_when_its_policy_file_changes(self):  # S1-30
        silent = self.lab.serve("--fault", "silence", "--phase", "after-handshake", "--deadline", str(SECONDS * 1000))
        policy = self.write_policy("changing.toml", 1, "leaf")
        with subprocess.Popen(self.command("asio_client", silent, policy), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as waiting:
            try:
                deadline = time.monotonic() + SECONDS
                while self.lab.record()[silent]["application_bytes"] == 0 and time.monotonic() < deadline:
                    time.sleep(0.02)
                self.write_policy("changing.toml", 2, "backup")
                _, error = waiting.communicate(timeout=SECONDS)
            finally:
                waiting.kill()
        self.assertEqual(waiting.returncode, 1)
        self.assertTrue(error.startswith("bad ssl pin detected, found pins: ["), error)

    def test_every_example_is_tried(self):
        programs = [name.removesuffix(".cc") for name in os.listdir(os.path.join(SOURCE, "examples")) if name.endswith(".cc")]
        self.assertEqual(sorted(programs), sorted(CLIENTS))

    def test_the_lines_of_the_readme_are_those_of_the_example(self):
        with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as file:
            shown = re.search(r"```cpp\n(.*?)```", file.read(), re.DOTALL).group(1)
        with open(os.path.join(SOURCE, "examples/openssl_client.cc"), encoding="utf-8") as file:
            code = file.read()
        for part in shown.split("\n\n"):
            self.assertIn(textwrap.indent(part.rstrip("\n"), "  ") + "\n", code)


if __name__ == "__main__":
    unittest.main()
