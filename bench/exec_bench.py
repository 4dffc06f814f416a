#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""exec_bench.py COTTER: what `cotter exec` costs, against the same program without it, in turn. Prints one line of JSON.

keep_alive    curl, 1,000 requests on one connection to nginx: CPU time of curl, start and handshake included
handshake     curl, 100 connections of one request each, without session resumption: wall time of one
inherited     start of a child below `cotter exec`, with a policy of 100,000 rules: wall time beyond one without
start         `cotter exec` itself, the policy stored by an earlier start: the same
"""
import contextlib
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/probe"))

from daemons import daemon, directory, free_port  # noqa: E402

ROUNDS = 11
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
            yield port


def write_policy(path, pin, rules):
    with open(path, "w", encoding="utf-8") as out:
        out.write(f'[policy]\nname = "bench"\n\n[[host]]\npattern = "localhost"\npins = [{{ pin = "{pin}" }}]\n')
        for number in range(rules - 1):
            out.write(f'\n[[host]]\npattern = "api{number}.example.com"\npins = [{{ pin = "{pin}" }}]\n')
    while time.time() < path.stat().st_ctime + 4:
        time.sleep(0.05)  # a policy that was written just now is compiled anew at each start


def cpu(words, environment):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def wall(words, environment, times=1):
    start = time.monotonic()
    for _ in range(times):
        os.waitpid(os.posix_spawnp(words[0], [str(word) for word in words], environment), 0)
    return (time.monotonic() - start) / times


def in_turn(*measures):
    results = [[] for _ in measures]
    for index in range(ROUNDS + 1):
        for measure, kept in zip(measures, results):
            figure = measure()
            if index > 0:
                kept.append(figure)
    return [statistics.median(kept) for kept in results]


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
        with nginx(folder) as port:
            curl = ["curl", "-s", "-o", "/dev/null", "--cacert", str(folder / "root.pem")]
            many = [*curl, f"https://localhost:{port}/[1-1000]"]
            once = [*curl, "--no-sessionid", "-H", "Connection: close", f"https://localhost:{port}/[1-100]"]
            results["keep_alive"] = in_turn(lambda: cpu(many, plain), lambda: cpu(many, inherited))
            results["handshake"] = [one / 100 for one in in_turn(lambda: wall(once, plain), lambda: wall(once, inherited))]
        true = ["/bin/true"]
        base, child, whole = in_turn(lambda: wall(true, plain, STARTS), lambda: wall(true, inherited, STARTS),
                                     lambda: wall([*under, *true], plain, STARTS))
        results["inherited"] = [base, child]
        results["start"] = [base, whole]
        print(json.dumps(results))


COTTER = sys.argv[1]
if __name__ == "__main__":
    main()
