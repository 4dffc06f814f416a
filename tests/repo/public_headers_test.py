# SPDX-License-Identifier: Apache-2.0
"""Every public header compiles alone, without a warning, with nothing but include/ to be found; that of the C ABI as C
too."""

import concurrent.futures
import subprocess

from repo import ROOT, files, finish, name_of

WARNINGS = "-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Werror".split()


C_WARNINGS = "-Wall -Wextra -Wpedantic -Wstrict-prototypes -Werror".split()


def problem_in_c(header):
    source = f"#include <{header.relative_to(ROOT / 'include')}>\n"
    command = ["gcc", "-std=c11", "-fsyntax-only", *C_WARNINGS, "-I", ROOT / "include", "-x", "c", "-"]
    compiled = subprocess.run(command, input=source, capture_output=True, text=True)
    return compiled.returncode and f"{name_of(header)} is not C11:\n{compiled.stderr}"


def problem_of(header):
    if header.name == "cotter.h" and (problem := problem_in_c(header)):
        return problem
    source = f"#include <{header.relative_to(ROOT / 'include')}>\n"
    command = ["g++", "-std=c++20", "-fsyntax-only", *WARNINGS, "-I", ROOT / "include", "-x", "c++", "-"]
    compiled = subprocess.run(command, input=source, capture_output=True, text=True)
    return compiled.returncode and f"{name_of(header)} does not compile alone:\n{compiled.stderr}"


headers = list(files(".h", under="include/cotter"))
with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
    finish([problem for problem in pool.map(problem_of, headers) if problem], len(headers))
