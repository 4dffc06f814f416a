# SPDX-License-Identifier: Apache-2.0
"""What every proof of an export shares: the lab, the policies, the cases and the table.

A proof says how to run one stack; run() exports, runs every case, compares with what is expected of
that stack, and compares the row with the one in docs/formats.md. `--write` puts it there instead.
"""
import os
import subprocess
import sys

SOURCE = os.environ["COTTER_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
from lab import Lab  # noqa: E402

COTTER = os.environ["COTTER_BIN"]
HOST = "api.example.com"
DOCS = os.path.join(SOURCE, "docs/formats.md")
SECONDS = 120

GENUINE, UNPINNED, INJECTED = range(3)
SERVERS = [
    ["--identity", "leaf", "--chain", "intermediate"],
    ["--identity", "rogue-leaf"],
    ["--identity", "rogue-leaf", "--append", "leaf,intermediate,root"],
]

# A key that nobody has: what a policy pins after a change, and the backup in the safe.
NOBODY = "sha256/" + "Tm9ib2R5IGhhcyB0aGlzIGtleSwgbm90IGV2ZW4gdXM="

# Each policy pins one key, and has a backup.
POLICIES = {"leaf": "leaf", "middle": "ca", "root": "ca", "changed": "leaf"}

# Column of the table -> the cases in it, as (policies, server, host). All must be refused but
# "genuine" and "root pin".
COLUMNS = {
    "genuine": [(["leaf"], GENUINE, HOST)],
    "unpinned": [(["leaf"], UNPINNED, HOST)],
    "injected": [(["leaf"], INJECTED, HOST), (["middle"], INJECTED, HOST),
                 (["root"], INJECTED, HOST)],
    "root pin": [(["root"], GENUINE, HOST)],
    "changed": [(["leaf", "changed"], GENUINE, HOST)],
    "trailing dot": [(["leaf"], UNPINNED, HOST + ".")],
}
PERFECT = {"genuine": "accept", "unpinned": "refuse", "injected": "refuse", "root pin": "accept",
           "changed": "refuse", "trailing dot": "refuse"}


def command(*words, cwd=None, env=None, check=True, text=None):
    """Runs a program to its end; returns the finished process."""
    done = subprocess.run(words, cwd=cwd, env=env, input=text, capture_output=True, text=True,
                          timeout=SECONDS, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


class Proof:
    """One stack. Subclasses export in prepare() and answer cases in run_cases()."""

    name = ""
    options = []
    expected = PERFECT

    def __init__(self, lab, folder):
        self.lab = lab
        self.folder = folder
        self.roots = self.path("roots.pem")
        with open(self.roots, "w", encoding="ascii") as bundle:
            for root in ("root", "rogue-root"):
                with open(lab.file(root), encoding="ascii") as pem:
                    bundle.write(pem.read())
        self.exported = {name: self.export(name) for name in POLICIES}

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def policy(self, name):
        keys = {"middle": "intermediate", "changed": None}
        identity = keys.get(name, name)
        pin = NOBODY if identity is None else self.lab.pin(identity)
        return self.write(
            f"{name}.toml",
            f'[policy]\nname = "proof-{name}"\nenvironment = "staging"\nversion = 7\n'
            f'[[host]]\npattern = "{HOST}"\npins = [\n'
            f'  {{ pin = "{pin}", place = "{POLICIES[name]}" }},\n'
            f'  {{ pin = "sha256/{"VGhlIGtleSBpbiB0aGUgc2FmZSwgbmV2ZXIgc2VydmU="}", '
            f'place = "{POLICIES[name]}", use = "backup" }},\n]\n')

    def export(self, name):
        """The exported text, or None where the format cannot say the policy."""
        done = command(COTTER, "export", "--to", self.name.split()[0].lower(), *self.options,
                       self.policy(name), check=False)
        if done.returncode == 2 and "no rule with pins" in done.stderr:
            return None
        assert done.returncode == 0, done.stderr
        again = command(COTTER, "export", "--to", self.name.split()[0].lower(), *self.options,
                        self.policy(name))
        assert again.stdout == done.stdout, "an export is the same byte for byte"
        assert f"proof-{name}; version 7" in done.stdout
        return done.stdout

    def url(self, server, host):
        return f"https://{host}:{self.lab.port(server)}/"

    def run_cases(self, cases):
        """A list of "accept" or "refuse ..." for a list of (policies, url)."""
        raise NotImplementedError

    def results(self):
        """Column -> accept, refuse, cannot say, or a mixture in words."""
        answers = {}
        flat = [(column, case) for column, cases in COLUMNS.items() for case in cases
                if all(self.exported[name] is not None for name in case[0])]
        before = [server["application_bytes"] for server in self.lab.settled()]
        refusing = [pair for pair in flat if PERFECT[pair[0]] == "refuse"
                    and pair[1][1] != GENUINE]
        accepting = [pair for pair in flat if pair not in refusing]
        for group in (refusing, accepting):
            lines = self.run_cases([(policies, self.url(server, host), server, host)
                                    for _, (policies, server, host) in group])
            assert len(lines) == len(group), lines
            for (column, _), line in zip(group, lines):
                print(f"{self.name}: {column}: {line}")
                answers.setdefault(column, set()).add(line.split()[0])
            if group is refusing and self.expected["trailing dot"] == "refuse":
                after = [server["application_bytes"] for server in self.lab.settled()]
                assert after == before, "bytes of a refused request reached a server"
        return {column: " / ".join(sorted(answers.get(column, {"cannot say"})))
                for column in COLUMNS}

    def row(self, results):
        return f"| {self.name} | " + " | ".join(results[column] for column in COLUMNS) + " |"


def check_row(row, write):
    """Compares `row` with the table in the documentation, or puts it there."""
    with open(DOCS, encoding="utf-8") as file:
        lines = file.read().splitlines()
    name = row.split("|")[1]
    places = [i for i, line in enumerate(lines) if line.startswith(f"|{name}|")]
    assert len(places) == 1, f"docs/formats.md has no row for{name}"
    if write:
        lines[places[0]] = row
        with open(DOCS, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
    assert lines[places[0]] == row, f"docs/formats.md is not current:\n{lines[places[0]]}\n{row}"


def main(proof_class):
    folder = os.path.join(os.environ["COTTER_BUILD_DIR"], "proof", proof_class.name.replace(" ", "-"))
    os.makedirs(folder, exist_ok=True)
    with Lab(*SERVERS) as lab:
        proof = proof_class(lab, folder)
        results = proof.results()
    assert results == proof.expected, f"\nfound    {results}\nexpected {proof.expected}"
    check_row(proof.row(results), "--write" in sys.argv)
