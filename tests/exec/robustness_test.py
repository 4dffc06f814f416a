# SPDX-License-Identifier: Apache-2.0
"""What programs do beside TLS, and what may go wrong around them: they fork, exec, clear their environment, give up
rights, close every descriptor, use threads, and use OpenSSL in ways that reach no certificate. The policy may be missing
or damaged, the environment tampered with. In each case the policy holds, or nothing runs (S1-30, S3-10)."""
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import time

from stage import COTTER, SOURCE, Stage

sys.path.insert(0, str(SOURCE / "tests/probe"))

from daemons import directory, free_port, wait_for  # noqa: E402

PYTHON = "/usr/bin/python3"
GOOD, ROGUE, ANONYMOUS, PSK, EARLY, FORGED, OLD = range(7)
LIBRARY = str(pathlib.Path(COTTER).parent / "libcotter-preload.so")
CLIENT = os.path.join(os.environ["COTTER_BUILD_DIR"], "tests/exec/stubborn_client")
COUNTING_CLIENT = os.path.join(os.environ["COTTER_BUILD_DIR"], "tests/exec/counting_client")
STRICT_CLIENT = os.path.join(os.environ["COTTER_BUILD_DIR"], "tests/exec/strict_client")
HUNGRY_CLIENT = os.path.join(os.environ["COTTER_BUILD_DIR"], "tests/exec/hungry_client")
EARLY_CLIENT = os.path.join(os.environ["COTTER_BUILD_DIR"], "tests/exec/early_client")

# Each is a program that must not reach its server. CONNECT is the same in all.
CONNECT = """
import os, socket, ssl, subprocess, sys, threading
port, roots = int(sys.argv[1]), sys.argv[2]
def connect(port=port):
    context = ssl.create_default_context(cafile=roots)
    with socket.create_connection(("localhost", port)) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            return secure.recv(10)
def tried(port=port):
    try:
        return connect(port)
    except ssl.SSLError:
        return None
"""
FORKS = CONNECT + """
pid = os.fork()
if pid == 0:
    os._exit(0 if tried() else 9)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
FORKS_LATER = CONNECT + """
ssl.create_default_context()
# OpenSSL fetches each algorithm once, under a lock that a fork at that instant leaves locked in the child, with cotter or
# without; so every thread makes one handshake before.
warm = threading.Barrier(5)
def work():
    tried()
    warm.wait()
    tried()
threads = [threading.Thread(target=work) for _ in range(4)]
for one in threads: one.start()
warm.wait()
children = []
for _ in range(8):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if tried() else 9)
    children.append(pid)
codes = {os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children}
for one in threads: one.join()
sys.exit(9 if codes == {9} else 1)
"""
CLOSES = CONNECT + """
os.closerange(0, 4096)
os._exit(0 if tried() else 9)
"""
DROPS = CONNECT + """
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(0 if tried() else 9)
"""
THREADS = CONNECT + """
good = int(sys.argv[3])
wrong = []
def work(number):
    for turn in range(10):
        want = (number + turn) % 2 == 0
        if bool(tried(good if want else port)) != want:
            wrong.append((number, turn))
threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
for one in threads: one.start()
for one in threads: one.join()
sys.exit(9 if not wrong else 1)
"""
MEMORY = CONNECT + """
context = ssl.create_default_context(cafile=roots)
incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
secure = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
with socket.create_connection(("localhost", port)) as plain:
    while True:
        try:
            secure.do_handshake()
            break
        except ssl.SSLWantReadError:
            plain.sendall(outgoing.read())
            incoming.write(plain.recv(65536))
        except ssl.SSLError:
            sys.exit(9)
"""
CTYPES = CONNECT + """
import ctypes
library = ctypes.CDLL("libssl.so.3", mode=os.RTLD_LOCAL)
for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
    getattr(library, name).restype = ctypes.c_void_p
