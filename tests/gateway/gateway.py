# SPDX-License-Identifier: Apache-2.0
"""A gateway at work, and servers that write down what reaches them: for the tests of this folder.

    with Lab(["--identity", "leaf"]) as lab, Gateway(lab, [{"upstream": ..., "addresses": [...]}]) as gateway:
        gateway.port(0), gateway.events("violation"), gateway.metrics()
"""
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.environ.get("COTTER_SOURCE_DIR", "."), "tests/support"))
from lab import Lab  # noqa: E402

PATIENCE = 30  # seconds for anything that must happen, on a busy machine
HOST = "api.example.com"


def wait_for(what, condition, patience=PATIENCE):
    """Polls until the condition gives something true, and returns that."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen in {patience} s")


def free_port():
    """A port that nobody listens on at the moment, for a test whose gateway must not choose."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return unused.getsockname()[1]


def policy_text(pins, host=HOST, mode="enforce", version=1, place="any"):
    entries = "".join(f'  {{ pin = "{pin}", place = "{place}" }},\n' for pin in pins)
    return (f'[policy]\nname = "test"\nversion = {version}\n\n[[host]]\npattern = "{host}"\n'
            f'mode = "{mode}"\npins = [\n{entries}]\n')


def toml_value(value):
    return json.dumps(value)


