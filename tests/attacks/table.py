# SPDX-License-Identifier: Apache-2.0
"""table.py NAME [--write] [--only SLUG…]: the column NAME of the table of attacks.

Runs every row on the door NAME, and compares what came of it with what must, and with results/NAME.json, which the
table of docs/enforcement.md is made from (page.py). `--write` puts the results there, and the table into the page."""
import json
import sys
import traceback

import page
from all_rows import ROWS
from columns import Column
from stage import Stage
from trial import Trial, Unsupported


def run(row, stage, column):
    """What came of `row`, in words; "cannot FIELD" where the door has no notion of it."""
    trial = Trial(stage, column)
    try:
        row.run(trial)
        return trial.finish()
    except Unsupported as unsupported:
        return f"cannot {unsupported}"
    finally:
        trial.close()


def problem_of(row, column, found):
    """What is wrong with `found`; None where it is as it must be, or as the column says that it is."""
    if found.startswith("cannot "):
        return None  # Trial has looked it up
    if row.slug in column.differs:
        wanted = column.differs[row.slug]["found"]
        return None if found == wanted else f"the column says {wanted!r}"
    return None if row.holds(found) else f"must be {row.must!r}"


def main(name, *options):
    column = Column(name)
    only = set(options[options.index("--only") + 1:]) if "--only" in options else None
    results, problems = {}, []
    with Stage() as stage:
        for row in ROWS:
            if only and row.slug not in only:
                continue
            try:
                results[row.slug] = run(row, stage, column)
                problem = problem_of(row, column, results[row.slug])
            except Exception:  # a row that breaks must not hide what the others find
                problem = traceback.format_exc()
            print(f"{'FAILED' if problem else 'ok':6} {row.slug}: {results.get(row.slug)}", flush=True)
            if problem:
                problems.append(f"{row.slug} ({row.title}): {problem}")
    assert not problems, "\n".join(problems)
    if only:
        return
    if "--write" in options:
        column.write(results)
        page.write()
    assert column.results == results, f"results/{name}.json is not current: {json.dumps(results, indent=1)}"


if __name__ == "__main__":
    main(*sys.argv[1:])
