# SPDX-License-Identifier: Apache-2.0
"""python_binding.py LIBRARY: nanoseconds of judging an asserted path from Python, and of a call that does nothing.

Prints two numbers, the medians of rounds in turn: cotter_insecure_evaluate_path by ctypes with everything it takes, and
cotter_abi_version, the emptiest function there is. bench/run compares them."""
import hashlib
import os
import pathlib
import statistics
import sys
import time

os.environ["COTTER_LIBRARY"] = sys.argv[1]
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bindings/python"))
import cotter  # noqa: E402
from cotter._abi import library  # noqa: E402

CALLS = 20_000
ROUNDS = 9
HOST = b"api500.example.com"


def digest(text):
    return hashlib.sha256(text.encode()).digest()


def policy():
    rules = "".join(f'\n[[host]]\npattern = "api{i}.example.com"\npins = [{{ pin = "{digest(f"key{i}").hex()}" }}, '
                    f'{{ pin = "{digest(f"backup{i}").hex()}" }}]\n' for i in range(1000))
    return cotter.Policy.parse("[policy]\nname = \"bench\"\nversion = 1\n" + rules)


def nanoseconds(call):
    begin = time.thread_time_ns()
    for _ in range(CALLS):
        call()
    return (time.thread_time_ns() - begin) / CALLS


held = policy()
handle = held.handle
path = digest("key500") + digest("intermediate") + digest("root")
evaluate, empty = library.insecure_evaluate_path, library.abi_version
assert evaluate(handle, HOST, 443, path, 3, 1_800_000_000, None, None) == 0
assert evaluate(handle, HOST, 443, path[32:], 2, 1_800_000_000, None, None) == 1
full, bare = [], []
for _ in range(ROUNDS):
    full.append(nanoseconds(lambda: evaluate(handle, HOST, 443, path, 3, 1_800_000_000, None, None)))
    bare.append(nanoseconds(lambda: empty()))
print(f"{statistics.median(full):.0f} {statistics.median(bare):.0f}")
