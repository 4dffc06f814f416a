# SPDX-License-Identifier: Apache-2.0
"""The systemd units: what systemd-analyze says of them, and that they name what exists."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

UNITS = pathlib.Path(os.environ.get("COTTER_SOURCE_DIR", ".")) / "packaging/systemd"


class Units(unittest.TestCase):
    def test_little_is_exposed(self):
        subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", UNITS / "cotter-gateway.service"],
                       check=True, stdout=subprocess.DEVNULL, timeout=60)

    def test_they_are_sound(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("cotter-gateway.service", "cotter-gateway.socket"):
                # The program is not installed where tests run.
                text = (UNITS / name).read_text().replace("/usr/bin/cotter", "/bin/true")
                (pathlib.Path(folder) / name).write_text(re.sub(r"(?m)^Documentation=.*\n", "", text))
            said = subprocess.run(["systemd-analyze", "verify", *pathlib.Path(folder).iterdir()], check=False,
                                  capture_output=True, text=True, timeout=60)
            self.assertNotIn("cotter-gateway", said.stderr)


if __name__ == "__main__":
    unittest.main()
