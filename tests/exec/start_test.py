# SPDX-License-Identifier: Apache-2.0
"""How `cotter exec` begins: the front of cotter starts a program by itself only where cotter-main would start it just so, and
compiled policies do not pile up."""
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

from stage import COTTER, Stage

MAIN = str(pathlib.Path(COTTER).parent / "cotter-main")
SETTLED = 4  # seconds until a policy's state is told from a later one
DAY = 24 * 60 * 60

# A program that tells all that it was started with.
TELL = ["python3", "-c", "import json, os, signal, sys; print(json.dumps([sys.argv, dict(os.environ), os.getcwd(), "
        "os.listdir('/proc/self/fd'), int(open('/proc/self/status').read().split('SigIgn:')[1].split()[0], 16)]))"]


def start(stage, program, *words, **kwargs):
    return subprocess.run([program, "exec", *words], env=stage.environment, capture_output=True, text=True, timeout=60,
                          check=False, **kwargs)


def by_the_front(stage, *words):
    """Whether the front alone starts `true`: cotter-main does not fit into so much memory."""
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (12 << 20, 12 << 20))

    return start(stage, COTTER, *words, preexec_fn=limit).returncode == 0


def settle(path):
    while time.time() < os.stat(path).st_ctime + SETTLED:
        time.sleep(0.05)


def test_the_front_does_what_the_program_does(stage):
    """The same command line, by the front and by cotter-main: the same program, arguments, environment and end."""
    policy, audit = ["--policy", stage.policy], str(stage.dir / "front-audit")
    script = stage.dir / "script"
    script.write_text("echo ran $1\n")
    script.chmod(0o755)
    lines = (
        [*policy, "--", *TELL, "a", "--policy", "--", ""], [*policy, *TELL, "-p", "x", "--json"], ["-p", stage.policy, *TELL],
        [f"--policy={stage.policy}", "--report-only", "--", *TELL], [f"-p{stage.policy}", "--", *TELL],
        [*policy, "--allow-uncovered", "--", *TELL], [*policy, "--audit", audit, "--", *TELL],
        [*policy, f"--audit={audit}", "--audit-events=all", "--", *TELL],
        [*policy, "--audit", audit, "--audit-events", "unlisted", "--report-only", "--", *TELL],
        [*policy, "--", "sh", "-c", "exit 7"], [*policy, "--", "sh", "-c", "kill -TERM $$"], [*policy, "--", str(script), "x"],
        [*policy, "--", "no-such-program"], [*policy, "--", "/etc/passwd"], [*policy, "--", "/"], [*policy, "--", ""],
        [*policy, "--", "/sbin/ldconfig", "-V"], [*policy, "--allow-uncovered", "--", "/sbin/ldconfig", "-V"],
        [], ["--help"], [*policy], [*policy, "--"], [*policy, "--json", "--", *TELL], [*policy, *policy, "--", *TELL],
        [*policy, "--audit-events", "all", "--", *TELL], [*policy, "--audit", audit, "--audit-events", "some", "--", *TELL],
        [*policy, "--audit", "/nonexistent/audit", "--", *TELL], ["--policy", "", "--", *TELL],
        ["--policy", "--report-only", "--", *TELL], ["--policy", "/nonexistent", "--", *TELL], ["--unknown", *policy, "--", *TELL],
        [*policy, "--report-only=yes", "--", *TELL], [*policy, "--pin", "localhost=x", "--", *TELL],
        ["--pin", f"localhost={stage.lab.pin('root')}", *TELL],
    )
    for words in lines:
        front, main = start(stage, COTTER, *words), start(stage, MAIN, *words)
        facts = [(done.returncode, done.stdout, done.stderr.replace(MAIN, COTTER)) for done in (front, main)]
        stage.check(facts[0] == facts[1], f"the front and cotter-main differ: {words}", facts)
    for program in (COTTER, MAIN):
        for handler in (signal.SIG_IGN, signal.SIG_DFL):
            done = start(stage, program, *policy, "--", "sh", "-c", "kill -PIPE $$; echo alive", restore_signals=False,
                         preexec_fn=lambda handler=handler: signal.signal(signal.SIGPIPE, handler))
            alive = done.stdout == "alive\n"
            stage.check(alive == (handler == signal.SIG_IGN), f"{program}: SIGPIPE is as it was inherited: {handler}", done)


