# SPDX-License-Identifier: Apache-2.0
"""What the doors "gateway_http" and "gateway_tcp" share: a program that cannot do TLS, and `cotter gateway` beside it.

The program speaks plain HTTP to a loopback port. A gateway is started for each server that a row names, because the server
is the configuration's choice; what came of its handshakes is read from its log."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

PATIENCE = 30


class Gateway:
    """One `cotter gateway` with two routes to one server: one that keeps connections, one that keeps none."""

    def __init__(self, policy, roots, mode, host, port, connect, certificate, key):
        self._folder = tempfile.TemporaryDirectory(prefix="cotter-gateway-door-")
        folder = pathlib.Path(self._folder.name)
        self._policy = folder / "policy.toml"
        self._policy.write_bytes(pathlib.Path(policy).read_bytes())
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        text = (f'[gateway]\npolicy = "policy.toml"\nlog_connections = true\n[trust]\nsystem_roots = false\n'
                f"files = [{json.dumps(roots)}]\n")
        for name, idle in (("keep", 8), ("fresh", 0)):
            text += (f'[[route]]\nname = "{name}"\nlisten = "127.0.0.1:0"\nmode = "{mode}"\nupstream = {json.dumps(authority)}\n'
                     f"addresses = [{json.dumps(connect)}]\n")
            if mode == "http":
                text += f"idle_connections = {idle}\n"
            if certificate:
                text += f"certificate = {json.dumps(certificate)}\nkey = {json.dumps(key)}\n"
        config = folder / "gateway.toml"
        config.write_text(text, encoding="utf-8")
        program = os.environ.get("COTTER_BIN") or os.path.join(os.environ["COTTER_BUILD_DIR"], "cotter")
        self._process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", program, "gateway", "--config", config], stdin=subprocess.DEVNULL,
                                         stderr=subprocess.PIPE)
        os.set_blocking(self._process.stderr.fileno(), False)
        self._log, self._rest = [], b""
        self.answered = 0  # lines of the log that earlier requests account for
        if not self._wait(lambda: self.events("ready")):
            raise RuntimeError(f"the gateway did not start: {self.log}")

    @property
    def log(self):
        """Every line so far. What the gateway wrote before it answered is there when the answer is."""
        while part := self._process.stderr.read():
            self._rest += part
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            try:
                self._log.append(json.loads(line))
            except ValueError:
                self._log.append({"event": "text", "text": line.decode(errors="replace")})
        return self._log

    @staticmethod
    def _wait(condition):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if found := condition():
                return found
            time.sleep(0.01)
        return None

    def events(self, *names):
        return [event for event in self.log if event.get("event") in names]

    def wait_for_event(self, after, *names):
        """The first event of these names behind the first `after` lines of the log."""
        found = self._wait(lambda: [event for event in self.log[after:] if event.get("event") in names])
        return found[0] if found else None

    @property
    def lines(self):
        return len(self.log)

    def port(self, route):
        event = next(event for event in self.events("listening") if event["route"] == route)
        return int(event["address"].rsplit(":", 1)[1])

    def set_policy(self, path):
        before = self.lines
        # It follows the file; SIGHUP would read the trust again, too, and close what was judged by it.
        self._policy.write_bytes(pathlib.Path(path).read_bytes())
        event = self.wait_for_event(before, "policy", "policy_failed")
        return event is not None and event["event"] == "policy"

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stderr.close()
        self._folder.cleanup()


def read_response(connection):
    """Status and body of a response; status is None where the connection ended before it was whole."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(1 << 16)
        if not part:
            return None, b""
        data += part
    head, body = data.split(b"\r\n\r\n", 1)
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    while part_missing(body, length):
        part = connection.recv(1 << 16)
        if not part:
            break
        body += part
    return int(head.split()[1]), body


def part_missing(body, length):
    return length is None or len(body) < int(length.group(1))


