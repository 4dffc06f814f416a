# SPDX-License-Identifier: Apache-2.0
"""Runs one file of cases/: a promise of the command line, and commands that show that it is kept.

    # The promise, in a sentence.

    ! openssl genpkey -algorithm ed25519 -out key.pem
    $ cotter pins --bare key.pem | cmp - wanted
    exit 0
    out the exact next line of standard output
    out~ a regular expression for the whole of the next line
    out... any lines from here on
    err, err~, err... the same for standard error

"!" prepares: it must succeed, and its output does not matter. "$" runs a command in bash, with this build's cotter
first in PATH, in an empty folder of its own. What follows is all that may come: without "out" lines, nothing may be
printed; without "exit", it is 0. Nothing of the environment but PATH and the fixtures' needs is passed on.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

SECONDS = 30  # for one command, on a busy machine


class Step:
    def __init__(self, number, command, prepares):
        self.number, self.command, self.prepares = number, command, prepares
        self.exit = 0
        self.expected = {"out": [], "err": []}


def read(path):
    steps = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word in ("!", "$"):
            steps.append(Step(number, rest, word == "!"))
        elif word == "exit":
            steps[-1].exit = int(rest)
        elif match := re.fullmatch(r"(out|err)(~|\.\.\.|)", word):
            steps[-1].expected[match[1]].append((match[2], rest))
        else:
            sys.exit(f"{path.name}:{number}: not a step or an expectation: {line}")
    return steps


def difference(name, expected, text):
    """What is wrong with the output `text`, or None."""
    lines = text.splitlines()
    for kind, rest in expected:
        if kind == "...":
            return None
        if not lines:
            return f"{name}: missing: {rest}"
        line = lines.pop(0)
        same = re.fullmatch(rest, line) if kind == "~" else line == rest
        if not same:
            return f"{name}: expected: {rest}\n{name}: but it is: {line!r}"
    return f"{name}: unexpected: {lines[0]!r}" if lines else None


def run(step, folder, environment):
    done = subprocess.run(
        ["bash", "-c", step.command], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
        timeout=SECONDS, check=False)
    out, err = (text.decode(errors="surrogateescape") for text in (done.stdout, done.stderr))
    if step.prepares:
        return None if done.returncode == 0 else f"preparing failed with {done.returncode}: {err}"
    if done.returncode != step.exit:
        return f"exit {done.returncode}, expected {step.exit}\n{out}{err}"
    return difference("out", step.expected["out"], out) or difference("err", step.expected["err"], err)


def main(path):
    program = pathlib.Path(os.environ["COTTER_BIN"]).resolve()
    steps = read(path)
    if not any(not step.prepares for step in steps) or not path.read_text().startswith("# "):
        sys.exit(f"{path.name}: needs a promise in its first line, and a command")
    with tempfile.TemporaryDirectory(prefix="cotter-case-") as folder:
        environment = {"PATH": f"{program.parent}:{os.environ['PATH']}", "HOME": folder, "LC_ALL": "C.UTF-8"}
        for step in steps:
            if problem := run(step, folder, environment):
                sys.exit(f"{path.name}:{step.number}: {step.command}\n{problem}")
    print(f"{len(steps)} steps")


main(pathlib.Path(sys.argv[1]))
