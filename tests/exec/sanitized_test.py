# SPDX-License-Identifier: Apache-2.0
"""The preload library with a sanitizer in it, in programs that have none: python3, wget, git, openssl, and the clients that
try to get around it. The sanitizer's runtime is preloaded first. What a program does must be what it does without a
sanitizer, and the sanitizer must have said nothing. (Debian's curl hangs below ASan, its wget below TSan, without cotter
too.)"""
import os
import pathlib
import subprocess
import sys

import robustness_test as robustness
from stage import COTTER, Stage

BUILD = pathlib.Path(os.environ["COTTER_BUILD_DIR"])
LIBRARY = BUILD / "sanitized/libcotter-preload.so"
SECONDS = 120
FOUND = 66  # the exit code of what a sanitizer ends
GOOD, ROGUE, ANONYMOUS, PSK, EARLY, FORGED = range(6)
SERVERS = [[], ["--identity", "rogue-leaf"], ["--authentication", "anonymous"],
           ["--authentication", "psk", "--psk", "lab:01020304", "--max-tls", "1.2"], ["--identity", "rogue-leaf"],
           ["--identity", "forged"]]


def runtime():
    """The sanitizer that the library asks for."""
    dynamic = subprocess.run(["readelf", "-d", LIBRARY], check=True, capture_output=True, text=True).stdout
    name = next(name for name in ("libasan.so", "libtsan.so") if name in dynamic)
    path = subprocess.run(["gcc", f"-print-file-name={name}"], check=True, capture_output=True, text=True).stdout.strip()
    return os.path.realpath(path)


class Sanitized:
    def __init__(self, stage):
        self._reports = stage.dir / "sanitizer"
        compiled = stage.dir / "compiled"
        subprocess.run([COTTER, "policy", "compile", "-p", stage.policy, "-o", str(compiled)], check=True, timeout=SECONDS)
        compiled.chmod(0o600)
        # What a program or its libraries leave at the end is not ours, and Python takes memory in ways of its own.
        options = f"exitcode={FOUND}:log_path={self._reports}"
        self._environment = {
            **stage.environment, "LD_PRELOAD": f"{runtime()}:{LIBRARY}", "COTTER_EXEC_POLICY": str(compiled),
            "COTTER_EXEC_OPTIONS": "audit-all", "COTTER_EXEC_AUDIT": str(stage.dir / "audit"), "PYTHONMALLOC": "malloc",
            "ASAN_OPTIONS": f"{options}:detect_leaks=0:verify_asan_link_order=0", "UBSAN_OPTIONS": options,
            "TSAN_OPTIONS": f"{options}:ignore_noninstrumented_modules=1:report_signal_unsafe=0"}

    def run(self, words):
        return subprocess.run(words, env=self._environment, capture_output=True, text=True, errors="replace",
                              timeout=SECONDS, check=False)

    def said(self):
        folder = self._reports.parent
        return "\n".join(path.read_text(errors="replace")[:4000] for path in folder.glob(f"{self._reports.name}*"))


def main():
    with Stage(*SERVERS) as stage:
        stage.pin(("root", "ca"))
        sanitized = Sanitized(stage)
        rogue, good = str(stage.lab.port(ROGUE)), str(stage.lab.port(GOOD))
        programs = {"fork": robustness.FORKS, "fork while threads connect": robustness.FORKS_LATER,
                    "close all descriptors": robustness.CLOSES, "many threads": robustness.THREADS,
                    "memory buffers": robustness.MEMORY, "a library of its own handle": robustness.CTYPES}
        for what, program in programs.items():
            done = sanitized.run([robustness.PYTHON, "-c", program, rogue, stage.roots, good])
            stage.check(done.returncode == 9, f"python3: {what}", done)
        clients = {"callback": (ROGUE,), "store": (FORGED, stage.roots), "anonymous": (ANONYMOUS, "bio"), "psk": (PSK,),
                   "early": (EARLY,), "again": (ROGUE, good, "bio")}
        for mode, (server, *more) in clients.items():
            done = sanitized.run([robustness.CLIENT, str(stage.lab.port(server)), mode, *more])
            stage.check(done.returncode == 1, f"the stubborn client: {mode}", done)
        for server, code in ((GOOD, 0), (ROGUE, 4)):
            if "asan" in runtime():
                done = sanitized.run(["wget", "-q", "-O", "-", "--no-hsts", f"--ca-certificate={stage.roots}", stage.url(server)])
                stage.check(done.returncode == code, f"wget: {server}", done)
            done = sanitized.run(["openssl", "s_client", "-CAfile", stage.roots, "-connect", f"localhost:{stage.lab.port(server)}"])
            stage.check((done.returncode == 0) == (code == 0), f"openssl: {server}", done)
        done = sanitized.run([robustness.EARLY_CLIENT, rogue, stage.roots])
        stage.check(done.returncode not in (0, FOUND), "a client of GnuTLS", done)
        said = sanitized.said()
        stage.check(not said, f"the sanitizer said:\n{said}")
        return stage.finish()


if __name__ == "__main__":
    sys.exit(main())