class Door:
    """Answers the orders of a row."""

    CANNOT = ("follow", "proxy", "load_session")

    def __init__(self, mode, arguments):
        self._mode = mode
        words = dict(zip(arguments[::2], arguments[1::2]))
        self._policy, self._roots = words["--policy"], words["--roots"]
        self._gateways = {}
        self._kept = {}  # of TCP mode: the program's own connection

    def run(self):
        for line in sys.stdin:
            order = json.loads(line)
            print(json.dumps(self._answer(order)), flush=True)
            if order["op"] == "quit":
                return

    def _answer(self, order):
        if order["op"] == "get":
            for field in self.CANNOT:
                if order.get(field):
                    return {"unsupported": field}
            return self._get(order)
        if order["op"] == "policy":
            self._policy = order["file"]
            return {"ok": all([gateway.set_policy(self._policy) for gateway in self._gateways.values()])}
        self._stop()
        return {"ok": True}

    def _stop(self):
        for connection in self._kept.values():
            connection.close()
        self._kept.clear()
        for gateway in self._gateways.values():
            gateway.stop()
        self._gateways.clear()

    def _gateway(self, key):
        if key not in self._gateways:
            self._gateways[key] = Gateway(self._policy, self._roots, self._mode, *key)
        return self._gateways[key]

    def _get(self, order):
        authority = re.match(r"https://(\[[^\]]*\]|[^/:]*):(\d+)(/.*)", order["url"])
        host, port, path = authority.group(1).strip("[]"), int(authority.group(2)), authority.group(3)
        key = (host, port, order["connect"], order.get("cert"), order.get("key"))
        answer = {"ok": False, "outcome": None, "code": None, "message": "", "resumed": False, "reused": False,
                  "status": None, "peer": None}
        try:
            gateway = self._gateway(key)
        except RuntimeError as error:
            return {**answer, "code": "config_invalid", "message": str(error)}
        fields = "".join(f"{name}: {value}\r\n" for name, value in (order.get("headers") or {}).items())
        if not order.get("keep"):
            fields += "Connection: close\r\n"
        # In HTTP mode the gateway names the server; bytes pass as they are.
        name = "localhost" if self._mode == "http" else f"[{host}]" if ":" in host else host
        request = f"GET {path} HTTP/1.1\r\nHost: {name}\r\n{fields}\r\n".encode()
        before = gateway.answered
        kept = key in self._kept or bool(order.get("keep"))
        status, body = self._exchange(gateway, key, request, kept)
        if not order.get("keep") and key in self._kept:
            self._kept.pop(key).close()
        gateway.answered = gateway.lines
        refused = status is None or (status in (502, 504) and b'"error"' in body)
        if refused:
            return self._refusal(gateway, before, body, answer)
        opened = [event for event in gateway.events("upstream_connected")]
        new = [event for event in gateway.log[before:] if event.get("event") == "upstream_connected"]
        return {**answer, "ok": True, "status": status, "outcome": opened[-1]["outcome"], "reused": not new,
                "resumed": bool(new and new[-1].get("resumed")), "peer": order["connect"]}

    def _exchange(self, gateway, key, request, kept):
        port = gateway.port("keep" if kept else "fresh")
        connection = self._kept.pop(key, None)
        try:
            # A refusal may come as a reset of a connection that is only just there.
            connection = connection or socket.create_connection(("127.0.0.1", port), PATIENCE)
            connection.sendall(request)
            status, body = read_response(connection)
        except OSError:
            status, body = None, b""
        if kept and status is not None:
            self._kept[key] = connection
        elif connection is not None:
            connection.close()
        return status, body

    @staticmethod
    def _refusal(gateway, before, body, answer):
        # What was refused is in the log before the program is answered; a connection that was lost later is not.
        causes = ("upstream_failed", "violation", "connection_judged")
        failed = [one for one in gateway.log[before:] if one.get("event") in causes]
        if not failed:
            return {**answer, "code": "connection_closed", "message": body.decode(errors="replace")}
        event = failed[0]
        violations = [one for one in gateway.log[before:] if one.get("event") == "violation"]
        outcome = violations[-1]["outcome"] if violations else None
        return {**answer, "code": event["code"].lower(), "message": event["message"], "outcome": outcome}


def main(mode):
    Door(mode, sys.argv[1:]).run()
