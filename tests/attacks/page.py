# SPDX-License-Identifier: Apache-2.0
"""The table of docs/enforcement.md, made of the committed results of every column. As a program: puts it there."""
import os

from all_rows import ROWS
from columns import all_columns

PAGE = os.path.join(os.environ["COTTER_SOURCE_DIR"], "docs/enforcement.md")
BEGIN, END = "<!-- table of attacks -->\n", "<!-- end of the table -->\n"


class Notes:
    """Footnotes, each once, numbered as they are met."""

    def __init__(self):
        self._numbers = {}

    def mark(self, text):
        return f"[{self._numbers.setdefault(text, len(self._numbers) + 1)}]"

    def lines(self):
        return [f"{number}. {text}" for text, number in self._numbers.items()]


def cell(row, column, notes):
    found = column.results.get(row.slug)
    if found is None:
        return "?"
    if found.startswith("cannot "):
        why = column.cannot.get(found.removeprefix("cannot "))
        return f"n/a {notes.mark(why)}" if why else "?"
    if row.slug in column.differs:
        return f"{found} {notes.mark(column.differs[row.slug]['why'])}"
    return "✓"


def table():
    columns, notes, lines, last = all_columns(), Notes(), [], None
    for row in ROWS:
        if row.group != last:
            titles = " | ".join(column.title for column in columns)
            lines += ["", f"### {row.group}", "", f"| | must be | {titles} |", "|---|---|" + "---|" * len(columns)]
            last = row.group
        cells = " | ".join(cell(row, column, notes) for column in columns)
        lines.append(f"| {row.title} | {row.must.replace('*', '…')} | {cells} |")
    return "\n".join([*lines, "", *notes.lines(), ""])


def read():
    with open(PAGE, encoding="utf-8") as file:
        return file.read()


def with_table(text):
    before, rest = text.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


def write():
    made = with_table(read())
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(made)


if __name__ == "__main__":
    write()
