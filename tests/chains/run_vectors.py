#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Feeds public path validation vectors to `cotter check --chain` and compares the answers.

Usage: run_vectors.py COTTER TESTDATA [--write docs/validation.md | --check docs/validation.md]

Each case is one run of the program: the chain as a server would present it, the case's anchors with --cacert, the
case's time with --at. A case agrees when the program's yes or no is the expected one. A case that asks for what a TLS
client of this program does not do is not applicable, and which feature it is stands in the table. Every other
difference must have an explanation in vector_notes.py; one without is an error, and so is a run over two seconds.
"""
import base64
import collections
import concurrent.futures
import datetime
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import vector_notes  # noqa: E402

MAX_SECONDS = 2.0
NOBODY = "api.example.com"  # for suites whose certificates have no host name


class Case:
    """One vector. `expected` is True where the path should be accepted. `nameless`: the certificates carry no host
    name, so a path that fails for its name alone counts as accepted."""

    def __init__(self, suite, name, chain, trusted, expected, *, host=NOBODY, at=None, nameless=False, skip=None,
                 partial_chain=False, distrusted=False):
        self.suite, self.name, self.chain, self.trusted, self.expected = suite, name, chain, trusted, expected
        self.host, self.nameless, self.skip = host, nameless, skip
        self.at = at or datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ")
        self.partial_chain, self.distrusted = partial_chain, distrusted


def read_pem(path):
    data = path.read_bytes()
    if b"-----BEGIN" in data:
        return data.decode()
    return "-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(data).decode() + "-----END CERTIFICATE-----\n"


def limbo(suite, path):
    """x509-limbo, and BetterTLS in the same schema."""
    for entry in json.loads(path.read_text())["testcases"]:
        skip = None
        if entry["validation_kind"] != "SERVER":
            skip = "not a TLS server's certificate"
        elif entry.get("crls"):
            skip = "revocation lists"
        elif entry.get("max_chain_depth") is not None and entry["expected_result"] == "FAILURE":
            skip = "a depth limit of the caller"
        peer = entry.get("expected_peer_name")
        yield Case(suite, entry["id"], [entry["peer_certificate"], *entry["untrusted_intermediates"]],
                   entry["trusted_certs"], entry["expected_result"] == "SUCCESS",
                   host=peer["value"] if peer else "example.com", at=entry["validation_time"], skip=skip,
                   nameless=peer is None)


def pkits(suite, folder):
    for entry in json.loads((folder / "pkits.json").read_text()):
        certs = [read_pem(folder / "certs" / f"{name}.crt") for name in entry["certs"]]
        skip = None
        section = entry["test"].split(".")[1]
        policies = entry.get("InitialPolicySet", ""), entry.get("InitialExplicitPolicy", "")
        if any(policies) or "InitialPolicyMappingInhibit" in entry or "InitialInhibitAnyPolicy" in entry:
            skip = "policy inputs of the caller"
        elif section in ("4", "14", "15") or "CRL" in entry["title"]:
            skip = "revocation lists"
        elif entry["test"] in vector_notes.PKITS_REVOKED:
            skip = "revocation lists"
        yield Case(suite, f"{entry['test']} {entry['title']}", [certs[-1], *reversed(certs[1:-1])], certs[:1],
                   entry["should_validate"], at="2011-04-15T00:00:00Z", nameless=True, skip=skip)


def openssl(suite, folder):
    """OpenSSL's own table of `openssl verify`."""
    options = {"-auth_level": "another security level", "-allow_proxy_certs": "proxy certificates",
               "-verify_depth": "a depth limit of the caller", "-policy": "policy inputs of the caller",
               "-explicit_policy": "policy inputs of the caller"}
    for entry in json.loads((folder / "verify.json").read_text()):
        def read(name):
            return read_pem(folder / "certs" / f"{name}.pem")
        skip = next((options[o] for o in entry["opts"] if o in options), None)
        if entry["opts"][:2] == ["-auth_level", "2"]:
            skip = None  # that is cotter's
        if entry["purpose"] not in ("sslserver", ""):
            skip = "not a TLS server's certificate"
        yield Case(suite, f"{entry['id']} {entry['description']}", [read(entry["leaf"]), *map(read, entry["untrusted"])],
                   [read(name) for name in entry["trusted"]], entry["expected"] == "SUCCESS", nameless=True, skip=skip,
                   partial_chain="-partial_chain" in entry["opts"])


def boringssl(suite, folder):
    """The .test files of BoringSSL's pki: a chain whose last certificate is trusted as `last_cert_trust` says."""
    for path in sorted(folder.rglob("*.test")):
        text = path.read_text()
        fields = dict(re.findall(r"^(\w+): (.*)$", text, re.M))
        chain = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n",
                           (path.parent / fields["chain"]).read_text(), re.S)
        purpose, trust, when = fields["key_purpose"], fields["last_cert_trust"], fields["utc_time"]
        skip = None
        if purpose not in ("SERVER_AUTH", "SERVER_AUTH_STRICT", "SERVER_AUTH_STRICT_LEAF"):
            skip = "not a TLS server's certificate"
        elif "_STRICT" in purpose and re.search("^ERROR", text, re.M):
            skip = "a purpose stricter than RFC 5280"
        elif "CONSTRAINTS" in trust or "EXPIRATION" in trust:
            skip = "constraints on anchors by configuration"
        elif fields.get("user_initial_policy_set", "").strip() or "True" in fields.get(
                "initial_explicit_policy", "") + fields.get("initial_policy_mapping_inhibit", "") + fields.get(
                    "initial_any_policy_inhibit", ""):
            skip = "policy inputs of the caller"
        trusted = trust not in ("UNSPECIFIED",) and not (trust == "TRUSTED_LEAF" and len(chain) > 1)
        at = "2022-10-01T00:00:00Z" if when == "DEFAULT" else "20%s-%s-%sT%s:%s:%sZ" % tuple(
            re.findall("..", when[:12]))
        anchor = chain[-1:] if trusted else [vector_notes.UNRELATED_ROOT]
        yield Case(suite, str(path.relative_to(folder)), chain if not trusted or len(chain) == 1 else chain[:-1], anchor,
                   not re.search("^ERROR", text, re.M), at=at, nameless=True, skip=skip,
                   partial_chain=trust in ("TRUSTED_LEAF", "TRUSTED_ANCHOR_OR_LEAF"), distrusted=trust == "DISTRUSTED")


