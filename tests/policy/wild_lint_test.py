# SPDX-License-Identifier: Apache-2.0
"""Lint over real configurations that people labelled by hand. The table is held against docs/lint-yield.md."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

BIN = os.environ["COTTER_BIN"]
DATA = pathlib.Path(os.environ["COTTER_TESTDATA"])
PAGE = pathlib.Path(os.environ["COTTER_SOURCE_DIR"]) / "docs/lint-yield.md"
PIN_CODES = {"pin_placeholder", "pin_malformed", "pin_wrong_length", "pin_empty_input"}
NOW = "2026-11-20"


def lint(path):
    run = subprocess.run(
        [BIN, "lint", "--json", "--at", NOW, path], capture_output=True, text=True, timeout=60, check=False
    )
    return run.returncode, json.loads(run.stdout)["findings"] if run.stdout else None


class Tally:
    def __init__(self):
        self.labelled = self.found = self.sound = self.alarms = 0

    def add(self, is_bad, is_found):
        self.labelled += is_bad
        self.found += is_bad and is_found
        self.sound += not is_bad
        self.alarms += not is_bad and is_found

    def row(self, what):
        return f"| {what} | {self.labelled} | {self.found} | {self.sound} | {self.alarms} |"


pins_of_files, expired, single, strings = Tally(), Tally(), Tally(), Tally()
problems = []
for entry in json.loads((DATA / "wild-manifest.json").read_text()):
    entry.setdefault("lint", [])
    folder = "nsc" if entry["kind"] == "nsc" else "plist"
    path = DATA / folder / "wild" / entry["file"]
    code, findings = lint(path)
    if findings is None:
        problems.append(f"{path.name}: lint ended with {code} and found nothing to print")
        continue
    bad = sum(name != "ok" for rule in entry["lint"] for name in rule["classes"])
    good = sum(name == "ok" for rule in entry["lint"] for name in rule["classes"])
    told = sum(f["code"] in PIN_CODES for f in findings)
    for number in range(bad):
        pins_of_files.add(True, number < told)
    for number in range(good):
        pins_of_files.add(False, number < told - bad)
    for rule in entry["lint"]:
        host = rule["domains"][0]
        mine = [f["code"] for f in findings if f["rule"] and f["rule"].removeprefix("**.") == host]
        if rule["valid"]:
            expired.add(bool(rule["exp"]) and rule["exp"] < NOW, "pins_expired" in mine)
            single.add(rule["valid"] == 1, "single_pin" in mine)
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "policy.toml"
    for entry in json.loads((DATA / "pins/wild-pin-strings.json").read_text()):
        text = json.dumps(entry["pin"], ensure_ascii=False)
        path.write_text(f'[policy]\n[[host]]\npattern = "a.example"\npins = [{{ pin = {text} }}]\n')
        code, findings = lint(path)
        is_bad = entry["label"] not in ("ok", "known-ca")
        strings.add(is_bad, any(f["code"] in PIN_CODES for f in findings))

table = "\n".join(
    [
        "| what | labelled bad | found | labelled sound | false alarms |",
        "|---|---|---|---|---|",
        pins_of_files.row("pins in Android and iOS configurations"),
        expired.row("rules whose expiry has passed"),
        single.row("rules with one pin that can match"),
        strings.row("single pin strings from READMEs, code and configurations"),
    ]
)
print(table)
if table not in PAGE.read_text():
    problems.append(f"{PAGE.name} does not hold this table")
sys.exit("\n".join(problems) or 0)
