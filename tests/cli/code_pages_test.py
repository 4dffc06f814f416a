# SPDX-License-Identifier: Apache-2.0
"""S0-25: every code has a page with its three sections, no page is without a code, and pages are short and current."""

import json
import os
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(os.environ["COTTER_SOURCE_DIR"])
PAGES = SOURCE / "docs/codes"
SECTIONS = ["What happened", "How to find out why", "What to do"]
# A page is read at night: longer than a screen and a half, nobody finds the command in it.
MOST_LINES = 45


def cotter(*words):
    return subprocess.run([os.environ["COTTER_BIN"], *words], capture_output=True, text=True, check=True).stdout


def page_problems(code, summary):
    path = PAGES / f"{code}.md"
    if not path.exists():
        return [f"{code} has no page"]
    text = path.read_text()
    lines = text.splitlines()
    problems = []
    if lines[0] != f"# {code}":
        problems.append("its first line is not its code")
    headings = [line[3:] for line in lines if line.startswith("## ")]
    if headings != SECTIONS:
        problems.append(f"sections are {headings}")
    for body in re.split(r"^## .*$", text, flags=re.M)[1:]:
        if len(body.split()) < 4:
            problems.append("a section says next to nothing")
    if len(lines) > MOST_LINES:
        problems.append(f"{len(lines)} lines")
    for line in lines:
        if len(line) > 100 and not line.startswith("    "):
            problems.append(f"longer than 100 columns: {line}")
    for target in re.findall(r"\]\(([^)]*)\)", text):
        if not (PAGES / target).exists():
            problems.append(f"no such page: {target}")
    shown = cotter("explain", code)
    if not shown.startswith(f"{code}: {summary}\n") or not all(f"\n{title}\n" in shown for title in SECTIONS):
        problems.append("explain does not show all of it")
    return [f"{code}: {problem}" for problem in problems]


def main():
    header = (SOURCE / "include/cotter/code.h").read_text()
    declared = re.findall(r"^  k(\w+),", header, flags=re.M)
    snake = {re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower() for name in declared}
    codes = json.loads(cotter("explain", "--list", "--json"))["codes"]
    problems = []
    if {code["code"] for code in codes} != snake:
        problems.append(f"the list is not that of code.h: {snake ^ {code['code'] for code in codes}}")
    for code in codes:
        problems += page_problems(code["code"], code["summary"])
    orphans = {path.stem for path in PAGES.iterdir()} - snake
    problems += [f"{name}: a page without a code" for name in sorted(orphans)]
    print("\n".join(problems) or f"{len(codes)} pages")
    sys.exit(1 if problems or not codes else 0)


main()
