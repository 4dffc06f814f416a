# SPDX-License-Identifier: Apache-2.0
"""The lab for tests in Python: certificates and misbehaving servers, by cotter_lab_server.

    with Lab(["--identity", "rogue-leaf"], ["--fault", "silence"]) as lab:
        lab.port(0), lab.file("root"), lab.pin("leaf"), lab.settled()[0]["handshakes_completed"]

Run `cotter_lab_server --help` for the knobs. A script adds this folder to sys.path first.
"""
import json
import os
import select
import subprocess
import tempfile

ANSWER_SECONDS = 20  # how long the lab may take for an answer, on a busy machine


class Lab:
    """Servers that live as long as the with statement; each argument is one server's knobs."""

    def __init__(self, *servers, world=(), program=None):
        build = os.environ.get("COTTER_BUILD_DIR", "build/debug")
        self._program = program or os.path.join(build, "tests/lab/cotter_lab_server")
        self._arguments = [*world]
        for knobs in servers:
            self._arguments += ["--server", *knobs]

    def __enter__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="cotter-lab-")
        self.dir = self._directory.name
        self._process = subprocess.Popen(
            [self._program, "--dir", self.dir, *self._arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._buffer = b""
        try:
            self.facts = self._answer()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        try:
            self._process.wait(ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._directory.cleanup()

    def address(self, server=0):
        """HOST:PORT of a server."""
        return self.facts["servers"][server]["authority"]

    def port(self, server=0):
        return self.facts["servers"][server]["port"]

    def file(self, name, kind="pem"):
        """The path of an identity's pem, chain.pem or key, or of leaf's csr or pub."""
        return os.path.join(self.dir, f"{name}.{kind}")

    def pin(self, name):
        """sha256/... of an identity's key, by OpenSSL's own encoding of it."""
        return self.facts["pins"][name]

    def record(self):
        """What clients did so far: one object a server."""
        return self._ask("record")["servers"]

    def settled(self):
        """The record once every connection is over: what a test of a finished client asks for."""
        return self._ask("settle")["servers"]

    def present(self, server, name, chain=None):
        """Shows another identity from now on; chain is a list of names."""
        self._ask(" ".join(["present", str(server), name, *([",".join(chain)] if chain else [])]))

    def serve(self, *knobs):
        """Starts one more server; its number."""
        self.facts["servers"].append(self._ask("serve " + json.dumps(knobs)))
        return len(self.facts["servers"]) - 1

    def _ask(self, command):
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self):
        while b"\n" not in self._buffer:
            readable, _, _ = select.select([self._process.stdout], [], [], ANSWER_SECONDS)
            part = os.read(self._process.stdout.fileno(), 1 << 20) if readable else b""
            if not part:
                raise RuntimeError("cotter_lab_server did not answer")
            self._buffer += part
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)
