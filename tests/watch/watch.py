# SPDX-License-Identifier: Apache-2.0
"""`cotter watch` at work, and receivers that write down what they are told: for the tests of this folder.

    with Lab([]) as lab, Receiver() as receiver, Watch(lab, sinks=[receiver.sink()]) as watch:
        lab.present(0, "rogue-leaf"), receiver.wait("pin_mismatch"), watch.metrics()
"""
import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.environ.get("COTTER_SOURCE_DIR", "."), "tests/support"))
from lab import Lab  # noqa: E402, F401

PATIENCE = 60  # seconds for anything that must happen, on a busy machine
HOST = "api.example.com"
PROGRAM = os.environ.get("COTTER_BIN", "build/debug/cotter")


def wait_for(what, condition, patience=PATIENCE):
    """Polls until the condition gives something true, and returns that."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen in {patience} s")


def policy_text(pins, host=HOST, version=1, more=""):
    """`pins` are (pin, use) or pins."""
    entries = ""
    for entry in pins:
        pin, use = entry if isinstance(entry, tuple) else (entry, "active")
        entries += f'  {{ pin = "{pin}", use = "{use}" }},\n'
    return (f'[policy]\nname = "test"\nversion = {version}\n\n[[host]]\npattern = "{host}"\n{more}'
            f'pins = [\n{entries}]\n')


def toml(tables, lists):
    """A configuration of tables and of arrays of tables."""
    text = ""
    for name, keys in tables.items():
        text += f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items()) + "\n"
    for name, entries in lists.items():
        for entry in entries:
            text += f"[[{name}]]\n"
            for key, value in entry.items():
                # A date stands as it is.
                text += f"{key} = {value[1:] if isinstance(value, str) and value.startswith('@') else json.dumps(value)}\n"
            text += "\n"
    return text


def stop_process(process):
    if process.poll() is None:
        process.kill()
    process.wait()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def fetch(url, data=None):
    """(status, body) of a request."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


# Rules hold at once in tests, but where the time itself is tested.
def at_once(*alerts):
    return [{"alert": alert, "for": 0} for alert in alerts]


QUICK = at_once("pin_mismatch", "pki_error", "unreachable", "cdn_difference", "vantage_disagreement", "vantage_stale",
                "renewal_overdue", "no_live_backup", "backup_unproven", "unexpected_intermediate", "alert_undelivered")


class Watch:
    """One `cotter watch`. Servers are `targets`, HOST:PORT each, found on 127.0.0.1."""

    def __init__(self, policy, roots, targets, *, sinks=(), rules=QUICK, tables=None, lists=None, group=None, arguments=(),
                 command=(), environment=None, start=True):
        self._folder = tempfile.TemporaryDirectory(prefix="cotter-watch-")
        self.dir = pathlib.Path(self._folder.name)
        self.policy = self.dir / "policy.toml"
        self.policy.write_text(policy)
        self.tables = {"watch": {"policy": "policy.toml", "state": "state"}, "admin": {"listen": "127.0.0.1:0"},
                       "trust": {"system_roots": False, "files": list(roots)}}
        for name, keys in (tables or {}).items():
            self.tables[name] = {**self.tables.get(name, {}), **keys}
        self.lists = {"group": [{"name": "test", "hosts": list(targets), "addresses": ["127.0.0.1"], "interval": 1,
                                 "other_keys": False, **(group or {})}],
                      "rule": list(rules), "sink": list(sinks), **(lists or {})}
        self.config = self.dir / "watch.toml"
        self.write()
        self._command = command
        self._arguments = arguments
        self._environment = {**os.environ, **(environment or {})}
        self.log = []
        self.process = None
        if start:
            self.start()

    def write(self):
        self.config.write_text(toml(self.tables, self.lists))

    def start(self):
        self.log = []
        self.process = subprocess.Popen(
            # It ends with the test, however that ends.
            ["setpriv", "--pdeathsig", "KILL", *self._command, PROGRAM, "watch", "--config", str(self.config),
             *self._arguments],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=self._environment)
        self._reader = threading.Thread(target=self._read_log, args=(self.process.stderr, self.log), daemon=True)
        self._reader.start()
        wait_for("the start", lambda: self.events("ready") or self.process.poll() is not None)
        if not self.events("ready"):
            raise AssertionError(f"watch did not start: {self.log}")

    def _read_log(self, stream, log):
        for line in stream:
            try:
                log.append(json.loads(line))
            except ValueError:
                log.append({"event": "text", "text": line.decode(errors="replace")})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self._folder.cleanup()

    def kill(self):
        if self.process is not None:
            stop_process(self.process)
            self._reader.join(PATIENCE)
            self.process.stderr.close()
            self.process = None

    def stop(self):
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(PATIENCE)
        self.kill()
        return status

    def reload(self):
        """SIGHUP; whether the new configuration was taken."""
        done = [len(self.events(name)) for name in ("reloaded", "reload_failed")]
        self.process.send_signal(signal.SIGHUP)
        wait_for("the reload", lambda: [len(self.events(name)) for name in ("reloaded", "reload_failed")] != done)
        return len(self.events("reloaded")) > done[0]

    def events(self, name):
        return [event for event in list(self.log) if event.get("event") == name]

    def alerts(self, code):
        return [event for event in self.events("alert") if event["alert"] == code]

    def wait(self, code):
        return wait_for(f"the alert {code}; so far {[e.get('alert') for e in self.events('alert')]}",
                        lambda: self.alerts(code))[-1]

    def wait_resolved(self, code):
        return wait_for(f"the end of {code}",
                        lambda: [e for e in self.events("alert_resolved") if e["alert"] == code])[-1]

    def address(self, page="admin"):
        return next(event["address"] for event in reversed(self.events("listening")) if event["page"] == page)

    def page(self, path):
        return fetch(f"http://{self.address()}{path}")

    def metrics(self):
        """The samples of /metrics, by name with labels."""
        return samples(self.page("/metrics")[1])

    def looks(self):
        return self.metrics()["cotter_looks_total"]

    def wait_looks(self, more=2):
        begun = self.looks()
        wait_for("more looks", lambda: self.looks() >= begun + more)


def samples(text):
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in text.splitlines() if line and not line.startswith("#")}


class Receiver:
    """An HTTP server that keeps every POST. `answers` are the statuses to give, the last one for ever."""

    def __init__(self, answers=(200,), port=0):
        self.requests = []
        self.answers = list(answers)
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
                if status == 200:
                    receiver.requests.append({"path": self.path, "headers": dict(self.headers), "body": body})
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def sink(self, **keys):
        return {"type": "webhook", "url": f"http://127.0.0.1:{self.port}/hook", **keys}

    def told_bodies(self):
        return [json.loads(request["body"]) for request in list(self.requests)]

    def told(self):
        return [json.loads(request["body"]) for request in list(self.requests)]

    def wait(self, alert, status="firing"):
        return wait_for(f"{alert} {status} at the receiver, told {self.told()}",
                        lambda: [one for one in self.told() if one["alert"] == alert and one["status"] == status])[-1]