library.SSL_CTX_new.argtypes = library.SSL_new.argtypes = library.SSL_connect.argtypes = [ctypes.c_void_p]
library.SSL_set_fd.argtypes = [ctypes.c_void_p, ctypes.c_int]
plain = socket.create_connection(("localhost", port))
ssl_object = library.SSL_new(library.SSL_CTX_new(library.TLS_client_method()))
library.SSL_set_fd(ssl_object, plain.fileno())
sys.exit(0 if library.SSL_connect(ssl_object) == 1 else 9)
"""
SUBPROCESS = CONNECT + """
words = ["curl", "-sS", "--cacert", roots, f"https://localhost:{port}/"]
code = subprocess.run(words, env={"PATH": os.environ["PATH"]}).returncode
pid = os.posix_spawnp("curl", words, {})
other = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
os.environ.clear()
line = f"/usr/bin/curl -sS --cacert {roots} https://localhost:{port}/"
third = os.system(line) >> 8
os.environ.clear()
import ctypes
class Words(ctypes.Structure):
    _fields_ = [("count", ctypes.c_size_t), ("words", ctypes.c_void_p), ("offset", ctypes.c_size_t)]
expanded = Words()
done = ctypes.CDLL(None).wordexp(f"$({line})".encode(), ctypes.byref(expanded), 0)
sys.exit(9 if (code, other, third, done, expanded.count) == (60, 60, 60, 0, 0) else 1)
"""


def test_what_programs_do(stage):
    stage.pin(("root", "ca"))
    rogue, good = str(stage.lab.port(ROGUE)), str(stage.lab.port(GOOD))
    programs = {"fork": FORKS, "fork while threads connect": FORKS_LATER, "close all descriptors": CLOSES,
                "many threads": THREADS, "memory buffers": MEMORY, "a library of its own handle": CTYPES,
                "exec with another environment": SUBPROCESS}
    for what, program in programs.items():
        run = stage.run([PYTHON, "-c", program, rogue, stage.roots, good])
        stage.check(run.code == 9, f"S1-30: {what}", run)
        if program is not THREADS:
            stage.check({line["action"] for line in run.audit} == {"refused"}, f"{what}: refused and told", run)
    if os.geteuid() == 0:  # nobody else has rights to give up
        with directory() as public:
            roots = shutil.copy(stage.roots, public)
            os.chmod(roots, 0o644)
            run = stage.run([PYTHON, "-c", DROPS, rogue, roots])
            stage.check(run.code == 9 and "bad ssl pin detected" in run.err, "S1-30: give up rights", run)
            run = stage.run([PYTHON, "-c", DROPS, good, roots])
            stage.check(run.code == 0, "without its rights the program reaches the pinned server", run)
    run = stage.run([PYTHON, "-c", CLOSES, good, stage.roots])
    stage.check(run.code == 0, "with all descriptors closed the pinned server is reached", run)
    for words in (["env", "-i", "/usr/bin/curl"], ["env", "-u", "LD_PRELOAD", "curl"],
                  ["sh", "-c", 'unset LD_PRELOAD COTTER_EXEC_POLICY; exec curl "$@"', "sh"],
                  ["env", "COTTER_EXEC_POLICY=/dev/null", "COTTER_EXEC_OPTIONS=report-only", "curl"]):
        run = stage.run([*words, "-sS", "--cacert", stage.roots, stage.url(ROGUE)])
        stage.check(run.code == 60 and run.outcomes() == ["pin_mismatch"], f"a tampered environment: {words}", run)


def test_openssl_without_a_certificate(stage):
    stage.pin(("root", "ca"))
    run = stage.run([CLIENT, str(stage.lab.port(ROGUE)), "callback"])
    stage.check(run.code != 0 and run.audit and run.audit[-1]["action"] == "refused", "S3-10: callback", run)
    for mode in ("store", "switch"):
        run = stage.run([CLIENT, str(stage.lab.port(FORGED)), mode, stage.roots])
        stage.check(run.code != 0 and run.outcomes() == ["pki_error"], f"S3-10: {mode}: every signature is taken", run)
    run = stage.run([CLIENT, str(stage.lab.port(GOOD)), "nested", stage.roots, str(stage.lab.port(ROGUE))])
    stage.check(run.code == 0 and "said" not in run.out and run.outcomes() == ["pin_mismatch", "pinned_ok"],
                "S3-10: a connection within the verification of another", run)
    run = stage.run([CLIENT, str(stage.lab.port(GOOD)), "lookup", stage.roots, str(stage.lab.port(ROGUE))])
    stage.check(run.code == 0 and "said" not in run.out and run.outcomes()[-1] == "pinned_ok",
                "S3-10: a connection within our own verification of another", run)
    for mode, server in (("anonymous", ANONYMOUS), ("psk", PSK)):
        # What shows no certificate is not offered, so that no handshake comes about.
        for way in ([], ["bio"]):
            run = stage.run([CLIENT, str(stage.lab.port(server)), mode, *way])
            completed = stage.lab.settled()[server]["handshakes_completed"]
            stage.check(run.code != 0 and completed == 0, f"S3-10: {mode} {way}: {completed} handshakes", run)
    run = stage.run([CLIENT, str(stage.lab.port(EARLY)), "early"])
    stage.check(run.code != 0, "S3-01: early data", run)
    stage.write_policy(stage.rule("localhost", ("leaf", "leaf")), stage.rule("api.example.com", ("backup", "any")))
    for way in ([], ["bio"]):
        run = stage.run([CLIENT, str(stage.lab.port(GOOD)), "again", str(stage.lab.port(GOOD)), *way])
        stage.check(run.code != 0 and "not reused" in run.out and run.audit[-1]["host"] == "api.example.com",
                    f"a session of another name is not resumed {way}", run)
    modes = (("anonymous", ANONYMOUS), ("psk", PSK), ("callback", ROGUE))
    stage.write_policy(stage.rule("other.example", ("leaf", "leaf")))
    for mode, server in modes:
        before = stage.lab.settled()[server]["handshakes_completed"]
        run = stage.run([CLIENT, str(stage.lab.port(server)), mode])
        after = stage.lab.settled()[server]["handshakes_completed"]
        stage.check(run.code != 0 and before == after, f"a host without a rule needs a verified path: {mode}", run)
        run = stage.run([CLIENT, str(stage.lab.port(server)), mode], "--report-only")
        stage.check(run.code == 0 and {line["action"] for line in run.audit} == {"reported"},
                    f"--report-only tells of it: {mode}", run)
    stage.pin(("leaf", "leaf"), mode="off")
    for mode, server in modes:
        run = stage.run([CLIENT, str(stage.lab.port(server)), mode])
        stage.check(run.code == 0, f"a host whose rule is off is left to the program: {mode}", run)


def test_sessions_end_with_the_pins(stage):
    for _ in range(5):  # a busy machine may take longer to begin than the pins hold
        end = int(time.time()) + 6
        expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
        stage.write_policy(stage.rule("localhost", ("root", "ca")), header=f"expires = {expires}")
        run = stage.run([CLIENT, str(stage.lab.port(OLD)), "later", stage.roots, str(end)])
        if run.out.startswith("reused before"):
            break
    stage.check(run.out == "reused before\nnot reused after\n",
                "a session is resumed while its pins hold, and judged anew then", run)


def test_what_is_verified_once(stage):
    """A path is verified once, unless the program could have loosened or watched it. A depth that programs get from
    OpenSSL was once taken for one that they had asked for, and everything was verified twice."""
    stage.pin(("root", "ca"))

    def count(*words):
        plain = [COUNTING_CLIENT, str(stage.lab.port(GOOD)), stage.roots, *words]
        alone = subprocess.run(plain, capture_output=True, text=True, timeout=60, check=True)
        run = stage.run(plain)
        stage.check(run.code == 0, f"the pinned server is reached {words}", run)
        return int(alone.stdout), int(run.out or 0)

    alone, here = count()
    stage.check(alone == here > 0, f"OpenSSL's own verification is not done again: {alone} signatures, {here} with exec")
    alone, here = count("callback")
    stage.check(here >= 2 * alone > 0, f"with a callback, ours comes after: {alone} signatures, {here} with exec")
    run = stage.run([COUNTING_CLIENT, str(stage.lab.port(GOOD)), stage.roots, "dane"])
    stage.check(run.code != 0 and run.outcomes() == ["pinned_ok"], "what DANE demands beside the pins counts", run)


def test_what_programs_demand(stage):
    """A pin comes on top of what a program demands, and never in its place."""
    stage.pin(("root", "ca"))
    refusals = ("purpose", "depth", "time", "crl", "revocation", "stack", "watched", "step")
    for demand in ("nothing", "callback", *refusals):
        words = [STRICT_CLIENT, str(stage.lab.port(GOOD)), stage.roots, demand]
        alone = subprocess.run(words, timeout=60, check=False).returncode
        stage.check((alone != 0) == (demand in refusals), f"{demand} without exec: the test can fail")
        run = stage.run(words)
        stage.check(run.code == alone, f"S2-10: what a program demands counts: {demand}", run)


def test_gnutls_without_memory(stage):
    stage.pin(("rogue-leaf", "leaf"))
    words = [HUNGRY_CLIENT, str(stage.lab.port(ROGUE)), stage.roots]
    run = stage.run([*words, "fed"])
    stage.check(run.code == 0, "with memory the pinned server is reached: the test can fail", run)
    stage.pin(("root", "ca"))
    for lacking, code in (("fed", 1), ("session", 3), ("name", 1)):
        run = stage.run([*words, lacking])
        stage.check(run.code == code, f"S1-30: no verdict, no connection: {lacking}", run)


def test_gnutls_sends_nothing_early(stage):
    stage.pin(("leaf", "leaf"))
    log = stage.dir / "early.log"
    port = free_port()
    with log.open("wb") as said:
        server = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", stage.lab.file("leaf", "chain.pem"), "-key",
             stage.lab.file("leaf", "key"), "-cert_chain", stage.lab.file("leaf", "chain.pem"), "-early_data",
             "-no_anti_replay"], stdin=subprocess.PIPE, stdout=said, stderr=said)
    try:
        wait_for(server, port, log)
        words = [EARLY_CLIENT, str(port), stage.roots]
        subprocess.run(words, timeout=60, check=False)
        heard = log.read_bytes().count(b"Authorization: secret")
        stage.check(heard == 1, "without exec the server hears of it: the test can fail")
        run = stage.run(words)
        stage.check(run.code != 0 and log.read_bytes().count(b"Authorization: secret") == heard,
                    "S3-01: no early data by GnuTLS", run)
    finally:
        server.kill()
        server.wait(timeout=30)


def test_what_is_not_covered(stage):
    stage.pin(("root", "ca"))
    copy = str(stage.dir / "set-id")
    shutil.copyfile("/bin/true", copy)
    if os.geteuid() == 0:
        os.chown(copy, 65534, 65534)
        os.chmod(copy, 0o4755)
    else:
        copy = "/usr/bin/passwd"
    for path, options in (("/sbin/ldconfig", "--version"), ("/usr/bin/go", "version"), (copy, "--help"),
                          (shutil.which("java") or "java", "-version")):
        run = stage.run([path, options])
        stage.check(run.code == 126 and "not covered" in run.err, f"{path} is refused", run)
        run = stage.run(["sh", "-c", f"{path} {options}"])
        stage.check(run.code == 126 and "is not run" in run.err, f"{path} is refused below a covered program", run)
        run = stage.run(["env", path, options])
        stage.check(run.code == 126 and "is not run" in run.err, f"{path} is refused below env", run)
    run = stage.run(["sh", "-c", "/sbin/ldconfig --version"], "--allow-uncovered")
    stage.check(run.code == 0, "--allow-uncovered is inherited", run)
    script = stage.dir / "script"
    script.write_text("#!/sbin/ldconfig -V\n")
    script.chmod(0o755)
    run = stage.run(["sh", "-c", str(script)])
    stage.check(run.code == 126, "the interpreter of a script counts", run)


def test_the_policy_at_start(stage):
    stage.pin(("root", "ca"))
    compiled = stage.dir / "compiled"
    subprocess.run([COTTER, "policy", "compile", "-p", stage.policy, "-o", str(compiled)], check=True, timeout=60)
    compiled.chmod(0o600)
    good = compiled.read_bytes()

    def start(path, words=("sh", "-c", "echo ran")):
        environment = {**os.environ, "LD_PRELOAD": LIBRARY, "COTTER_EXEC_POLICY": str(path)}
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)

    done = start(compiled)
    stage.check(done.returncode == 0 and done.stdout == "ran\n", "a sound policy", done)
    for what, data in {"empty": b"", "cut": good[:-1], "long": good + b"x", "of another version": b"X" + good[1:]}.items():
        compiled.write_bytes(data)
        done = start(compiled)
        stage.check(done.returncode == 125 and done.stdout == "" and "cotter: error: exec:" in done.stderr,
                    f"S1-30: a policy that is {what} stops every program", done)
    for path in ("/nonexistent/policy", "", "/dev/null", str(stage.dir)):
        stage.check(start(path).returncode == 125, f"S1-30: no policy at {path!r}")
    head, size = 88, 32  # of a compiled policy, and of a name's place in it
    for what, places, why in (("its head", [24], "checksum"), ("its names", range(head + size - 1, len(good) - 100, size), "")):
        damaged = bytearray(good)
        for at in places:
            damaged[at] ^= 1
        compiled.write_bytes(damaged)
        done = start(compiled, ["curl", "-sS", "--cacert", stage.roots, stage.url(GOOD)])
        stage.check(done.returncode != 0 and why in done.stderr, f"S1-30: {what} damaged, no TLS is possible", done)
    compiled.write_bytes(good)
    compiled.chmod(0o622)
    stage.check(start(compiled).returncode == 125, "a policy that others can write")
    for words in (["--policy", "/nonexistent"], ["--pin", "localhost"], ["--pin", "localhost=x"], [], ["--unknown"],
                  ["--policy", stage.policy, "--audit", "/nonexistent/audit"], ["--policy", stage.policy, "--json"]):
        done = subprocess.run([COTTER, "exec", *words, "--", "echo", "ran"], capture_output=True, text=True, timeout=60,
                              check=False, env=stage.environment)
        stage.check(done.returncode == 125 and done.stdout == "", f"exit 125: {words}", done)


def test_the_program_is_as_it_was(stage):
    stage.pin(("root", "ca"))
    stage.check(stage.run(["sh", "-c", "exit 7"]).code == 7, "its exit code")
    stage.check(stage.run(["sh", "-c", "kill -TERM $$"]).code == -signal.SIGTERM, "its signal")
    stage.check(stage.run(["sh", "-c", "kill -PIPE $$"]).code == -signal.SIGPIPE, "broken pipes are its own")
    stage.check(stage.run(["cat"], stdin="a\nb").out == "a\nb", "its standard streams")
    run = stage.run(["nonexistent-program"])
    stage.check(run.code == 127, "no such program", run)
    run = stage.run([stage.policy])
    stage.check(run.code == 126, "not executable", run)
    pin = f"localhost={stage.lab.pin('root')}"
    words = ["--pin", pin, "--", "curl", "-sS", "--cacert", stage.roots]
    for server, code in ((GOOD, 0), (ROGUE, 60)):
        done = subprocess.run([COTTER, "exec", *words, stage.url(server)], capture_output=True, text=True, timeout=60,
                              check=False, env=stage.environment)
        stage.check(done.returncode == code, f"--pin HOST=PIN: {code}", done)
    run = stage.run(["curl", "-sS", "--cacert", stage.roots, stage.url(ROGUE)])
    stage.check([line["peer"] for line in run.audit] == [f"127.0.0.1:{stage.lab.port(ROGUE)}"],
                "S1-26: the audit names the peer, though curl keeps its socket from OpenSSL", run)
    audit = stage.dir / "audit.jsonl"
    stage.check(stat.S_IMODE(audit.stat().st_mode) == 0o600, "the audit file is for its owner alone")


def main():
    psk = ["--authentication", "psk", "--psk", "lab:01020304", "--max-tls", "1.2"]
    servers = [[], ["--identity", "rogue-leaf"], ["--authentication", "anonymous"], psk, ["--identity", "rogue-leaf"],
               ["--identity", "forged"], ["--max-tls", "1.2"]]
    with Stage(*servers) as stage:
        for test in (test_what_programs_do, test_openssl_without_a_certificate, test_what_is_verified_once,
                     test_sessions_end_with_the_pins,
                     test_what_programs_demand, test_gnutls_without_memory, test_gnutls_sends_nothing_early,
                     test_what_is_not_covered, test_the_policy_at_start, test_the_program_is_as_it_was):
            test(stage)
        record = stage.lab.settled()[EARLY]
        stage.check(record["application_bytes"] == 0, "S3-01: no early data reached the rogue server")
        return stage.finish()


if __name__ == "__main__":
    sys.exit(main())
