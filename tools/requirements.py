#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/requirements.md: each requirement, and the tests that show it.

  tools/requirements.py          writes the file
  tools/requirements.py --check  fails when the file is not what would be written

Tests name ids as S1-22 in a comment or S1_22 in a name. What an id asks for stands in tools/requirements.toml.
"""

import collections
import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/requirements.md"
WORDS = ROOT / "tools/requirements.toml"
ID = re.compile(r"\bS([0-3])[-_](\d\d)(?=\D|$)|(?<=[A-Za-z_])S([0-3])_(\d\d)(?=\D|$)")

# How a test begins, by the ending of its file. A comment at the margin speaks of the test below it; the comment that
# opens a file speaks of the whole file, as does every other mention outside a test.
TEST = {
    ".cc": re.compile(r"^(?:TEST|TEST_F|TEST_P|TYPED_TEST)\(\s*(\w+),\s*(\w+)\s*\)", re.MULTILINE),
    ".py": re.compile(r"^ *def (test_)(\w+)\(", re.MULTILINE),
}

HEAD = """# Requirements and the tests that show them

Made by `tools/requirements.py` from the ids that tests name; do not edit.

| id | what | shown by |
|---|---|---|
"""


def test_at(text, tests, position):
    """The test of `tests` that a mention at `position` belongs to; None for the whole file."""
    if position < len(text) - len(text.split("\n\n", 1)[-1]):
        return None  # in the first paragraph
    line = text[text.rfind("\n", 0, position) + 1 : position]
    if re.match(r"//|#", line):
        return next((test for test in tests if test.start() > position), None)
    return next((test for test in reversed(tests) if test.start() <= position), None)


def mentions():
    """Pairs of an id and the test that names it."""
    for path in sorted((ROOT / "tests").rglob("*")):
        if not path.is_file() or path.suffix not in (".cc", ".py", ".sh", ".toml", ".txt", ".test"):
            continue
        text = path.read_text(errors="replace")
        name = path.relative_to(ROOT).as_posix()
        tests = list(TEST[path.suffix].finditer(text)) if path.suffix in TEST else []
        for found in ID.finditer(text):
            first, second = found.group(1) or found.group(3), found.group(2) or found.group(4)
            test = test_at(text, tests, found.start())
            shown = "" if test is None else " " + ("." if path.suffix == ".cc" else "").join(test.groups())
            yield f"S{first}-{second}", f"{name}{shown}"


def page():
    """The text of docs/requirements.md."""
    words = tomllib.loads(WORDS.read_text())
    shown = collections.defaultdict(list)
    for requirement, test in mentions():
        if test not in shown[requirement]:
            shown[requirement].append(test)
    if unknown := sorted(set(shown) - set(words)):
        sys.exit(f"tests name {', '.join(unknown)}: give each a line in tools/requirements.toml")
    if unshown := sorted(set(words) - set(shown)):
        print(f"no test names {', '.join(unshown)}", file=sys.stderr)
    rows = (f"| {one} | {words[one]} | {'<br>'.join(f'`{test}`' for test in sorted(shown[one]))} |" for one in sorted(shown))
    return HEAD + "\n".join(rows) + "\n"


if sys.argv[1:] == ["--check"]:
    if not PAGE.exists() or PAGE.read_text() != page():
        sys.exit("docs/requirements.md is not current: run tools/requirements.py")
elif not sys.argv[1:]:
    PAGE.write_text(page())
else:
    sys.exit(__doc__)
