# SPDX-License-Identifier: Apache-2.0
"""A policy of 10,000 rules is read, judged and asked; one of a million rules is refused at the first too many."""

import base64
import hashlib
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

BIN = os.environ["COTTER_BIN"]


def pin(text):
    return "sha256/" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def rules(count):
    for i in range(count):
        yield (
            f'\n[[host]]\npattern = "api{i}.example.com"\nports = [443]\nexpires = 2027-10-01\nowner = "ops"\npins = [\n'
            f'  {{ pin = "{pin(f"a{i}")}", place = "leaf", label = "key" }},\n'
            f'  {{ pin = "{pin(f"b{i}")}", use = "backup", label = "in the safe" }},\n'
            f'  {{ pin = "{pin(f"c{i}")}", place = "ca", label = "issuing CA" }},\n]\n'
        )


def run(*words):
    return subprocess.run([BIN, *words], capture_output=True, text=True, timeout=100, check=False)


def check(what, is_so):
    if not is_so:
        sys.exit(what)


with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "policy.toml"
    head = '[policy]\nenvironment = "production"\n'
    path.write_text(head + "".join(rules(10_000)))
    shown = run("policy", "show", "api9999.example.com", "--json", "--policy", path)
    check(shown.stderr, shown.returncode == 0)
    check("another rule", json.loads(shown.stdout)["applies"]["rule"] == "api9999.example.com")
    check("another line", json.loads(shown.stdout)["applies"]["line"] == 4 + 11 * 9999)
    linted = run("lint", "--at", "2026-11-20", "--json", path)
    check(linted.stdout[:1000], json.loads(linted.stdout) == {"findings": [], "errors": 0, "warnings": 0})
    # In KiB, of the largest child so far.
    check("more than 200 MiB", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss <= 200 * 1024)
    path.write_text(head + '[[host]]\npattern = "a.example"\nmode = "off"\n' * 1_000_000)
    for words in (["lint"], ["policy", "show", "--policy"]):
        refused = run(*words, path)
        check("too many rules were taken", refused.returncode == 2 and "policy.toml:300003:1: expected at most 100000" in refused.stderr)
        check("something was printed", not refused.stdout)
