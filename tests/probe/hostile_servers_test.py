# SPDX-License-Identifier: Apache-2.0
"""`cotter pins` on every server of the lab that misbehaves: it ends within its time, with the right code, prints no pin,
and its memory is that of a look at a server that behaves."""
import concurrent.futures
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/support"))
from lab import Lab  # noqa: E402

COTTER = os.environ["COTTER_BIN"]
PROTOCOLS = ("smtp", "imap", "pop3", "ftp", "xmpp", "postgres", "mysql", "ldap")
FAULTS = ("silence", "close", "half-close", "reset", "garbage", "plain-http", "endless")
NETWORK = {"connect_timeout", "connection_closed", "not_tls", "tls_failed", "starttls_refused"}
# A handshake may read 384 KiB, which OpenSSL, its parsed certificates and our copy hold a few times over.
EXTRA_MEMORY_KIB = 16 * 1024
TIMEOUT_SECONDS = 1
PARALLEL = 8  # looks at once: they mostly wait
PATIENCE_SECONDS = 30  # the servers would wait longer: only cotter's own end is in time


class Run:
    """One run of cotter with its peak memory."""

    def __init__(self, *arguments):
        begun = time.monotonic()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            # A sanitizer keeps freed memory for a while; that is not the program's.
            environment = os.environ | {"ASAN_OPTIONS": "quarantine_size_mb=1"}
            process = subprocess.Popen([COTTER, *arguments], stdout=out, stderr=err, env=environment)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = self.code = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            self.stdout, self.stderr = out.read().decode(), err.read().decode()
        self.seconds = time.monotonic() - begun
        self.peak_kib = usage.ru_maxrss


class HostileServers(unittest.TestCase):
    def look(self, lab, server, *options, timeout=TIMEOUT_SECONDS):
        return Run("pins", "--json", "--no-system-roots", "--cacert", lab.file("root"), "--timeout", str(timeout),
                   "--connect-to", lab.address(server), *options, "api.example.com")

    def look_at_all(self, lab, options):
        """The looks at servers 1, 2, …, each with its options."""
        with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
            return list(pool.map(lambda pair: self.look(lab, pair[0], *pair[1]), enumerate(options, start=1)))

    def check(self, run, usual_kib, codes, exits=(3,)):
        self.assertIn(run.code, exits, run.stderr)
        target = json.loads(run.stdout)["targets"][0]
        self.assertIn(target["error"]["code"], codes)
        self.assertEqual(target["certificates"], [])
        self.assertNotIn("sha256/", run.stdout)
        self.assertLess(run.seconds, PATIENCE_SECONDS)
        self.assertLess(run.peak_kib, usual_kib + EXTRA_MEMORY_KIB)
        # One line says what and where.
        self.assertRegex(run.stderr.splitlines()[0], r"^cotter: error: api\.example\.com:\d+: ")

    def test_every_fault_in_every_phase(self):
        cases = list(itertools.product(FAULTS, ("on-accept", "mid-handshake")))
        knobs = [["--fault", fault, "--phase", phase, "--deadline", "60000"] for fault, phase in cases]
        with Lab([], *knobs) as lab:
            sound = self.look(lab, 0)
            self.assertEqual(sound.code, 0, sound.stderr)
            for (fault, phase), run in zip(cases, self.look_at_all(lab, [[] for _ in cases])):
                with self.subTest(fault=fault, phase=phase):
                    self.check(run, sound.peak_kib, NETWORK)

    def test_every_protocol_refused_injected_and_silent(self):
        cases = [(protocol, conduct) for protocol in PROTOCOLS for conduct in
                 (["--starttls-conduct", "refused"], ["--starttls-conduct", "injected"],
                  ["--fault", "silence", "--phase", "before-tls"], ["--fault", "endless"])]
        with Lab([], *(["--starttls", protocol, "--deadline", "60000", *conduct] for protocol, conduct in cases)) as lab:
            usual = self.look(lab, 0).peak_kib
            runs = self.look_at_all(lab, [["--starttls", protocol] for protocol, _ in cases])
            for (protocol, conduct), run in zip(cases, runs):
                with self.subTest(protocol=protocol, conduct=conduct):
                    self.check(run, usual, NETWORK)
                    if "refused" in conduct:
                        self.assertIn("starttls_refused", run.stdout)
            for record in lab.record()[1:]:
                self.assertEqual(record["handshakes_completed"], 0)

    def test_too_many_certificates(self):
        with Lab([], ["--pad", "20"], ["--pad", "20", "--max-tls", "1.2"], ["--pad", "10000"]) as lab:
            usual = self.look(lab, 0).peak_kib
            for server in (1, 2, 3):
                run = self.look(lab, server, timeout=PATIENCE_SECONDS)
                self.check(run, usual, {"chain_too_long"}, exits=(1, 3))

    def test_a_dribbling_server(self):
        with Lab([], ["--dribble", "50", "--deadline", "60000"]) as lab:
            self.check(self.look(lab, 1), self.look(lab, 0).peak_kib, {"connect_timeout"})


if __name__ == "__main__":
    unittest.main()
