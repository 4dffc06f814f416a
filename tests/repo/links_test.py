# SPDX-License-Identifier: Apache-2.0
"""Every link from a Markdown file to a place in this repository leads somewhere, to its heading as well; and each
decision has a number of its own, which its heading says too."""

import re

from repo import ROOT, files, finish, name_of

LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|^\[[^\]\n]+\]:\s+(\S+)", re.MULTILINE)


def anchors(text):
    """The names that a Markdown viewer gives the headings of `text`."""
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


problems, checked = [], 0
for path in files(".md"):
    text = re.sub(r"```.*?```|`[^`\n]*`", lambda found: "\n" * found.group().count("\n"), path.read_text(), flags=re.DOTALL)
    for found in LINK.finditer(text):
        target = found.group(1) or found.group(2)
        if re.match(r"[a-z]+:", target):
            continue
        checked += 1
        place, _, anchor = target.partition("#")
        file = (path.parent / place).resolve() if place else path
        line = text.count("\n", 0, found.start()) + 1
        if not file.exists() or ROOT.resolve() not in [file, *file.parents]:
            problems.append(f"{name_of(path)}:{line}: {target} leads nowhere in this repository")
        elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text()):
            problems.append(f"{name_of(path)}:{line}: {target}: no such heading")
numbers = {}
for path in sorted((ROOT / "docs/adr").glob("*.md")):
    checked += 1
    number = int(path.name.split("-")[0])
    if number in numbers:
        problems.append(f"{name_of(path)}:1: number {number} is that of {name_of(numbers[number])}; take the next free one")
    if not path.read_text().startswith(f"# {number}. "):
        problems.append(f"{name_of(path)}:1: expected the heading \"# {number}. ...\"")
    numbers[number] = path
finish(problems, checked)
