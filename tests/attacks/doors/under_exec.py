# SPDX-License-Identifier: Apache-2.0
"""What the doors around programs share: each request is one process under `cotter exec`, and what it says of the verdict
is in its audit file."""
import argparse
import atexit
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse

PATIENCE_SECONDS = 50  # below that of the table


class Unsupported(Exception):
    """The program cannot be asked for what an order says; the argument names it."""


class Outcome:
    """What one process came to: its exit code, its output, and the lines of its audit."""

    def __init__(self, done, audit):
        self.code, self.out, self.err, self.audit = done.returncode, done.stdout, done.stderr, audit


class Door:
    """The conversation with the table. `command(order, roots)` gives the program's words and its environment;
    `read(outcome)` gives (HTTP status or None, peer or None). `late(outcome)`: the program refused by itself, once the handshake was over."""

    def __init__(self, command, read, cannot, late=None):
        parser = argparse.ArgumentParser()
        parser.add_argument("--policy", required=True)
        parser.add_argument("--roots", required=True)
        parser.add_argument("--now")
        self._options = parser.parse_args()
        self._command, self._read, self._cannot, self._late = command, read, cannot, late
        self._folder = tempfile.TemporaryDirectory(prefix="cotter-exec-door-")

    def serve(self):
        for line in sys.stdin:
            order = json.loads(line)
            print(json.dumps(self._answer(order)), flush=True)
            if order["op"] == "quit":
                return

    def _answer(self, order):
        if order["op"] == "policy":
            self._options.policy = order["file"]  # each process takes what is in force when it starts
        if order["op"] != "get":
            return {"ok": True}
        for field in self._cannot:
            if order.get(field):
                return {"unsupported": field}
        try:
            return self._verdict(self._run(order))
        except Unsupported as unsupported:
            return {"unsupported": str(unsupported)}

    def _run(self, order):
        audit = pathlib.Path(self._folder.name) / "audit"
        audit.unlink(missing_ok=True)
        words, environment = self._command(order, self._options.roots)
        if self._options.now:
            words = ["faketime", f"@{self._options.now}", *words]
        binary = os.environ.get("COTTER_BIN") or os.path.join(os.environ["COTTER_BUILD_DIR"], "cotter")
        done = subprocess.run(
            [binary, "exec", "--policy", self._options.policy, "--audit", str(audit), "--audit-events", "all", "--", *words],
            capture_output=True, text=True, errors="replace", timeout=PATIENCE_SECONDS, check=False,
            env={**os.environ, "XDG_CACHE_HOME": self._folder.name, **environment})
        lines = audit.read_text().splitlines() if audit.exists() else []
        return Outcome(done, [json.loads(line) for line in lines])

    def _verdict(self, outcome):
        status, peer = self._read(outcome)
        answer = {"ok": False, "outcome": None, "code": None, "message": outcome.err[-2000:], "resumed": False,
                  "reused": False, "status": None, "peer": peer}
        if not outcome.audit:
            return {**answer, "code": "network_error"}
        # The last leg decides, unless one was refused: nothing goes on after that.
        refused = [line for line in outcome.audit if line["action"] == "refused"]
        line = refused[-1] if refused else outcome.audit[-1]
        answer["outcome"] = line["outcome"]
        answer["told"] = sum(one["action"] != "allowed" and one["outcome"] != "pki_error" for one in outcome.audit)
        if refused or status is None:
            answer["late"] = bool(self._late and self._late(outcome)) and not refused
            return {**answer, "code": line.get("code") or "tls_failed", "outcome": line["outcome"] if refused else None,
                    "message": line.get("message", outcome.err[-2000:])}
        return {**answer, "ok": True, "message": line.get("message", ""), "status": status}


def split(url):
    """(host as written, port, path)"""
    parts = urllib.parse.urlsplit(url)
    host = parts.netloc.rsplit(":", 1)[0]
    return host, parts.port, parts.path


def resolve(url, connect):
    """An environment in which the host of `url` has the address of `connect`; empty where that is not as simple as DNS."""
    host, port, _ = split(url)
    return name({host}, connect) if connect.endswith(f":{port}") and re.fullmatch(r"[a-z0-9.-]*[a-z]", host) else {}


def name(hosts_of_address, connect):
    """An environment in which these hosts have the address of `connect`."""
    address = connect.rsplit(":", 1)[0]
    hosts = pathlib.Path(tempfile.gettempdir()) / f"cotter-hosts-{os.getpid()}"
    hosts.write_text("".join(f"{address.strip('[]')} {host}\n" for host in hosts_of_address))
    atexit.register(hosts.unlink, missing_ok=True)
    return {"LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_HOSTS": str(hosts)}
