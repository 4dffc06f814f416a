# SPDX-License-Identifier: Apache-2.0
"""One row of the table on one door: the door's answers, and the servers that judge them.

Each request carries a secret header. The door says whether it was allowed; the servers say what they received, and the
two must agree: every allowed request brought the secret exactly once, a refused one brought nothing at all."""
import itertools
import os
import re

from driver import Driver

HOST = "api.example.com"
CANARY = "Bearer canary-3f9c"
BAD_PIN = re.compile(r"bad ssl pin detected, found pins: \[sha256/\S{44}( sha256/\S{44})*\]")
VIOLATIONS = ("pin_mismatch", "revoked", "unlisted_refused", "port_refused", "search_bound")
ALLOWED = ("pinned_ok", "reported", "not_pinned")

# A key that nobody has: what a policy pins after a change, and the backup in the safe.
NOBODY = "sha256/Tm9ib2R5IGhhcyB0aGlzIGtleSwgbm90IGV2ZW4gdXM="
IN_THE_SAFE = "sha256/VGhlIGtleSBpbiB0aGUgc2FmZSwgbmV2ZXIgc2VydmU="


class Unsupported(Exception):
    """The door has no notion of what the row needs; the argument names the field."""


class Trial:
    """What a row works with: servers, a policy, a door, and what came of each request."""

    def __init__(self, stage, column):
        self.stage = stage
        self.column = column
        self.words = []  # what came of each request, for the table
        self._numbers = itertools.count()
        self._folder = stage.folder()
        self._driver = None
        self._policy = self._roots = None
        self._expected = {}  # server -> what its record must say
        self._last_message = ""

    # --- servers -----------------------------------------------------------------------------------------------------

    def serve(self, *knobs):
        """Starts a server of the lab, by cotter_lab_server's knobs; its number."""
        server = self.stage.lab.serve(*knobs, *self.column.serve)
        self._expected[server] = {"canaries": 0, "completed": 0, "resumed": 0}
        return server

    def by_daemon(self):
        """Says that the row's servers are not, or not alone, the lab's."""
        if self.column.serve:
            self._refuse_unsupported("daemon")

    def port(self, server):
        return self.stage.lab.port(server)

    def pin(self, name, place="any", use="active"):
        """A pin of an identity, or of a sha256/... text, as the policy file has it."""
        text = name if name.startswith("sha256/") else self.stage.lab.pin(name)
        return f'{{ pin = "{text}", place = "{place}", use = "{use}" }}'

    # --- policy ------------------------------------------------------------------------------------------------------

    def rule(self, *pins, host=HOST, **keys):
        """One [[host]]; pins are names of identities or what pin() made, keys are the policy file's own."""
        made = [pin if pin.startswith("{") else self.pin(pin) for pin in pins]
        made.append(self.pin(IN_THE_SAFE, use="backup"))
        lines = [f'[[host]]\npattern = "{host}"\npins = [{", ".join(made)}]']
        for key, value in keys.items():
            lines.append(f"{key} = {value}")
        return "\n".join(lines)

    def write_policy(self, *rules, unlisted="pki", revoked=(), expires=None):
        path = os.path.join(self._folder, f"policy-{next(self._numbers)}.toml")
        with open(path, "w", encoding="utf-8") as out:
            out.write(f'[policy]\nname = "attacks"\nversion = {next(self._numbers) + 1}\nunlisted = "{unlisted}"\n')
            if expires:
                out.write(f"expires = {expires}\n")
            if revoked:
                keys = ", ".join(f'"{self.stage.lab.pin(name)}"' for name in revoked)
                out.write(f"revoked = [{keys}]\n")
            out.write("\n".join(rules) + "\n")
        return path

    def policy(self, *rules, **keys):
        """The policy in force: at the door's start, or from now on."""
        self._policy = self.write_policy(*rules, **keys)
        if self._driver is not None:
            answer = self._driver.ask(op="policy", file=self._policy)
            self._supported(answer)
            assert answer["ok"], answer

    def trust(self, *names, files=()):
        """The roots that are trusted, by name; "root" and "rogue-root" unless a row says otherwise."""
        self._roots = os.path.join(self._folder, "roots.pem")
        with open(self._roots, "w", encoding="ascii") as bundle:
            for path in [*(self.stage.lab.file(name) for name in names), *files]:
                with open(path, encoding="ascii") as pem:
                    bundle.write(pem.read())

    # --- requests ----------------------------------------------------------------------------------------------------

    def get(self, server, host=HOST, path="/", port=None, connect=None, ends_at=None, **fields):
        """One request to a lab server (None: to `port` or `connect`, of a server that keeps no record for us). `ends_at`
        is the server that the last redirect leads to."""
        if server is None:
            self.by_daemon()
        if server is not None:
            port, connect = port or self.port(server), connect or self.stage.lab.address(server)
        connect = connect or f"127.0.0.1:{port}"
        authority = f"[{host}]" if ":" in host else host
        answer = self.ask(op="get", url=f"https://{authority}:{port}{path}", connect=connect,
                          headers={"Authorization": CANARY}, **fields)
        self._check_shape(answer, None if "proxy" in fields or ends_at is not None else connect)
        self.words.append(self._word(answer))
        self._last_message = answer["message"]
        if server is None:
            return answer
        expected = self._expected[server]
        if answer["ok"] or ends_at is not None:
            expected["canaries"] += 1
            expected["completed"] += not answer["reused"]
            expected["resumed"] += answer["resumed"]
        # The program's own verification, which let a handshake end before it refused. It has sent nothing.
        expected["completed"] += bool(answer.get("late"))
        if answer["ok"] and ends_at is not None:
            self._expected[ends_at]["completed"] += 1
        return answer

    def expect(self, server, **facts):
        """Changes what `server` must have recorded in the end: canaries, completed, resumed, connections, disclosed;
        None: whatever it was. `requests`: others than the door's came too."""
        self._expected[server].update(facts)

    def restart(self):
        """Ends the door and starts another one, as after a reboot."""
        self._driver.quit()
        self._driver.kill()
        self._driver = None

    def ask(self, **order):
        for field in order:
            self._refuse_unsupported(field)
        if str(order.get("proxy", "")).startswith("https:"):
            self._refuse_unsupported("proxy:https")
        if self._driver is None:
            if self._roots is None:
                self.trust("root", "rogue-root")
            self._driver = Driver(self.column.name, self._policy, self._roots)
        answer = self._driver.ask(**order)
        self._supported(answer)
        return answer

    def _refuse_unsupported(self, field):
        if field in self.column.cannot:
            raise Unsupported(field)

    def _supported(self, answer):
        if field := answer.get("unsupported"):
            assert field in self.column.cannot, f"the door cannot {field}, and its column does not say so"
            raise Unsupported(field)

    @staticmethod
    def _check_shape(answer, peer):
        """What every answer must be, whatever was asked; `peer` is where TCP went, where that is known."""
        assert answer["ok"] == (answer["outcome"] in ALLOWED and answer["code"] is None), answer
        assert (answer["status"] is not None) == answer["ok"], answer
        assert not answer.get("late") or (not answer["ok"] and answer["outcome"] is None), answer
        assert CANARY not in answer["message"], "the message tells the secret"  # S1-24
        assert peer is None or answer["peer"] in (None, peer), (answer, peer)  # S1-34
        violation = answer["outcome"] == "reported" or (not answer["ok"] and answer["outcome"] in VIOLATIONS)
        assert (answer.get("told", violation) > 0) == violation, answer  # S1-26: before the answer, on every connection
        if answer["code"] == "pin_mismatch" and answer["message"]:
            assert BAD_PIN.search(answer["message"]), answer  # S1-31

    @staticmethod
    def _word(answer):
        if not answer["ok"]:
            return f"refused ({answer['code']})"
        said = ["accepted"] if answer["outcome"] == "pinned_ok" else [f"accepted ({answer['outcome']})"]
        said += [word for word in ("resumed", "reused") if answer[word]]
        return ", ".join(said)

    # --- the end -----------------------------------------------------------------------------------------------------

    def finish(self):
        """Ends the door, and holds its answers against the servers' records; what came of it, in words."""
        if self._driver is not None:
            self._driver.quit()
        records = self.stage.lab.settled()
        for server, expected in self._expected.items():
            self._judge(records[server], expected)
        return "; ".join(self.words)

    def close(self):
        if self._driver is not None:
            self._driver.kill()

    def _judge(self, record, expected):
        where = f"{self.words} {self._last_message!r}: the server recorded {record}"
        received = "".join(one["preamble"] + one["application_data"] for one in record["details"])
        found = {
            "canaries": received.count(CANARY),
            "completed": record["handshakes_completed"],
            "resumed": record["handshakes_resumed"],
            "connections": record["connections"],
            "disclosed": sum(len(one["client_certificates"]) for one in record["details"]),
        }
        for fact, value in found.items():
            wanted = expected.get(fact, 0 if fact == "disclosed" else None)
            assert wanted in (value, None), f"{fact}: {value}, not {wanted}; {where}"
        if expected["canaries"] == 0 and not expected.get("requests"):
            assert record["application_bytes"] == 0, f"bytes of a refused request; {where}"
        assert not any(one["renegotiated"] for one in record["details"]), f"a renegotiation; {where}"
