# SPDX-License-Identifier: Apache-2.0
"""No translation unit makes the build slow.

Prints the ten that took longest in this build, for people. The time itself is no measure to fail by: it depends on the
machine, its load and the compiler cache. What stays the same everywhere, and goes with it, is how much the compiler has
to read, so the budget is in lines of the source and every header it includes, as ninja recorded them.
"""

import functools
import os
import subprocess

from repo import BUILD, ROOT, finish

# Measured with g++ 12 at -O1 -g1: 200,000 lines (GoogleTest, OpenSSL and the standard library) take 1.5 to 4 seconds of
# processor time, and 6 is where a reason is due. An Asio session with Beast reads more than 400,000.
MAX_LINES = 250_000

# A translation unit above the budget, and why it is worth its time.
WORTH_IT = {
    "examples/asio_client.cc": "Asio's TLS stream is what it shows",
    "examples/beast_http_client.cc": "Beast's HTTP is what it shows",
    "examples/beast_websocket_client.cc": "Beast's WebSocket is what it shows",
    "tests/attacks/doors/asio_connection.cc": "Asio's TLS stream is what it tests",
    "tests/attacks/doors/asio_door.cc": "Asio's TLS stream and Beast's HTTP are what it tests",
    "tests/attacks/doors/websocket_door.cc": "Beast's WebSocket is what it tests",
    "tests/tls/asio_stream_test.cc": "Asio's TLS stream is what it tests",
}


@functools.cache
def lines_of(path):
    with open(BUILD / path, "rb") as file:
        return sum(1 for _ in file)


def slowest():
    """Pairs of milliseconds and object file, of the last time that each was built."""
    took = {}
    for line in (BUILD / ".ninja_log").read_text().splitlines()[1:]:
        start, end, _, target, _ = line.split("\t")
        if target.endswith(".o"):
            took[target] = int(end) - int(start)
    return sorted(((time, target) for target, time in took.items()), reverse=True)


def lines_read():
    """Pairs of a source file and the lines that its compiler reads."""
    listing = subprocess.run(["ninja", "-C", BUILD, "-t", "deps"], check=True, capture_output=True, text=True).stdout
    for block in listing.strip().split("\n\n"):
        target, *dependencies = block.splitlines()
        paths = [path.strip() for path in dependencies]
        if "(VALID)" in target and ".o: " in target:  # not what an older build left behind
            yield os.path.relpath((BUILD / paths[0]).resolve(), ROOT), sum(lines_of(path) for path in paths)


print("the slowest translation units of this build (wall time; near nothing where the compiler cache helped):")
for time, target in slowest()[:10]:
    print(f"  {time / 1000:6.1f} s  {target}")

read = dict(lines_read())
print(f"the most lines read by the compiler, of {MAX_LINES:,}:")
for source, lines in sorted(read.items(), key=lambda pair: -pair[1])[:10]:
    print(f"  {lines:8,}  {source}")

finish(
    [
        f"{source} makes the compiler read {lines:,} lines: include less, put the seam into a header of its own, or say "
        "here in WORTH_IT why it must"
        for source, lines in read.items()
        if lines > MAX_LINES and source not in WORTH_IT
    ],
    len(read),
)
