# SPDX-License-Identifier: Apache-2.0
"""What holds of every program under `cotter exec`, shown with curl, python3 and openssl: the verdict falls inside the
handshake (S3-01), also where the program verifies nothing (S2-10, S3-10) or forgives everything; nothing of the caller's
leaves before it; sessions of elsewhere are not resumed; a policy's modes mean what they mean at every door."""

import ssl
import sys

from stage import Stage

PYTHON = "/usr/bin/python3"
UNVERIFIED = """
import ssl, sys, urllib.request
context = ssl._create_unverified_context(cafile=sys.argv[2] if len(sys.argv) > 2 else None)
print(urllib.request.urlopen(sys.argv[1], context=context).read())
"""
NAMELESS = """
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
context.check_hostname = False
with socket.create_connection((sys.argv[3], int(sys.argv[1]))) as plain:
    with context.wrap_socket(plain) as secure:
        secure.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        print(secure.recv(100))
"""
GOOD, ROGUE, FORGED, ASKS_CLIENT, OLD = range(5)


def curl(stage, server, *options):
    return ["curl", "-sS", "--cacert", stage.roots, "-H", "Authorization: Bearer secret", *options, stage.url(server)]


def test_verdict_in_the_handshake(stage):
    stage.pin(("root", "ca"))
    run = stage.run(curl(stage, GOOD))
    stage.check(run.code == 0 and run.out == "hello\n" and run.outcomes() == ["pinned_ok"], "S3-01: a pinned server", run)
    run = stage.run(curl(stage, ROGUE))
    stage.check(run.code == 60 and run.outcomes() == ["pin_mismatch"], "S3-01: a rogue server is refused", run)
    stage.check("bad ssl pin detected, found pins: [sha256/" in run.err, "the error is told before it returns", run)
    line = run.audit[0]
    stage.check(line["action"] == "refused" and line["host"] == "localhost" and line["policy_version"] == 7 and
                line["port"] == stage.lab.port(ROGUE) and stage.lab.pin("rogue-leaf") == line["found"][0],
                "the audit line says who, what and by which policy", run)


def test_programs_that_do_not_verify(stage):
    stage.pin(("root", "ca"))
    run = stage.run(curl(stage, ROGUE, "-k"))
    stage.check(run.code != 0 and run.out == "", "S2-10: curl -k does not switch the policy off", run)
    run = stage.run([PYTHON, "-c", UNVERIFIED, stage.url(GOOD)])
    stage.check(run.code != 0 and run.outcomes() == ["pin_mismatch"],
                "S3-10: a program without trust anchors cannot satisfy the pin of a CA", run)
    stage.pin(("leaf", "leaf"))
    run = stage.run([PYTHON, "-c", UNVERIFIED, stage.url(GOOD)])
    stage.check(run.code == 0 and "hello" in run.out, "a pin on the leaf holds without trust anchors", run)
    for server in (ROGUE, FORGED):
        run = stage.run([PYTHON, "-c", UNVERIFIED, stage.url(server)])
        stage.check(run.code != 0 and run.out == "", f"S2-10: another leaf is refused without trust anchors ({server})", run)


def test_leaf_without_anchors(stage):
    """A pin on the leaf holds without an anchor; dates, names and purpose need none, and count."""
    empty = stage.dir / "no-roots"
    empty.mkdir()
    for identity, code in (("expired", "cert_expired"), ("wrong-host", "host_mismatch"), ("client-only", None), ("leaf", "")):
        stage.pin((identity, "leaf"))
        stage.lab.present(OLD, identity)
        run = stage.run([PYTHON, "-c", UNVERIFIED, stage.url(OLD)])
        stage.check((run.code == 0) == (code == ""), f"S3-10: {identity}, pinned, without trust anchors", run)
        if code:
            stage.check([line.get("code") for line in run.audit] == [code], f"{identity}: what is wrong is told", run)
        run = stage.run(["wget", "-q", "-O", "-", "--no-hsts", "--no-check-certificate", f"--ca-directory={empty}", stage.url(OLD)])
        stage.check((run.code == 0) == (code == ""), f"S3-10: {identity}, by GnuTLS", run)
        if code:
            stage.check([line.get("code") for line in run.audit] == [code], f"{identity}: what is wrong is told", run)


