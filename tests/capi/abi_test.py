# SPDX-License-Identifier: Apache-2.0
"""The C ABI is what abi/cotter.symbols and abi/cotter.declarations recorded: nothing that a program could have been
compiled against has gone or changed its shape.

Symbols are those that libcotter.so exports, declarations those of <cotter/cotter.h> after the preprocessor, and with each
struct its size. A line that is added raises COTTER_ABI_VERSION; a line that goes or changes needs another SONAME. After
that, `tests/capi/abi_test.py --write`."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["COTTER_SOURCE_DIR"])
LIBRARY = pathlib.Path(os.environ["COTTER_BUILD_DIR"]) / "src/capi/libcotter.so"
RECORD = SOURCE / "abi"


def run(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, timeout=60).stdout


def exported():
    lines = run("nm", "--dynamic", "--defined-only", "--format=posix", LIBRARY).splitlines()
    return sorted(line.split()[0].split("@")[0] for line in lines)


def declarations():
    """One declaration of the header a line, without comments and line breaks, in its order."""
    text = run("gcc", "-std=c11", "-E", "-P", "-I", SOURCE / "include", SOURCE / "include/cotter/cotter.h")
    text = text[text.index("struct ssl_ctx_st;"):]
    text = re.sub(r"__attribute__\(\(.*?\)\)\)?", "", text)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r" ?([(){},;*]) ?", r"\1", text)
    found, depth, begin = [], 0, 0
    for at, letter in enumerate(text):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == ";" and depth == 0:
            found.append(text[begin:at].strip())
            begin = at + 1
    return found


def sizes(listed):
    names = [found.group(1) for line in listed if (found := re.fullmatch(r"typedef struct \w+\{.*\}(\w+)", line))]
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "sizes.c"
        prints = "".join(f'printf("sizeof({name})=%zu\\n", sizeof({name}));' for name in names)
        program.write_text(f"#include <cotter/cotter.h>\n#include <stdio.h>\nint main(void) {{ {prints} return 0; }}\n")
        run("gcc", "-I", SOURCE / "include", program, "-o", f"{folder}/sizes")
        return run(f"{folder}/sizes").splitlines()


def compare(name, now):
    path = RECORD / name
    if "--write" in sys.argv:
        path.write_text("".join(f"{line}\n" for line in now))
    recorded = path.read_text().splitlines()
    gone, added = [line for line in recorded if line not in now], [line for line in now if line not in recorded]
    assert not gone, f"{name}: programs may need what is gone or changed:\n" + "\n".join(gone)
    assert not added, f"{name}: raise COTTER_ABI_VERSION and record, with --write:\n" + "\n".join(added)


symbols, listed = exported(), declarations()
declared = sorted(name for line in listed if "{" not in line for name in re.findall(r"^\S.*?\b(cotter_\w+)\(", line)
                  if not line.startswith("typedef"))
# Some linkers list the version itself among the symbols, some do not.
functions = [name for name in symbols if name != "COTTER_1"]
assert functions == declared, f"exported and declared differ: {set(functions) ^ set(declared)}"
version = re.search(r"#define COTTER_ABI_VERSION (\d+)", (SOURCE / "include/cotter/cotter.h").read_text()).group(1)
compare("cotter.symbols", functions)
compare("cotter.declarations", [f"COTTER_ABI_VERSION={version}", *listed, *sizes(listed)])
soname = re.search(r"SONAME.*\[(.*)\]", run("readelf", "--dynamic", LIBRARY)).group(1)
assert soname == "libcotter.so.1", soname
print(f"{len(functions)} functions, {len(listed)} declarations")
