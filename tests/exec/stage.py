# SPDX-License-Identifier: Apache-2.0
"""The stage of the tests of `cotter exec`: the lab, policies for it, and programs run under one of them.

    with Stage(["--identity", "leaf"], ["--identity", "rogue-leaf"]) as stage:
        stage.pin(("root", "ca"))
        run = stage.run(["curl", "-sS", "--cacert", stage.roots, stage.url(1)])
        stage.check(run.code != 0 and run.audit[0]["outcome"] == "pin_mismatch", "a rogue server is refused", run)

Both roots are trusted (stage.roots), so that nothing but the pin tells the servers apart. The lab's names are those of
`localhost`, which every machine resolves.
"""
import json
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(os.environ["COTTER_SOURCE_DIR"])
COTTER = os.environ["COTTER_BIN"]
sys.path.insert(0, str(SOURCE / "tests/support"))

from lab import Lab  # noqa: E402

RUN_SECONDS = 60  # a program on a busy machine


class Run:
    """A program that ended: its exit code, what it said, and what the audit file holds."""

    def __init__(self, done, audit):
        self.code, self.out, self.err, self.audit = done.returncode, done.stdout, done.stderr, audit

    def outcomes(self):
        return [line["outcome"] for line in self.audit]

    def __str__(self):
        return f"exit {self.code}\n{self.out[-600:]}\n{self.err[-1500:]}\n{self.audit}"


class Stage:
    def __init__(self, *servers, world=()):
        self.lab = Lab(*servers, world=world)
        self.problems, self.checked = [], 0

    def __enter__(self):
        self.lab.__enter__()
        self.dir = pathlib.Path(self.lab.dir)
        self.roots = str(self.dir / "roots.pem")
        both = (self.dir / "root.pem").read_bytes() + (self.dir / "rogue-root.pem").read_bytes()
        pathlib.Path(self.roots).write_bytes(both)
        self.policy = str(self.dir / "policy.toml")
        # Compiled policies go where they go on a user's machine, but not into this one's.
        self.environment = {**os.environ, "XDG_CACHE_HOME": str(self.dir / "cache")}
        self.environment.pop("GIT_SSL_CAINFO", None)  # git takes it before the file that it is given
        return self

    def __exit__(self, *exception):
        self.lab.__exit__(*exception)

    def rule(self, pattern, *pins, **keys):
        """A [[host]] of the policy; a pin is (identity, place)."""
        lines = [f'[[host]]\npattern = "{pattern}"']
        lines += [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
        lines += ["pins = [" + ", ".join(
            f'{{ pin = "{self.lab.pin(name)}", place = "{place}" }}' for name, place in pins) + "]"]
        return "\n".join(lines) + "\n"

    def write_policy(self, *rules, header=""):
        text = f'[policy]\nname = "stage"\nversion = 7\n{header}\n' + "\n".join(rules)
        pathlib.Path(self.policy).write_text(text)

    def pin(self, *pins, **keys):
        """The policy is one rule for localhost."""
        self.write_policy(self.rule("localhost", *pins, **keys))

    def url(self, server=0, host="localhost", path="/"):
        return f"https://{host}:{self.lab.port(server)}{path}"

    def hosts(self, *names):
        """An environment in which these names, and localhost, are 127.0.0.1 (libnss-wrapper)."""
        path = self.dir / "hosts"
        path.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *names)))
        return {"LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_HOSTS": str(path)}

    def run(self, command, *options, environment=None, stdin="", seconds=RUN_SECONDS):
        """`cotter exec` of a command, with everything audited."""
        audit = self.dir / "audit.jsonl"
        audit.unlink(missing_ok=True)
        done = subprocess.run(
            [COTTER, "exec", "--policy", self.policy, "--audit", str(audit), "--audit-events", "all", *options, "--",
             *command],
            input=stdin, capture_output=True, text=True, errors="replace", timeout=seconds, check=False,
            env={**self.environment, **(environment or {})})
        lines = audit.read_text().splitlines() if audit.exists() else []
        return Run(done, [json.loads(line) for line in lines])

    def check(self, condition, what, run=None):
        self.checked += 1
        if not condition:
            self.problems.append(what)
            print(f"FAIL: {what}" + (f"\n{run}" if run is not None else ""), file=sys.stderr)

    def finish(self):
        """The exit code of the script."""
        print(f"{self.checked} checked, {len(self.problems)} wrong")
        return 1 if self.problems or not self.checked else 0
