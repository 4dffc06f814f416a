#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""exec_bench.py COTTER: what `cotter exec` costs, against the same program without it, in turn. Prints one line of JSON, pairs
of seconds, without and with. All is CPU time, and the least of many runs: what else runs on the machine costs caches, and so
only ever adds.

keep_alive  curl, 1,000 further requests on a connection to nginx that stands
handshake   curl and nginx, one connection with one request, sessions not resumed
first       curl, one request: start, the judge loaded, a policy of 100,000 rules opened, a handshake
child       start of a process that uses no TLS, below `cotter exec`, with that policy
start       `cotter exec` itself and such a process, the policy stored by an earlier start
"""
import contextlib
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/probe"))

from daemons import daemon, directory, free_port  # noqa: E402

ROUNDS = 21
STARTS = 60
RULES = 100_000


def make_certificates(folder):
    """A root, an intermediate and a leaf for localhost, P-256, as public servers have them."""
    def openssl(*words, **kwargs):
        return subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder, **kwargs).stdout

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "root.key", "-out", "root.pem", "-days", "30", "-subj", "/CN=Bench Root",
            "-addext", "keyUsage=critical,keyCertSign")
    issuer = "root"
    for name, extensions in (("sub", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n"),
                             ("leaf", "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n")):
        (folder / f"{name}.cnf").write_text(extensions)
        openssl("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN=Bench {name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-days", "30",
                "-extfile", f"{name}.cnf", "-out", f"{name}.pem")
        issuer = name
    (folder / "chain.pem").write_text((folder / "leaf.pem").read_text() + (folder / "sub.pem").read_text())
    return subprocess.run([COTTER, "pins", "--plain", folder / "root.pem"], check=True, capture_output=True,
                          text=True).stdout.strip().splitlines()[-1].split()[0]


@contextlib.contextmanager
def nginx(certificates):
    with directory() as path:
        port = free_port()
        for name in ("chain.pem", "leaf.key"):
            copy = pathlib.Path(path) / name
            copy.write_bytes((certificates / name).read_bytes())
            copy.chmod(0o644)
        temporary = "".join(f"{kind}_temp_path {path};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = pathlib.Path(path) / "nginx.conf"
        config.write_text(f"""daemon off; master_process off; pid {path}/pid; error_log stderr; events {{}}
            http {{ access_log off; {temporary} keepalive_requests 100000;
                    server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {path}/chain.pem;
                              ssl_certificate_key {path}/leaf.key; location / {{ return 200 "hello"; }} }} }}""")
        os.chmod(path, 0o777)
        with daemon(["/usr/sbin/nginx", "-e", "stderr", "-c", str(config)], port, path):
            yield port, int((pathlib.Path(path) / "pid").read_text())


def write_policy(path, pin, rules):
    with open(path, "w", encoding="utf-8") as out:
        out.write(f'[policy]\nname = "bench"\n\n[[host]]\npattern = "localhost"\npins = [{{ pin = "{pin}" }}]\n')
        for number in range(rules - 1):
            out.write(f'\n[[host]]\npattern = "api{number}.example.com"\npins = [{{ pin = "{pin}" }}]\n')
    while time.time() < path.stat().st_ctime + 4:
        time.sleep(0.05)  # a policy that was written just now is compiled anew at each start


def cpu(words, environment, times=1, server=None):
    """CPU seconds of a program, run so many times, and of a server's process meanwhile."""
    def now():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        of_server = 0 if server is None else int(pathlib.Path(f"/proc/{server}/schedstat").read_text().split()[0]) / 1e9
        return usage.ru_utime + usage.ru_stime + of_server

    before = now()
    for _ in range(times):
        os.waitpid(os.posix_spawnp(words[0], words, environment), 0)
    return (now() - before) / times


def in_turn(*measures):
    results = [[] for _ in measures]
    for index in range(ROUNDS + 1):
        for measure, kept in zip(measures, results):
            figure = measure()
            if index > 0:
                kept.append(figure)
    return [min(kept) for kept in results]


def main():
    with tempfile.TemporaryDirectory(prefix="cotter-exec-bench-") as name:
        folder = pathlib.Path(name)
        plain = {key: value for key, value in os.environ.items() if not key.startswith(("LD_", "COTTER_"))}
        plain["XDG_CACHE_HOME"] = str(folder / "cache")
        pin = make_certificates(folder)
        policy = folder / "policy.toml"
        write_policy(policy, pin, RULES)
        under = [COTTER, "exec", "--policy", str(policy), "--"]
        lines = subprocess.run([*under, "env"], env=plain, check=True, capture_output=True, text=True).stdout.splitlines()
        inherited = dict(line.split("=", 1) for line in lines if "=" in line)
        results = {}
        with nginx(folder) as (port, server):
            curl = ["curl", "-s", "-o", "/dev/null", "--cacert", str(folder / "root.pem")]
            one, many = [*curl, f"https://localhost:{port}/"], [*curl, f"https://localhost:{port}/[1-1001]"]
            close = [*curl, "--no-sessionid", "-H", "Connection: close", f"https://localhost:{port}/[1-101]"]
            figures = in_turn(*(lambda words=words, environment=environment: cpu(words, environment, 1, server)
                                for words in (one, many, close) for environment in (plain, inherited)))
            first, many, close = figures[0:2], figures[2:4], figures[4:6]
            results["first"] = first
            results["keep_alive"] = [whole - once for whole, once in zip(many, first)]
            results["handshake"] = [(whole - once) / 100 for whole, once in zip(close, first)]
        true = ["/bin/true"]
        base, child, whole = in_turn(lambda: cpu(true, plain, STARTS), lambda: cpu(true, inherited, STARTS),
                                     lambda: cpu([*under, *true], plain, STARTS))
        results["child"] = [base, child]
        results["start"] = [base, whole]
        print(json.dumps(results))


COTTER = sys.argv[1]
if __name__ == "__main__":
    main()
