# SPDX-License-Identifier: Apache-2.0
"""What must not compile, does not. Each tests/compile_fail/*.cc is compiled twice: as it stands, which must succeed, and
with COTTER_BAD_LINE defined, which must fail with the message that its line `// expect: REGEX` names."""

import re
import subprocess

from repo import ROOT, files, finish, name_of

FLAGS = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I", ROOT / "include"]


def compiled(source, *more):
    return subprocess.run(["g++", *FLAGS, *more, source], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})


problems, sources = [], list(files(".cc", under="tests/compile_fail"))
for source in sources:
    expected = re.search(r"// expect: (.*)", source.read_text()).group(1)
    good, bad = compiled(source), compiled(source, "-DCOTTER_BAD_LINE")
    if good.returncode:
        problems.append(f"{name_of(source)} does not compile without the bad line:\n{good.stderr}")
    if not bad.returncode:
        problems.append(f"{name_of(source)} compiles with the bad line")
    elif not re.search(expected, bad.stderr):
        problems.append(f"{name_of(source)} fails for another reason than {expected}:\n{bad.stderr}")
finish(problems, len(sources))