def test_programs_that_forgive(stage):
    # s_client's callback turns every failure into a success; the leaf names the pinned CA as its issuer.
    stage.pin(("intermediate", "ca"))
    client = ["openssl", "s_client", "-CAfile", stage.roots, "-connect"]
    run = stage.run([*client, f"localhost:{stage.lab.port(FORGED)}"])
    stage.check(run.code != 0 and run.audit[0]["action"] == "refused", "a forged signature is refused", run)
    run = stage.run([*client, f"localhost:{stage.lab.port(GOOD)}"])
    stage.check(run.code == 0 and run.outcomes() == ["pinned_ok"], "the genuine leaf passes", run)


def test_nothing_leaves(stage):
    stage.pin(("root", "ca"))
    run = stage.run(curl(stage, ASKS_CLIENT, "--cert", stage.lab.file("client"), "--key", stage.lab.file("client", "key")))
    stage.check(run.code != 0, "S3-01: the rogue server that asks for a client certificate", run)


def test_names(stage):
    stage.pin(("root", "ca"))
    port = str(stage.lab.port(ROGUE))
    run = stage.run([PYTHON, "-c", NAMELESS, port, stage.roots, "localhost"])
    stage.check(run.code != 0 and run.audit[0]["host"] == "localhost",
                "a program that names no server is judged by the name that it resolved", run)
    run = stage.run([PYTHON, "-c", NAMELESS, port, stage.roots, "127.0.0.1"])
    stage.check(run.code == 0 and run.outcomes() == ["not_pinned"], "an address is its own name, and has no rule here", run)
    stage.write_policy(stage.rule("127.0.0.1", ("root", "ca")))
    run = stage.run([PYTHON, "-c", NAMELESS, port, stage.roots, "127.0.0.1"])
    stage.check(run.code != 0 and run.audit[0]["host"] == "127.0.0.1", "a rule for an address", run)


def test_several_names_of_one_address(stage):
    both = [stage.rule("api.example.com", ("root", "ca")), stage.rule("other.test", ("rogue-leaf", "leaf"))]
    resolve = "import socket; socket.getaddrinfo('other.test', 1)\n" + NAMELESS
    hosts = stage.hosts("api.example.com", "other.test")
    arguments = [str(stage.lab.port(GOOD)), stage.roots, "api.example.com"]
    stage.write_policy(*both)
    run = stage.run([PYTHON, "-c", NAMELESS, *arguments], environment=hosts)
    stage.check(run.code == 0 and run.outcomes() == ["pinned_ok"], "one name of the address was resolved", run)
    run = stage.run([PYTHON, "-c", resolve, *arguments], environment=hosts)
    stage.check(run.code != 0 and run.audit[-1]["host"] == "other.test",
                "S3-10: two ruled names were resolved to the address, and the second one's rule is not satisfied", run)


def test_modes(stage):
    stage.pin(("root", "ca"), mode="report")
    run = stage.run(curl(stage, ROGUE))
    stage.check(run.code == 0 and run.out == "hello\n" and run.audit[0]["action"] == "reported", "report lets through", run)
    stage.check("warning" in run.err and "bad ssl pin detected" in run.err, "report tells", run)
    stage.pin(("root", "ca"), mode="off")
    run = stage.run(curl(stage, ROGUE))
    stage.check(run.code == 0 and run.outcomes() == ["not_pinned"], "off leaves out", run)
    stage.write_policy(stage.rule("other.example", ("root", "ca")))
    run = stage.run(curl(stage, ROGUE))
    stage.check(run.code == 0 and run.audit[0]["code"] == "not_pinned", "an unlisted host is left to PKI", run)
    test_unlisted(stage)
    stage.write_policy(stage.rule("other.example", ("root", "ca")), header='unlisted = "refuse"')
    run = stage.run(curl(stage, GOOD))
    stage.check(run.code != 0 and run.outcomes() == ["unlisted_refused"], "or refused", run)
    stage.pin(("root", "ca"), ports=[1])
    run = stage.run(curl(stage, GOOD))
    stage.check(run.code != 0 and run.outcomes() == ["port_refused"], "ruled on other ports: refused", run)
    stage.pin(("root", "ca"))
    run = stage.run(curl(stage, ROGUE), "--report-only")
    stage.check(run.code == 0 and run.audit[0]["action"] == "reported", "--report-only refuses nothing", run)
    revoked = f'[[host]]\npattern = "other.example"\npins = [{{ pin = "{stage.lab.pin("root")}" }}]\n'
    stage.write_policy(revoked, header=f'revoked = ["{stage.lab.pin("rogue-leaf")}"]')
    run = stage.run(curl(stage, ROGUE))
    stage.check(run.code != 0 and run.outcomes() == ["revoked"], "a revoked key is refused at any host", run)


