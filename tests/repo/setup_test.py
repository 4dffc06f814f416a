# SPDX-License-Identifier: Apache-2.0
"""S1-04: one step installs cotter. ./run and ./test install what is missing and nothing else, and say so.

Runs a copy of ./run whose world is a folder of stand-ins for dpkg-query, apt-get, cmake and the like, each of which
notes how it was called.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from repo import ROOT

BUILDING = "cotter: building (release), which takes minutes; how far it is: build/logs/build-release.log\n"
STAND_IN = '#!/bin/sh\necho "$(basename "$0") $*" >>"$CALLS"\n'
BUILD = """#!/bin/sh
echo "cmake $*" >>"$CALLS"
mkdir -p "$CHECKOUT/build/release"
[ "$1" = --build ] || exit 0
printf '#!/bin/sh\\necho "cotter $*"; cat\\n' >"$CHECKOUT/build/release/cotter"
chmod +x "$CHECKOUT/build/release/cotter"
"""


class Setup(unittest.TestCase):
    def setUp(self):
        self.home = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.checkout, self.bin, self.calls = self.home / "checkout", self.home / "bin", self.home / "calls"
        for name in ("run", "tools/setup.sh", "tools/packages/build.txt", "CMakePresets.json"):
            (self.checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.checkout / name)
        self.bin.mkdir()
        for name in ("apt-get", "sudo", "tee", "chmod", "rm", "dpkg", "env"):
            self.program(name, STAND_IN)
        self.program("cmake", BUILD.replace("chmod", "/bin/chmod"))
        self.program("sudo", '#!/bin/sh\n[ "$1" = -- ] && shift\nexec "$@"\n')
        self.program("env", '#!/bin/sh\nwhile case $1 in *=*) : ;; *) false ;; esac; do shift; done\nexec "$@"\n')
        self.packages = [line.split("\t") for line in (ROOT / "tools/packages/build.txt").read_text().splitlines()]

    def program(self, name, text):
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def run_it(self, *arguments, missing=(), text="", **more):
        installed = "".join(f"{name}/installed\n" for name, _ in self.packages if name not in missing)
        self.program("dpkg-query", f"#!/bin/sh\ncat <<'END'\n{installed}END\n")
        self.calls.write_text("")
        env = {"PATH": f"{self.bin}:/usr/bin:/bin", "CALLS": str(self.calls), "CHECKOUT": str(self.checkout), **more}
        return subprocess.run(["/bin/bash", self.checkout / "run", *arguments], env=env, input=text, capture_output=True,
                              text=True, timeout=60)

    def test_nothing_missing_asks_apt_nothing(self):
        done = self.run_it("pins", "-", text="through")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "cotter pins -\nthrough", BUILDING))
        self.assertNotIn("apt-get", self.calls.read_text())

    def test_without_arguments_it_is_the_demo(self):
        self.assertEqual(self.run_it().stdout, "cotter demo\n")

    def test_the_second_run_does_not_configure(self):
        self.run_it()
        self.assertIn("--preset release", self.calls.read_text())
        self.assertEqual(self.run_it().stderr, "")
        self.assertNotIn("--preset", self.calls.read_text())

    def test_what_is_missing_is_named_and_installed_without_removals(self):
        name, why = self.packages[0]
        done = self.run_it("version", missing=[name])
        self.assertEqual((done.returncode, done.stdout), (0, "cotter version\n"))
        self.assertIn(f"cotter:   {name}: {why}\n", done.stderr)
        calls = self.calls.read_text().splitlines()
        self.assertIn("apt-get update", calls)
        self.assertIn(f"apt-get install -y --no-install-recommends --no-remove {name}", calls)

    def test_a_failed_install_shows_why_and_runs_nothing(self):
        self.program("apt-get", '#!/bin/sh\necho "E: no space"\nexit 100\n')
        done = self.run_it(missing=[self.packages[0][0]])
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("E: no space", done.stderr)

    def test_a_failed_build_shows_why_and_runs_nothing(self):
        self.program("cmake", '#!/bin/sh\necho "x.cc:1: error: broken"\nexit 1\n')
        done = self.run_it()
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("error: broken", done.stderr)

    def test_packages_can_be_left_alone(self):
        done = self.run_it("version", missing=[self.packages[0][0]], COTTER_SKIP_PACKAGES="1")
        self.assertEqual((done.returncode, done.stderr), (0, BUILDING))
        self.assertNotIn("apt-get", self.calls.read_text())


if __name__ == "__main__":
    sys.exit(not unittest.main(exit=False).result.wasSuccessful())