SUITES = [
    ("x509-limbo", limbo, "chains/limbo.json"),
    ("BetterTLS", limbo, "chains/bettertls.json"),
    ("NIST PKITS", pkits, "pkits"),
    ("openssl verify", openssl, "openssl"),
    ("BoringSSL pki", boringssl, "boringssl-pki/verify_certificate_chain_unittest"),
]


def run(program, case):
    """Returns (accepted, code, seconds)."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "chain.pem").write_text("\n".join(case.chain))
        trusted = case.trusted
        if case.distrusted:
            trusted = [subprocess.run(["openssl", "x509", "-addreject", "serverAuth", "-trustout"], input=pem, text=True,
                                      capture_output=True, check=True).stdout for pem in trusted]
        (folder / "trusted.pem").write_text("\n".join(trusted))
        command = [program, "check", "--json", "--chain", folder / "chain.pem", "--at", case.at, "--no-system-roots",
                   "--cacert", folder / "trusted.pem"]
        if case.partial_chain:
            (folder / "policy.toml").write_text(vector_notes.PARTIAL_CHAIN_POLICY)
            command += ["--policy", folder / "policy.toml"]
        start = time.monotonic()
        result = subprocess.run([*command, "--", case.host], capture_output=True, text=True, timeout=60)
        seconds = time.monotonic() - start
    if result.returncode not in (0, 1, 2, 3):
        raise SystemExit(f"{case.suite} {case.name}: exit code {result.returncode}\n{result.stderr}")
    if not result.stdout:
        return False, "input refused", seconds
    row = json.loads(result.stdout)["targets"][0]
    accepted = row["verdict"] == "not_pinned" or (case.nameless and row["code"] == "host_mismatch")
    return accepted, row["code"], seconds


class Tally:
    def __init__(self):
        self.cases = self.agree = 0
        self.skipped = collections.Counter()
        self.differences = []  # (kind, case, code, note)


def judge(program, cases, errors):
    tally = Tally()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda case: run(program, case), cases))
    for case, (accepted, code, seconds) in zip(cases, answers):
        tally.cases += 1
        if seconds > MAX_SECONDS:
            errors.append(f"{case.suite} {case.name}: took {seconds:.1f} s")
        if case.skip:
            tally.skipped[case.skip] += 1
        elif accepted == case.expected:
            tally.agree += 1
        else:
            kind, note = vector_notes.explain(case.suite, case.name, accepted, code)
            if note is None:
                errors.append(f"{case.suite} {case.name}: expected {case.expected}, found {accepted} ({code})")
            tally.differences.append((kind, case, code, note or "not explained"))
    return tally


def render(tallies):
    lines = [vector_notes.HEAD]
    lines += ["| suite | cases | agree | not applicable | refused, expected accepted | accepted, expected refused | "
              "CA/Browser Forum rules |", "|---|---|---|---|---|---|---|"]
    for suite, tally in tallies.items():
        forum = sum(kind == "forum" for kind, *_ in tally.differences)
        stricter = sum(kind == "stricter" for kind, *_ in tally.differences)
        looser = sum(kind == "looser" for kind, *_ in tally.differences)
        lines.append(f"| {suite} | {tally.cases} | {tally.agree} | {sum(tally.skipped.values())} | {stricter} | {looser} "
                     f"| {forum} |")
    lines += ["", "## Not applicable", "", "| suite | feature | cases |", "|---|---|---|"]
    for suite, tally in tallies.items():
        lines += [f"| {suite} | {feature} | {count} |" for feature, count in sorted(tally.skipped.items())]
    for kind, title in (("looser", "Accepted, expected refused"), ("forum", "CA/Browser Forum rules"),
                        ("stricter", "Refused, expected accepted")):
        lines += ["", f"## {title}", "", vector_notes.INTRODUCTIONS[kind], "", "| suite | case | why |", "|---|---|---|"]
        for suite, tally in tallies.items():
            lines += [f"| {suite} | {case.name} | {note} |" for k, case, code, note in tally.differences if k == kind]
    return "\n".join(lines) + "\n"


def main():
    program, testdata = sys.argv[1], pathlib.Path(sys.argv[2])
    errors = []
    tallies = {suite: judge(program, list(read(suite, testdata / path)), errors) for suite, read, path in SUITES}
    table = render(tallies)
    if len(sys.argv) > 4 and sys.argv[3] == "--write":
        pathlib.Path(sys.argv[4]).write_text(table)
    elif len(sys.argv) > 4 and pathlib.Path(sys.argv[4]).read_text() != table:
        errors.append(f"{sys.argv[4]} is not what these runs give; make it with --write")
    for suite, tally in tallies.items():
        print(f"{suite}: {tally.cases} cases, {tally.agree} agree, {sum(tally.skipped.values())} not applicable, "
              f"{len(tally.differences)} explained or not")
    print("\n".join(errors))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
