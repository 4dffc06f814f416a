# SPDX-License-Identifier: Apache-2.0
"""What must not stand in a file of this repository, each with its reason and what to write instead."""

import re

from repo import ROOT, code_only, files, finish, name_of

# (what, where, why and what instead). Matched against code without comments and literals.
BANNED = [
    (r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok)\s*\(", ".cc .h", "does not know the buffer's size; use std::string"),
    (r"\b(atoi|atol|atoll|atof|strtol|strtoul|strtoll|strtoull)\s*\(", ".cc .h",
     "takes signs, spaces, the locale and overflow; use std::from_chars and check that it read everything"),
    (r"\bstd::sto(i|l|ll|ul|ull|f|d|ld)\s*\(", ".cc .h", "throws, and takes trailing garbage; use std::from_chars"),
    (r"\bstd::regex\b|<regex>", ".cc .h", "recurses without bound on hostile input; write the scan"),
    (r"(?<![\w.>])(std::system|::system|system|popen)\s*\(", ".cc .h", "runs a shell; use posix_spawn with an argument list"),
    (r"\b(gmtime|localtime|asctime|ctime|mktime)(_r)?\s*\(", ".cc .h",
     "depends on the process's state or zone; use <cotter/time.h>"),
    (r"\b(std::rand|rand|srand)\s*\(", ".cc .h", "is predictable; pass randomness in, from RAND_bytes"),
    (r"(?<!operator )\bnew\b(?!\s*\()\s*[A-Za-z_:]", ".cc .h", "is a naked new; use std::make_unique or a container"),
    (r"(?<!= )(?<!operator )\bdelete\b(?!\s*;|\s*\()", ".cc .h", "is a naked delete; use std::unique_ptr"),
    (r"\b(malloc|calloc|realloc)\s*\(", ".cc .h", "use a container"),
    (r"\bconst_cast\s*<", ".cc .h", "hides who may write; change the type"),
    (r"\busing\s+namespace\b", ".h", "changes every file that includes the header; name what is used"),
    (r"\bstd::(ranges::)?views::|\bstd::ranges::(subrange|unique|remove|remove_if|partition|stable_partition|rotate|search|"
     r"search_n|find_end|equal_range)\b", ".cc .h",
     "does not compile with clang 14 and libstdc++ 12, for subrange; use the algorithm that takes iterators"),
    (r"\bassert\s*\(", ".cc .h", "is gone in a release; use COTTER_CHECK for bugs and Result for input"),
    (r"\bGTEST_SKIP\b|\bDISABLED_", ".cc .h", "a test that does not run proves nothing; fix it or delete it"),
    (r"\bsleep_for\s*\(|\bsleep_until\s*\(|\busleep\s*\(|(?<![\w.])sleep\s*\(", ".cc .h",
     "a sleep is a race; wait for the event, with a time-out"),
    (r"\btime\.sleep\s*\((?!0\.0\d+\))", ".py",
     "a sleep is a race; wait for the event, or where there is none, poll in steps below 0.1 up to a deadline"),
    (r"\bPROPERTIES\s+TIMEOUT\s+\d", ".txt .cmake", "is too short under a sanitizer; take it from cotter_time_out"),
]
# Words of any text file, in two halves here, so that this file does not name itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
ONE_MACHINE = re.compile(r"(?<![\w.])/(wo" r"rk|ro" r"ot|ho" r"me/\w+)/")

# A file of more lines is usually two; those that are data are not counted.
MAX_LINES = 500

CODE = (".h", ".cc", ".py", ".sh", ".cmake", "CMakeLists.txt", ".js")
TEXT = (*CODE, ".md", ".txt", ".toml", ".json", ".yml", "/run", "/test", "/check", ".clang-tidy", ".clang-format")


def is_code(path):
    return path.name.endswith(CODE) or (not path.suffix and path.read_bytes()[:2] == b"#!")


def problems_of_code(path, text):
    lines = text.splitlines()
    if "SPDX-License-Identifier: Apache-2.0" not in "".join(lines[: 2 if text.startswith("#!") else 1]):
        yield 1, "the first line names no licence; write SPDX-License-Identifier: Apache-2.0"
    if len(lines) > MAX_LINES:
        yield MAX_LINES, f"{len(lines)} lines, more than {MAX_LINES}; split it by concept"
    if path.suffix == ".h" and "\n#pragma once\n" not in text:
        yield 1, "a header without #pragma once"
    code = text
    if path.suffix in (".h", ".cc"):
        # What an owner takes at once is not naked; a private constructor can be called in no other way.
        code = re.sub(r"(_ptr<[^;]*?\()new\b", r"\1   ", code_only(text))
    for pattern, where, why in BANNED:
        if path.suffix and path.suffix in where.split():
            for found in re.finditer(pattern, code):
                if name_of(path) != "tests/repo/lint_test.py":
                    yield code.count("\n", 0, found.start()) + 1, f"{found.group().strip()} {why}"


def problems_of_own_header(path, text):
    """The first include of src/ROOM/FILE.cc is "ROOM/FILE.h", which shows that the header compiles alone."""
    includes = re.findall(r'^#include [<"]([^>"]+)[>"]', text, re.MULTILINE)
    own = path.with_suffix(".h")
    if own.exists() and (not includes or not includes[0].endswith("/" + own.name)):
        yield 1, f"includes {own.name} not first"


def problems_of_words(text):
    for number, line in enumerate(text.splitlines(), 1):
        if found := UNFINISHED.search(line):
            yield number, f"{found.group()}: what is not built is not there; build it or open an issue"
        if found := ONE_MACHINE.search(line):
            yield number, f"{found.group()} is a path of one machine"


def problems_of_package_list(text):
    names = [line.split("\t")[0] for line in text.splitlines()]
    if names != sorted(set(names)):
        yield 1, "not sorted, or a name twice"
    for number, line in enumerate(text.splitlines(), 1):
        if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]+\t\S.*", line):
            yield number, "not NAME<TAB>WHY"


problems, checked = [], 0
for path in files():
    if not (path.as_posix().endswith(TEXT) or is_code(path)):
        continue
    checked += 1
    text = path.read_text(errors="replace")
    found = list(problems_of_words(text))
    if is_code(path):
        found += problems_of_code(path, text)
    if path.suffix == ".cc":
        found += problems_of_own_header(path, text)
    if path.parent == ROOT / "tools/packages":
        found += problems_of_package_list(text)
    problems += [f"{name_of(path)}:{line}: {problem}" for line, problem in found]
finish(problems, checked)