def test_what_the_front_leaves_to_the_program(stage):
    policy = ["--policy", stage.policy]
    stage.check(by_the_front(stage, *policy, "--", "true"), "the front starts a program under a policy that is compiled")
    stage.check(by_the_front(stage, *policy, "true"), "also without --")
    for words in (["--pin", f"localhost={stage.lab.pin('root')}", "true"], ["--doctor", "true"], ["--help"]):
        stage.check(not by_the_front(stage, *words), f"cotter-main's: {words}")
    done = subprocess.run([COTTER, "version"], capture_output=True, text=True, timeout=60, check=False)
    stage.check(done.returncode == 0 and done.stdout.startswith("cotter "), "other commands are handed on", done)
    alone = stage.dir / "cotter"
    alone.write_bytes(pathlib.Path(COTTER).read_bytes())
    alone.chmod(0o755)
    for words in (["version"], ["exec", *policy, "true"]):
        done = subprocess.run([alone, *words], capture_output=True, text=True, timeout=60, check=False)
        stage.check(done.returncode == 125 and "install cotter as a whole" in done.stderr, f"a front alone does nothing: {words}",
                    done)


def test_a_changed_policy_is_another(stage):
    """What was compiled from an earlier state of the file is never taken for the present one (S1-30)."""
    policy = ["--policy", stage.policy]
    curl = ["curl", "-sS", "--cacert", stage.roots, stage.url()]
    stage.check(start(stage, COTTER, *policy, *curl).returncode == 0, "the pinned server")
    stage.pin(("rogue-root", "ca"))
    stage.check(not by_the_front(stage, *policy, "true"), "a policy that was just written is read")
    done = start(stage, COTTER, *policy, *curl)
    stage.check(done.returncode != 0 and "pin_mismatch" in done.stderr, "S1-30: the new policy decides at once", done)
    settle(stage.policy)
    start(stage, COTTER, *policy, "true")
    stage.check(by_the_front(stage, *policy, "true"), "it is taken up when it has settled")
    pathlib.Path(stage.policy).write_text("no policy")
    done = start(stage, COTTER, *policy, *curl)
    stage.check(done.returncode == 125, "S1-30: under a broken policy nothing is started", done)


def stored_for(process):
    """The stored file that a process has mapped."""
    while process.poll() is None:
        maps = pathlib.Path(f"/proc/{process.pid}/maps").read_text()
        for line in maps.splitlines():
            if line.endswith(".policy"):
                return pathlib.Path(line[line.index("/"):])
        time.sleep(0.05)
    raise RuntimeError("the program has ended")


def test_stored_policies_do_not_pile_up(stage):
    stage.pin(("root", "ca"))
    with subprocess.Popen([COTTER, "exec", "--policy", stage.policy, "sleep", "600"], env=stage.environment) as process:
        try:
            held = stored_for(process)
            old = time.time() - 2 * DAY
            names = [f"content-{os.getpid()}-{number}.policy" for number in range(60)]
            for number, name in enumerate(names):
                (held.parent / name).write_text("old")
                os.utime(held.parent / name, (old + number, old + number))
            os.utime(held.parent / names[0])
            os.utime(held, (old - DAY, old - DAY))
            stage.pin(("root", "any"))
            done = start(stage, COTTER, "--policy", stage.policy, "true")
            stage.check(done.returncode == 0, "a new policy is stored", done)
            left = {path.name for path in held.parent.iterdir()}
            stage.check(not left & set(names[1:20]), "what nobody used for a day is removed, where there is much of it", left)
            stage.check(names[0] in left, "what was used today stays", left)
            stage.check(held.name in left, "what a process has mapped stays", left)
            for name in left & set(names):
                (held.parent / name).unlink()
        finally:
            process.kill()


def main():
    with Stage([]) as stage:
        stage.pin(("root", "ca"))
        settle(stage.policy)
        start(stage, COTTER, "--policy", stage.policy, "true")
        for test in (test_the_front_does_what_the_program_does, test_what_the_front_leaves_to_the_program,
                     test_a_changed_policy_is_another, test_stored_policies_do_not_pile_up):
            test(stage)
        return stage.finish()


if __name__ == "__main__":
    sys.exit(main())
