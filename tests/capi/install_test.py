# SPDX-License-Identifier: Apache-2.0
"""libcotter is installed, and a program in C finds it both ways: by pkg-config and by find_package(cotter). S2-10.

The program judges a presented chain and enforces on an SSL_CTX and an SSL; it runs against a genuine server and an
interceptor's."""
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))
from lab import Lab  # noqa: E402

C11 = "-std=c11 -pedantic -Wall -Wextra -Werror -D_POSIX_C_SOURCE=200809L".split()
LISTS = """cmake_minimum_required(VERSION 3.25)
project(program C)
find_package(cotter 0.1 REQUIRED)
find_package(OpenSSL REQUIRED)
add_executable(program {source})
target_link_libraries(program cotter::cotter OpenSSL::SSL)
"""


def run(*words, **more):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120, **more)
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def by_pkg_config(prefix, folder):
    environment = {**os.environ, "PKG_CONFIG_PATH": f"{next(prefix.glob('lib/**/pkgconfig'))}"}
    flags = run("pkg-config", "--cflags", "--libs", "cotter", "libssl", "libcrypto", env=environment).split()
    run("gcc", *C11, HERE / "program.c", "-o", folder / "by_pkg_config", *flags)
    return folder / "by_pkg_config"


def by_find_package(prefix, folder):
    (folder / "CMakeLists.txt").write_text(LISTS.format(source=HERE / "program.c"))
    run("cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_C_FLAGS=" + " ".join(C11))
    run("cmake", "--build", folder / "build")
    return folder / "build/program"


def policy(path, *pins):
    listed = ", ".join(f'{{ pin = "{pin}" }}' for pin in pins)
    path.write_text(f'[policy]\nname = "test"\nversion = 1\n[[host]]\npattern = "api.example.com"\npins = [{listed}]\n')
    return path


with tempfile.TemporaryDirectory(prefix="cotter-install-") as temporary:
    folder = pathlib.Path(temporary)
    prefix = folder / "prefix"
    run("cmake", "--install", os.environ["COTTER_BUILD_DIR"], "--prefix", prefix, "--component", "library")
    library = next(prefix.glob("lib/**/libcotter.so"))
    programs = [by_pkg_config(prefix, folder), by_find_package(prefix, folder)]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(library.parent)}
    with Lab(["--identity", "leaf"], ["--identity", "rogue-leaf"]) as lab:
        genuine = policy(folder / "policy.toml", lab.pin("leaf"), lab.pin("backup"))
        roots = folder / "roots.pem"
        roots.write_text(pathlib.Path(lab.file("root")).read_text() + pathlib.Path(lab.file("rogue-root")).read_text())
        for program in programs:
            for server, identity, expected in ((0, "leaf", "pinned_ok"), (1, "rogue-leaf", "pin_mismatch")):
                chain = lab.file(identity, "chain.pem")
                said = run(program, genuine, roots, chain, lab.port(server), expected, env=environment)
                assert said == f"{expected}\n", said
        refused = lab.settled()[1]
        assert refused["handshakes_completed"] == 0, refused
        assert "top-secret" not in str(refused), refused
    print("ok")
