# SPDX-License-Identifier: Apache-2.0
"""The core asks nothing of the world: no I/O, clock, environment, threads or exceptions of its own.

Reads what the linker reads: every undefined symbol of libcotter_core.a must be on the list of core_symbols.txt. It also
holds no data that could change: nothing of the library lies in a writable section.
"""

import re
import subprocess

from repo import BUILD, ROOT, finish

LIBRARY = BUILD / "libcotter_core.a"
lines = (ROOT / "tests/repo/core_symbols.txt").read_text().splitlines()
allowed = re.compile("|".join(f"(?:{line.split(chr(9))[0]})" for line in lines if not line.startswith("#")))
WRITABLE = re.compile(r"\.(data|bss|tdata|tbss)(?!\.rel\.ro)")
MADE_BY_THE_COMPILER = re.compile(r"\.|DW\.ref\.|__(asan|ubsan|tsan|gcov)|\*\.L")

problems, checked = [], 0
table = subprocess.run(["objdump", "--syms", "--demangle", LIBRARY], check=True, capture_output=True, text=True).stdout
for line in table.splitlines():
    found = re.match(r"[0-9a-f]{16} .{7} (\S+)\s+[0-9a-f]{16} (?:\.hidden )?(.+)", line)
    if not found:
        continue
    section, symbol = found.groups()
    checked += 1
    if section == "*UND*" and not allowed.fullmatch(symbol):
        problems.append(f"core wants {symbol}: pass the answer in, or give core_symbols.txt a line with the reason")
    if WRITABLE.match(section) and not MADE_BY_THE_COMPILER.match(symbol):
        problems.append(f"core holds {symbol} in writable memory: make it constexpr")
finish(problems, checked)
