# SPDX-License-Identifier: Apache-2.0
"""docs/requirements.md is what tools/requirements.py makes of the tests as they stand."""

import subprocess
import sys

from repo import ROOT

sys.exit(subprocess.run(["/usr/bin/python3", "-B", ROOT / "tools/requirements.py", "--check"]).returncode)
