# SPDX-License-Identifier: Apache-2.0
"""What the tests of the repository share: where it is, its files, and how a test ends."""

import os
import pathlib
import re
import sys

ROOT = pathlib.Path(os.environ.get("COTTER_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("COTTER_BUILD_DIR", ROOT / "build/debug"))

_NOT_OURS = {".git", "build", "__pycache__", "node_modules"}


def files(*suffixes, under=""):
    """Every file of the repository below `under` with one of the suffixes (all files without any), sorted."""
    for folder, folders, names in os.walk(ROOT / under):
        folders[:] = sorted(name for name in folders if name not in _NOT_OURS)
        for name in sorted(names):
            if not suffixes or name.endswith(suffixes):
                yield pathlib.Path(folder) / name


def name_of(path):
    """The path as people write it, from the root of the repository."""
    return path.relative_to(ROOT).as_posix()


_LITERALS = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'""", re.DOTALL
)


def code_only(text):
    """C++ `text` with comments and literals blanked out; the lines keep their numbers."""
    return _LITERALS.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def finish(problems, checked):
    """Ends the test: prints the problems, and fails when there is one or when nothing was `checked`."""
    for problem in problems:
        print(problem)
    print(f"{checked} checked, {len(problems)} wrong")
    sys.exit(1 if problems or not checked else 0)
