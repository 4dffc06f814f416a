# SPDX-License-Identifier: Apache-2.0
"""S1-04: one step from a checkout to a working program: ./run, from any folder, is cotter."""

import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

with tempfile.TemporaryDirectory() as elsewhere:
    done = subprocess.run([ROOT / "run", "version"], cwd=elsewhere, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=600, check=False)
wrong = []
if done.returncode != 0:
    wrong.append(f"./run version ended with {done.returncode}: {done.stderr}")
if not done.stdout.startswith("cotter "):
    wrong.append(f"stdout belongs to the program alone, but began {done.stdout[:80]!r}")
if not os.access(ROOT / "build/release/cotter", os.X_OK):
    wrong.append("there is no build/release/cotter")
print(*wrong, sep="\n")
sys.exit(1 if wrong else 0)