def test_unlisted(stage):
    """PKI first, whatever the program skips: DESIGN's first rule, at hosts that no rule names."""
    url, root, rogue_root = stage.url(ROGUE), str(stage.dir / "root.pem"), str(stage.dir / "rogue-root.pem")
    skipping = {
        "curl": lambda roots: ["curl", "-sSk", "--cacert", roots, url],
        "wget": lambda roots: ["wget", "-q", "-O", "-", "--no-check-certificate", f"--ca-certificate={roots}", url],
        "python3": lambda roots: [PYTHON, "-c", UNVERIFIED, url, roots],
    }
    for name, command in skipping.items():
        run = stage.run(command(root))
        stage.check(run.code != 0 and run.outcomes() == ["pki_error"], f"S3-10: {name} that skips verification", run)
        stage.check('mode = "off"' in run.err and "--report-only" in run.err, f"{name}: the refusal says what to do", run)
        run = stage.run(command(rogue_root))
        loads_it = name != "curl"  # which loads no CA with -k, and so has no path at all
        stage.check((run.code == 0) == loads_it and run.outcomes() == ["not_pinned" if loads_it else "pki_error"],
                    f"{name}: what its own CA signed passes", run)
        run = stage.run(command(root), "--report-only")
        stage.check(run.code == 0 and [line["action"] for line in run.audit] == ["reported"], f"{name}: told only", run)
    stage.lab.present(OLD, "wrong-host")
    run = stage.run([PYTHON, "-c", UNVERIFIED, stage.url(OLD), stage.roots])
    stage.check(run.code != 0 and run.audit[0]["code"] == "host_mismatch", "the name that a program gives is verified", run)
    nameless = ["openssl", "s_client", "-quiet", "-ign_eof", "-noservername", "-CAfile", stage.roots, "-connect"]
    run = stage.run(["sh", "-c", 'printf "GET / HTTP/1.0\\r\\n\\r\\n" | "$@"', "sh", *nameless,
                     f"localhost:{stage.lab.port(OLD)}"])
    stage.check("hello" in run.out and run.outcomes() == ["not_pinned"], "a program that gives none is not held to one", run)
    stage.lab.present(OLD, "leaf")
    run = stage.run([PYTHON, "-c", UNVERIFIED, url])
    stage.check(run.code != 0 and "trusts no CA" in run.err, "without a CA there is no path", run)
    stage.write_policy(stage.rule("localhost", ("root", "ca"), mode="off"))
    for name, command in skipping.items():
        run = stage.run(command(root))
        stage.check(run.code == 0 and run.audit[0]["code"] == "rule_off", f"{name}: off leaves the host to the program", run)


def test_sessions(stage):
    session = str(stage.dir / "session.pem")
    client = ["openssl", "s_client", "-CAfile", stage.roots, "-connect", f"localhost:{stage.lab.port(OLD)}"]
    stage.write_policy(stage.rule("other.example", ("root", "ca")))
    plain = ["sh", "-c", 'exec "$@" </dev/null', "sh", *client, "-sess_out", session]
    stage.check(stage.run(plain).code == 0, "a session outside the policy")
    stage.pin(("root", "ca"))
    stage.lab.present(OLD, "rogue-leaf")
    run = stage.run([*client, "-sess_in", session])
    stage.check(run.code != 0 and run.outcomes() == ["pin_mismatch"], "a session of elsewhere is not offered", run)
    stage.lab.present(OLD, "leaf")
    run = stage.run([*client, "-reconnect"])
    stage.check(run.code == 0 and run.out.count("Reused, TLSv1.2") == 5 and [line["resumed"] for line in run.audit] ==
                [False] + [True] * 5, "a session that was judged here is resumed", run)


def main():
    servers = [[], ["--identity", "rogue-leaf"], ["--identity", "forged"],
               ["--identity", "rogue-leaf", "--client-certificates", "requested"], ["--max-tls", "1.2"]]
    with Stage(*servers) as stage:
        for test in (test_verdict_in_the_handshake, test_programs_that_do_not_verify, test_leaf_without_anchors,
                     test_programs_that_forgive,
                     test_nothing_leaves, test_names, test_several_names_of_one_address, test_modes):
            test(stage)
        record = stage.lab.settled()
        stage.check(all(not one["client_certificates"] for one in record[ASKS_CLIENT]["details"]),
                    "no client certificate was disclosed")
        stage.check(record[FORGED]["application_bytes"] == 0 and record[FORGED]["handshakes_completed"] == 0,
                    "the forging server got nothing")
        test_sessions(stage)
        return stage.finish()


if __name__ == "__main__":
    assert ssl.HAS_TLSv1_3
    sys.exit(main())
