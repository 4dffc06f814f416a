# SPDX-License-Identifier: Apache-2.0
"""What a row is, and the list of them. Each row is a function in rows_*.py that takes a Trial."""
import dataclasses
import re
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Row:
    """`must` is what has to come of its requests: accepted or refused, one after the other."""

    slug: str
    group: str
    title: str
    must: str
    run: Callable

    def holds(self, found):
        """Whether `found` is what must come of it; * in `must` stands for any word."""
        pattern = ".*".join(re.escape(part) for part in self.must.split("*"))
        return re.fullmatch(pattern, found) is not None


ROWS = []


def group(name):
    """A decorator for the rows of one group, in the order in which they stand."""
    def row(title, must):
        def add(run):
            assert all(one.slug != run.__name__ for one in ROWS), run.__name__
            ROWS.append(Row(run.__name__, name, title, must, run))
            return run
        return add
    return row
