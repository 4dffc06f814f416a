# SPDX-License-Identifier: Apache-2.0
"""Every invariant of ARCHITECTURE.md names a test that holds it, and every test it names is there."""

import re
import subprocess

from repo import BUILD, ROOT, finish

listed = subprocess.run(["ctest", "--test-dir", BUILD, "-N"], check=True, capture_output=True, text=True).stdout
tests = set(re.findall(r"Test +#\d+: (\S+)", listed))

problems = []
invariants = re.findall(r"^\*\*Invariant\.\*\*.*?(?=\n\n)", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE | re.DOTALL)
for invariant in invariants:
    named = re.findall(r"`([a-z_]+/[\w./]+)`", invariant)
    held = [name for name in named if not (ROOT / name).exists()]
    if not held:
        problems.append(f"no test holds: {invariant}")
    problems += [f"there is no test {name}, which is to hold: {invariant}" for name in held if name not in tests]
finish(problems, len(invariants))
