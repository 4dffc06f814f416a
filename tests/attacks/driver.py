# SPDX-License-Identifier: Apache-2.0
"""The other end of a door program: starts it and asks it, one line of JSON for one."""
import json
import os
import select
import subprocess
import sys
import tempfile

ANSWER_SECONDS = 60  # a door's own patience is shorter; this is for a machine that is busy
ERROR_TAIL = 2000


def command_of(name):
    """How the door is started: doors/NAME_door.py, .js, or what was built of NAME_door.cc; or one of controls/."""
    for folder in ("doors", "controls"):
        for ending, interpreter in ((".py", [sys.executable, "-B"]), (".js", ["node"])):
            script = os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/attacks", folder, f"{name}_door{ending}")
            if os.path.exists(script):
                return [*interpreter, script]
    return [os.path.join(os.environ["COTTER_BUILD_DIR"], "tests/attacks", f"{name}_door")]


class Driver:
    """One running door program."""

    def __init__(self, name, policy, roots, now=None):
        words = [*command_of(name), "--policy", policy, "--roots", roots]
        if now is not None:
            words += ["--now", str(now)]
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)
        self._buffer = b""

    def ask(self, **order):
        line = json.dumps(order).encode() + b"\n"
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise AssertionError(f"the door ended: {self._said()}") from error
        while b"\n" not in self._buffer:
            readable, _, _ = select.select([self._process.stdout], [], [], ANSWER_SECONDS)
            part = os.read(self._process.stdout.fileno(), 1 << 16) if readable else b""
            assert part, f"no answer to {line!r}: {self._said()}"
            self._buffer += part
        answer, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(answer)

    def quit(self):
        """Ends the door; it must end well."""
        self.ask(op="quit")
        self._process.stdin.close()
        status = self._process.wait(ANSWER_SECONDS)
        assert status == 0, f"the door ended with {status}: {self._said()}"

    def kill(self):
        """Ends a door that may be anywhere."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            try:
                stream.close()
            except BrokenPipeError:
                continue

    def _said(self):
        self._errors.seek(0)
        return self._errors.read()[-ERROR_TAIL:].decode(errors="replace")