class Gateway:
    """One `cotter gateway`. `routes` are dictionaries of a route's keys; listen is any free port where none is given."""

    def __init__(self, policy, roots, routes, *, tables=None, arguments=(), environment=None, program=None, start=True):
        self._folder = tempfile.TemporaryDirectory(prefix="cotter-gateway-")
        self.dir = pathlib.Path(self._folder.name)
        self.policy = self.dir / "policy.toml"
        self.policy.write_text(policy)
        self._roots = list(roots)
        self.config = self.dir / "gateway.toml"
        self.configure(routes, tables)
        self._program = program or os.environ.get("COTTER_BIN", "build/debug/cotter")
        self._arguments = arguments
        self._environment = {**os.environ, **(environment or {})}
        self.log = []
        self.process = self._reader = None
        if start:
            self.start()

    def configure(self, routes, tables=None):
        """Writes the configuration."""
        tables = {"gateway": {"policy": "policy.toml"}, "admin": {"listen": "127.0.0.1:0"},
                  "trust": {"system_roots": False, "files": self._roots}, **(tables or {})}
        text = ""
        for name, keys in tables.items():
            text += f"[{name}]\n" + "".join(f"{key} = {toml_value(value)}\n" for key, value in keys.items()) + "\n"
        for number, route in enumerate(routes):
            route = {"name": f"r{number}", "listen": "127.0.0.1:0", **route}
            text += "[[route]]\n" + "".join(f"{key} = {toml_value(value)}\n" for key, value in route.items()) + "\n"
        self.config.write_text(text)

    def start(self):
        self.log.clear()
        self.process = subprocess.Popen(
            # It ends with the test, however that ends.
            ["setpriv", "--pdeathsig", "KILL", self._program, "gateway", "--config", str(self.config), *self._arguments],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=self._environment)
        self._reader = threading.Thread(target=self._read_log, args=(self.process.stderr,), daemon=True)
        self._reader.start()
        wait_for("the gateway's start", lambda: self.events("ready") or self.process.poll() is not None)
        if not self.events("ready"):
            raise AssertionError(f"the gateway did not start: {self.log}")

    def _read_log(self, stream):
        for line in stream:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.log.append({"event": "text", "text": line.decode(errors="replace")})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self._folder.cleanup()

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.process.wait()
            if self._reader is not None:
                self._reader.join(PATIENCE)
                self.process.stderr.close()
            self.process = None

    def stop(self, patience=PATIENCE):
        """SIGTERM, and the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience)

    def reload(self):
        before = len(self.events("reloaded")) + len(self.events("reload_failed"))
        self.process.send_signal(signal.SIGHUP)
        wait_for("the reload", lambda: len(self.events("reloaded")) + len(self.events("reload_failed")) > before)

    def log_since_reload(self, name):
        """The events of that name that are the outcome of the last reload."""
        outcomes = [event for event in list(self.log) if event.get("event") in ("reloaded", "reload_failed")]
        return [event for event in outcomes[-1:] if event["event"] == name]

    def events(self, name):
        return [event for event in list(self.log) if event.get("event") == name]

    def address(self, route=0):
        name = route if isinstance(route, str) else f"r{route}"
        return next(event["address"] for event in reversed(self.events("listening")) if event["route"] == name)

    def port(self, route=0):
        return int(self.address(route).rsplit(":", 1)[1])

    def connect(self, route=0, timeout=PATIENCE):
        return socket.create_connection(("127.0.0.1", self.port(route)), timeout)

    def admin(self, path):
        """Status and body of a path of the admin socket."""
        with socket.create_connection(("127.0.0.1", self.port("admin")), PATIENCE) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            answer = read_all(connection)
        head, body = answer.split(b"\r\n\r\n", 1)
        return int(head.split()[1]), body.decode()

    def metrics(self):
        """The samples of /metrics, by name with labels."""
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in self.admin("/metrics")[1].splitlines() if not line.startswith("#")}


def read_all(connection):
    """Everything until the other side ends."""
    parts = []
    while part := connection.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def read_head(connection, buffered=b""):
    while b"\r\n\r\n" not in buffered:
        part = connection.recv(1 << 16)
        if not part:
            return buffered, b""
        buffered += part
    head, rest = buffered.split(b"\r\n\r\n", 1)
    return head + b"\r\n\r\n", rest


def read_response(connection, buffered=b"", method="GET"):
    """(status, head, body, what follows) of one response with a length, chunks or until the end."""
    head, rest = read_head(connection, buffered)
    if not head:
        return None, b"", b"", b""
    status = int(head.split()[1])
    lower = head.lower()
    if method == "HEAD" or status in (204, 304) or status < 200:
        return status, head, b"", rest
    if b"transfer-encoding: chunked" in lower:
        body = b""
        while True:
            while b"\r\n" not in rest:
                rest += connection.recv(1 << 16)
            size, rest = rest.split(b"\r\n", 1)
            size = int(size, 16)
            while len(rest) < size + 2:
                rest += connection.recv(1 << 16)
            body += rest[:size]
            rest = rest[size + 2:]
            if size == 0:
                return status, head, body, rest
    if b"content-length:" in lower:
        length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
        while len(rest) < length:
            part = connection.recv(1 << 16)
            if not part:
                raise AssertionError("the response was cut")
            rest += part
        return status, head, rest[:length], rest[length:]
    while part := connection.recv(1 << 16):
        rest += part
    return status, head, rest, b""


class Upstream:
    """A TLS server in Python. `serve(connection, record)` gets each connection; record.data is what was received."""

    class Record:
        def __init__(self):
            self.data = b""
            self.error = None
            self.ended = False

    def __init__(self, lab, serve, identity="leaf", *, strict_ends=False):
        self._strict_ends = strict_ends  # an end without close_notify is an error of recv, not an end
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(lab.file(identity, "chain.pem"), lab.file(identity, "key"))
        self._context.set_alpn_protocols(["http/1.1"])
        if strict_ends:
            self._context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self.records = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def route(self, **keys):
        return {"upstream": f"{HOST}:443", "addresses": [f"127.0.0.1:{self.port}"], **keys}

    def _accept(self):
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            record = Upstream.Record()
            self.records.append(record)
            threading.Thread(target=self._one, args=(raw, record), daemon=True).start()

    def _one(self, raw, record):
        raw.settimeout(PATIENCE)
        try:
            with self._context.wrap_socket(raw, server_side=True,
                                           suppress_ragged_eofs=not self._strict_ends) as connection:
                self._serve(connection, record)
        except (OSError, ValueError) as error:
            record.error = repr(error)
        finally:
            record.ended = True
            raw.close()

    @property
    def data(self):
        return b"".join(record.data for record in list(self.records))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()


def receive(connection, record):
    part = connection.recv(1 << 16)
    record.data += part
    return part


def echo(connection, record):
    while part := receive(connection, record):
        connection.sendall(part)


def serve_http(connection, record):
    """Answers each request with its own head and body length; a strict little reader of what the gateway sends."""
    buffered = b""
    while True:
        while b"\r\n\r\n" not in buffered:
            part = receive(connection, record)
            if not part:
                return
            buffered += part
        head, buffered = buffered.split(b"\r\n\r\n", 1)
        lower = head.lower() + b"\r\n"
        body = b""
        if b"transfer-encoding: chunked" in lower:
            while True:
                while b"\r\n" not in buffered:
                    buffered += receive(connection, record)
                size, buffered = buffered.split(b"\r\n", 1)
                size = int(size, 16)
                while len(buffered) < size + 2:
                    buffered += receive(connection, record)
                body += buffered[:size]
                buffered = buffered[size + 2:]
                if size == 0:
                    break
        elif b"content-length:" in lower:
            length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
            while len(buffered) < length:
                part = receive(connection, record)
                if not part:
                    return
                buffered += part
            body, buffered = buffered[:length], buffered[length:]
        answer = head + b"\r\n\r\n" + str(len(body)).encode()
        reply = b"HTTP/1.1 200 OK\r\nContent-Length: " + str(len(answer)).encode() + b"\r\n\r\n"
        if not head.startswith(b"HEAD "):
            reply += answer
        connection.sendall(reply)
