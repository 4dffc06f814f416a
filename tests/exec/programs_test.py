# SPDX-License-Identifier: Apache-2.0
"""The table of attacks, a column for each program that people use: S3-01, S3-10, S1-26, S1-30, S2-10, S2-13 with programs as
Debian ships them. What counts is what the server saw: a refused connection brought no complete handshake and no byte; and
what the program did: it failed, and the violation had been told. docs/exec.md shows the table, which this test holds it
to."""
import os
import subprocess
import sys

from programs import PROGRAMS, is_here
from stage import COTTER, SOURCE, Stage

# (row, identity, chain above it, pins, keys of the rule, what must come of it)
ROWS = [
    ("the leaf is pinned", "leaf", None, [("leaf", "leaf")], {}, "accepted"),
    ("the root is pinned", "leaf", None, [("root", "ca")], {}, "accepted"),
    ("a rogue CA that the program trusts", "rogue-leaf", None, [("leaf", "any"), ("root", "ca")], {}, "pin_mismatch"),
    ("the same, the genuine certificates appended", "rogue-leaf", ["leaf", "intermediate", "root"],
     [("leaf", "any"), ("intermediate", "ca"), ("root", "ca")], {}, "pin_mismatch"),
    ("a leaf that the pinned CA never signed", "forged", None, [("intermediate", "ca")], {}, "pki_error"),
    ("the pinned CA, an expired certificate", "expired", None, [("intermediate", "ca")], {}, "pki_error"),
    ("the pinned CA, another name", "wrong-host", None, [("intermediate", "ca")], {}, "pki_error"),
    ("a rule that only reports", "rogue-leaf", None, [("leaf", "any")], {"mode": "report"}, "reported"),
]
SERVERS = {"": 0, "smtp": 1, "postgres": 2}


def must(program, row):
    """What has to come of a row: programs without trust anchors have no verified path."""
    wanted = row[-1]
    if program.anchors or row[0] == "the leaf is pinned":
        return wanted
    return "pin_mismatch"


def observe(stage, program, row):
    """One run: what came of it, and whatever contradicts itself about it."""
    title, identity, chain, pins, keys, _ = row
    server = SERVERS[program.starttls]
    stage.lab.present(server, identity, chain)
    stage.pin(*pins, **keys)
    before = stage.lab.settled()[server]
    run = stage.run(program.command(stage.lab.port(server), stage.roots), environment={"PGSSLROOTCERT": ""})
    after = stage.lab.settled()[server]
    completed = after["handshakes_completed"] - before["handshakes_completed"]
    sent = after["application_bytes"] - before["application_bytes"]
    actions = {line["action"] for line in run.audit}
    outcomes = {line["outcome"] for line in run.audit}
    name = f"{program.name}: {title}"
    if "refused" in actions:
        stage.check(completed == 0 and sent == 0, f"{name}: refused, and {completed} handshakes, {sent} bytes", run)
        stage.check(run.code != 0, f"{name}: refused, and the program went on", run)
        stage.check("cotter: error: " in run.err, f"{name}: refused, and nobody was told", run)
        return sorted(outcomes)[0]
    stage.check(completed > 0 and len(outcomes) == 1, f"{name}: not refused, and {completed} handshakes", run)
    return "reported" if actions == {"reported"} else "accepted"


def column(stage, program):
    """A program's results; None where the doctor refuses it."""
    if program.name == "node":
        words = [COTTER, "exec", "--doctor", program.command(1, "x")[0]]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, env=stage.environment)
        if done.returncode == 1:
            stage.pin(("leaf", "leaf"))
            run = stage.run(program.command(stage.lab.port(), stage.roots))
            stage.check(run.code == 126 and not run.audit, "a node with OpenSSL inside is refused", run)
            return None
    results = []
    for row in ROWS:
        found = observe(stage, program, row)
        wanted = must(program, row)
        stage.check(found == wanted, f"{program.name}: {row[0]}: {found}, not {wanted}")
        results.append(found)
    return results


def table_text():
    """The table of docs/exec.md: what must come of each row."""
    short = {"accepted": "passes", "reported": "told", "pin_mismatch": "refused", "pki_error": "refused"}
    lines = ["| program | " + " | ".join(row[0] for row in ROWS) + " |", "|---|" + "---|" * len(ROWS)]
    for program in PROGRAMS:
        lines.append(f"| {program.name} | " + " | ".join(short[must(program, row)] for row in ROWS) + " |")
    return "\n".join(lines) + "\n"


def main():
    servers = [["--deadline", "4000", *(["--starttls", kind] if kind else [])] for kind in SERVERS]
    wanted = sys.argv[1:]
    with Stage(*servers) as stage:
        for program in PROGRAMS:
            if not wanted or program.name in wanted:
                stage.check(is_here(program), f"{program.name} is not installed")
                column(stage, program)
        page = (SOURCE / "docs/exec.md").read_text()
        stage.check(table_text() in page, f"docs/exec.md does not hold the table:\n{table_text()}")
        return stage.finish()


if __name__ == "__main__":
    os.environ.pop("PGSSLMODE", None)
    sys.exit(main())
