# SPDX-License-Identifier: Apache-2.0
"""What the preload library brings into every process: its hooks and nothing else, and no library but libc. A symbol too many
would take the place of the program's own."""
import os
import pathlib
import re
import subprocess
import sys

SOURCE = pathlib.Path(os.environ["COTTER_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["COTTER_BUILD_DIR"])


def exported(library):
    lines = subprocess.run(["nm", "-D", "--defined-only", BUILD / library], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    return {line.split()[-1] for line in lines}


def needed(library):
    text = subprocess.run(["readelf", "-d", BUILD / library], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", text))


def hooks():
    """Every function that is marked as a hook."""
    found = set()
    for path in (SOURCE / "src/preload/shim").glob("*_hooks.cc"):
        text = path.read_text()
        found |= set(re.findall(r'__asm__\("(\w+)"\)', text))
        for name, end in re.findall(r"COTTER_HOOK [^(;]*?[\s*](\w+)\([^;{]*?\)\s*([;{]|__asm__)", text):
            if end == "{":
                found.add(name)
    return found


def main():
    problems = []
    if exported("libcotter-preload.so") != hooks():
        problems.append(f"exported or marked, but not both: {exported('libcotter-preload.so') ^ hooks()}")
    if needed("libcotter-preload.so") != {"libc.so.6"}:
        problems.append(f"the thin half needs {needed('libcotter-preload.so')}")
    if exported("libcotter-judge.so") != {"cotter_preload_judge"}:
        problems.append(f"the judge exports {exported('libcotter-judge.so')}")
    beyond = needed("libcotter-judge.so") - {"libc.so.6", "libm.so.6", "libssl.so.3", "libcrypto.so.3", "ld-linux-x86-64.so.2"}
    if beyond:
        problems.append(f"the judge needs {beyond}")
    print("\n".join(problems) or f"{len(hooks())} hooks")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
