# SPDX-License-Identifier: Apache-2.0
"""Colour is for terminals alone, and not where NO_COLOR or a dumb terminal says no."""

import os
import pty
import subprocess
import sys

COTTER = os.environ["COTTER_BIN"]


def on_terminal(**environment):
    """The bytes that `cotter explain usage` writes to a terminal."""
    ours, theirs = pty.openpty()
    variables = {"PATH": os.environ["PATH"], "TERM": "xterm", **environment}
    process = subprocess.Popen([COTTER, "explain", "usage"], stdout=theirs, env=variables)
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the last writer has closed the terminal
            break
        if not part:
            break
        written += part
    os.close(ours)
    assert process.wait(30) == 0
    return written


def main():
    piped = subprocess.run([COTTER, "explain", "usage"], capture_output=True, check=True, timeout=30).stdout
    coloured = on_terminal()
    expectations = {
        "colour on a terminal": b"\x1b[1m" in coloured,
        "the same text on a terminal": coloured.replace(b"\x1b[1m", b"").replace(b"\x1b[0m", b"").replace(b"\r", b"") == piped,
        "no colour in a pipe": b"\x1b" not in piped,
        "no colour with NO_COLOR": b"\x1b" not in on_terminal(NO_COLOR="1"),
        "colour with an empty NO_COLOR": b"\x1b[1m" in on_terminal(NO_COLOR=""),
        "no colour on a dumb terminal": b"\x1b" not in on_terminal(TERM="dumb"),
    }
    wrong = [name for name, holds in expectations.items() if not holds]
    print("\n".join(wrong) or f"{len(expectations)} checked")
    sys.exit(1 if wrong else 0)


main()
