# SPDX-License-Identifier: Apache-2.0
"""Thousands of looks at once that nobody answers: descriptors and memory are bounded, and where the system gives fewer
descriptors, fewer looks are open at once. bench/run scan does it with 10,000."""
import json
import os
import pathlib
import resource
import socket
import subprocess
import tempfile
import time
import unittest

COTTER = os.environ["COTTER_BIN"]
OPEN = 2000
LOOK_KIB = 64
PATIENCE_SECONDS = 60


class OpenLooks(unittest.TestCase):
    def setUp(self):
        # Connections pile up on it, and nobody accepts them.
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(4096)
        self.port = self.listener.getsockname()[1]

    def tearDown(self):
        self.listener.close()

    def start(self, count, descriptors, *options):
        with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as listed:
            listed.write("".join(f"h{i}.example.com:{self.port}\n" for i in range(count)))
        self.addCleanup(os.unlink, listed.name)
        arguments = [COTTER, "scan", "--quick", "--no-system-roots", "--cacert", self.root(), "--format", "ndjson", "--list",
                     listed.name, "--resolve", f"*:{self.port}:127.0.0.1", *options]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=lambda: (
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))))
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        return process

    def root(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-keyout", "key", "-out", "root", "-subj", "/CN=x"], cwd=folder, check=True, capture_output=True)
            kept = tempfile.NamedTemporaryFile(suffix=".pem", delete=False)
            kept.write(pathlib.Path(folder, "root").read_bytes())
            kept.close()
        self.addCleanup(os.unlink, kept.name)
        return kept.name

    @staticmethod
    def state(process):
        """Open descriptors and KiB in memory."""
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        return len(os.listdir(f"/proc/{process.pid}/fd")), int(status.split("VmRSS:")[1].split()[0])

    def wait_open(self, process, wanted):
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end and process.poll() is None:
            descriptors, memory = self.state(process)
            if descriptors >= wanted:
                return descriptors, memory
        self.fail(f"never had {wanted} looks open")
        return None

    def test_each_look_takes_one_descriptor_and_little_memory(self):
        _, base = self.wait_open(self.start(1, 1024, "--timeout", "60"), 6)
        many = self.start(OPEN, 1024 + OPEN, "--at-once", str(OPEN), "--timeout", "60")
        descriptors, memory = self.wait_open(many, OPEN)
        self.assertLessEqual(descriptors, 1024 + OPEN)
        self.assertLessEqual((memory - base) / OPEN, LOOK_KIB)

    def test_fewer_descriptors_are_fewer_looks_at_once(self):
        process = self.start(300, 164, "--at-once", "1000", "--timeout", "0.5")
        rows, talk = process.communicate(timeout=PATIENCE_SECONDS)
        self.assertIn("only 100 connections at once", talk)
        answers = [json.loads(line) for line in rows.splitlines()]
        self.assertEqual(len(answers), 300)
        # None of them failed for want of a descriptor.
        self.assertEqual({one["code"] for one in answers}, {"connect_timeout"})


if __name__ == "__main__":
    unittest.main()
