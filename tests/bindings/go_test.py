# SPDX-License-Identifier: Apache-2.0
"""The Go example over the C ABI: built by cgo against an installed cotter, and run against a genuine server and an
interceptor's. S2-10."""
import os
import pathlib
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["COTTER_SOURCE_DIR"])
sys.path.insert(0, str(SOURCE / "tests/support"))
from lab import Lab  # noqa: E402


def run(*words, status=0, **more):
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=400, **more)
    assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}"
    return done.stdout.strip()


with tempfile.TemporaryDirectory(prefix="cotter-go-") as temporary:
    folder = pathlib.Path(temporary)
    run("cmake", "--install", os.environ["COTTER_BUILD_DIR"], "--prefix", folder / "prefix", "--component", "library")
    library = next(folder.glob("prefix/lib/**/libcotter.so")).parent
    environment = {**os.environ, "PKG_CONFIG_PATH": str(next(folder.glob("prefix/lib/**/pkgconfig"))),
                   "LD_LIBRARY_PATH": str(library), "GO111MODULE": "off", "GOCACHE": str(folder / "cache"),
                   "CGO_ENABLED": "1"}
    run("go", "build", "-o", folder / "get", SOURCE / "examples/go/main.go", env=environment)
    with Lab(["--identity", "leaf"], ["--identity", "rogue-leaf"]) as lab:
        policy = folder / "policy.toml"
        policy.write_text('[policy]\nname = "test"\nversion = 1\n[[host]]\npattern = "api.example.com"\npins = ['
                          f'{{ pin = "{lab.pin("leaf")}" }}, {{ pin = "{lab.pin("backup")}" }}]\n')
        roots = folder / "roots.pem"
        roots.write_text(pathlib.Path(lab.file("root")).read_text() + pathlib.Path(lab.file("rogue-root")).read_text())
        for server, status, said in ((0, 0, "200"), (1, 1, "pin_mismatch")):
            answer = run(folder / "get", policy, roots, f"https://api.example.com:{lab.port(server)}/",
                         f"api.example.com::127.0.0.1:{lab.port(server)}", status=status, env=environment)
            assert answer == said, answer
        assert lab.settled()[1]["handshakes_completed"] == 0
    print("ok")
