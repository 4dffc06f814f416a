# SPDX-License-Identifier: Apache-2.0
"""Colour is for terminals alone, and not where NO_COLOR or a dumb terminal says no. A line of pins that is too long for a
terminal goes on in a second one, and only there."""

import os
import pty
import subprocess
import sys
import tempfile

COTTER = os.environ["COTTER_BIN"]


def on_terminal(*words, **environment):
    """The bytes that `cotter WORDS` (explain usage) writes to a terminal."""
    ours, theirs = pty.openpty()
    variables = {"PATH": os.environ["PATH"], "TERM": "xterm", **environment}
    process = subprocess.Popen([COTTER, *(words or ("explain", "usage"))], stdout=theirs, env=variables)
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


def pin_lines():
    """The lines of `cotter pins` for a certificate and its key, in a pipe and on a terminal."""
    with tempfile.TemporaryDirectory(prefix="cotter-terminal-") as folder:
        path = os.path.join(folder, "bundle.pem")
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", "/dev/stdout",
                               "-subj", "/O=General Hospital/CN=lab.hospital.example"],
                              capture_output=True, check=True, timeout=30)
        with open(path, "wb") as bundle:
            bundle.write(made.stdout)
        piped = subprocess.run([COTTER, "pins", path], capture_output=True, check=True, timeout=30).stdout.decode()
        shown = on_terminal("pins", path).decode()
    return [[line for line in text.splitlines() if line.startswith("  ")] for text in (piped, shown)]


def main():
    piped_pins, shown_pins = pin_lines()
    piped = subprocess.run([COTTER, "explain", "usage"], capture_output=True, check=True, timeout=30).stdout
    coloured = on_terminal()
    expectations = {
        "colour on a terminal": b"\x1b[1m" in coloured,
        "the same text on a terminal": coloured.replace(b"\x1b[1m", b"").replace(b"\x1b[0m", b"").replace(b"\r", b"") == piped,
        "no colour in a pipe": b"\x1b" not in piped,
        "no colour with NO_COLOR": b"\x1b" not in on_terminal(NO_COLOR="1"),
        "colour with an empty NO_COLOR": b"\x1b[1m" in on_terminal(NO_COLOR=""),
        "at most 80 columns of the list of codes on a terminal": max(map(len, on_terminal("explain", "--list", NO_COLOR="1").decode().splitlines())) <= 80,
        "one line a pin in a pipe": len(piped_pins) == 2,
        "at most 80 columns of pins on a terminal": max(map(len, shown_pins)) <= 80,
        "a second line for the certificate alone": len(shown_pins) == 3,
        "the same words on a terminal": " ".join(shown_pins).split() == " ".join(piped_pins).split(),
        "no colour on a dumb terminal": b"\x1b" not in on_terminal(TERM="dumb"),
    }
    wrong = [name for name, holds in expectations.items() if not holds]
    print("\n".join(wrong) or f"{len(expectations)} checked")
    sys.exit(1 if wrong else 0)


main()
