# SPDX-License-Identifier: Apache-2.0
"""What the documents tell people to type works: every cotter command in a code block exists and has the options that
stand there, and every policy in one is read."""

import base64
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["COTTER_SOURCE_DIR"])
COTTER = os.environ["COTTER_BIN"]
COMMAND = re.compile(r"(?:^|\| |\$\()(?:\./run|cotter) ([a-z]+)\b([^|;&)#]*)")
problems = []
checked = 0


def documents():
    return [*SOURCE.glob("*.md"), *SOURCE.glob("docs/*.md"), *SOURCE.glob("docs/codes/*.md"), *SOURCE.glob("docs/runbooks/*.md")]


def code_blocks(text):
    """(language, lines) of each block, fenced or indented."""
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.M | re.S):
        yield language, block.splitlines()
    without = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for block in re.findall(r"(?:^ {4}.*\n(?:\n(?= {4}))?)+", without, flags=re.M):
        yield "", [line[4:] for line in block.splitlines()]


def help_of(command, known={}):  # noqa: B006: the cache is the point
    if command not in known:
        done = subprocess.run([COTTER, "help", command], capture_output=True, text=True, timeout=30, check=False)
        known[command] = done.stdout if done.returncode == 0 else None
    return known[command]


def check_line(name, line):
    global checked
    for command, rest in COMMAND.findall(re.sub(r"^\s*(\$ )?(sudo )?", "", line)):
        checked += 1
        text = help_of(command)
        if text is None:
            problems.append(f"{name}: no such command: {line}")
            continue
        for option in re.findall(r"(?<=\s)--[a-z][a-z-]*", rest):
            if not re.search(rf"^ .*{option}\b", text, flags=re.M):
                problems.append(f"{name}: {command} has no {option}: {line}")


def check_policy(name, text):
    global checked
    checked += 1
    pins = iter(range(1, 256))
    fresh = re.sub(r"sha256/(\.\.\.|…)", lambda _: "sha256/" + base64.b64encode(bytes(31) + bytes([next(pins)])).decode(), text)
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(fresh)
        file.flush()
        done = subprocess.run([COTTER, "policy", "show", "--policy", file.name], capture_output=True, text=True, timeout=30,
                              check=False)
    if done.returncode != 0:
        problems.append(f"{name}: a policy is not read: {done.stderr}")


def main():
    for path in documents():
        name = path.relative_to(SOURCE).as_posix()
        for _, lines in code_blocks(path.read_text()):
            for line in lines:
                check_line(name, line)
            if "[policy]" in lines:
                check_policy(name, "\n".join(lines))
    print("\n".join(problems) or f"{checked} commands and policies")
    sys.exit(1 if problems or checked < 10 else 0)


main()
