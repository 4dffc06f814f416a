# SPDX-License-Identifier: Apache-2.0
"""S0-13, S0-14, S0-15, S0-16, S0-18, S3-43: situations with a planted cause, each diagnosed by the program; the table
of docs/diagnose.md.

Every cause must be the first where it was planted, in 98 of 100 situations, and a healthy host must have none. With
--write the table in the page is replaced; without, it must be the one that was measured."""
import collections
import concurrent.futures
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from situations import (Ca, Certificate, ClearServer, ClosedPort, DAY, HOST, NOW, Server, name, new_key,  # noqa: E402
                        policy)

PAGE = pathlib.Path(os.environ["COTTER_SOURCE_DIR"]) / "docs/diagnose.md"
BEGIN, END = "<!-- matrix: made by tests/probe/diagnose_matrix_test.py --write -->", "<!-- end of matrix -->"
LEAST_SHARE = 0.98
PRODUCTS = [("mitmproxy", "mitmproxy", None), ("Zscaler Intermediate Root CA (zscaler.net)", "Zscaler Inc.", "Zscaler Inc."),
            ("FortiGate CA", "Fortinet", "Certificate Authority"), ("Cisco Umbrella Root CA", "Cisco", None),
            ("Charles Proxy CA (1 Jan 2026, host)", None, None), ("PortSwigger CA", "PortSwigger", "PortSwigger CA"),
            ("Sophos SSL CA_A1B2", "Sophos", None), ("gw.corp", "Palo Alto Networks", None)]


class Planter:
    """Plants situations; each becomes arguments of the program and the cause that it must find first."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.a, self.b = Ca("Alpha Trust"), Ca("Beta Secure")
        self.cases = []  # (cause or None, arguments)
        self.servers = contextlib.ExitStack()
        self._files = 0

    def write(self, content):
        self._files += 1
        path = self.dir / f"file{self._files}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def chain(self, certificates):
        return self.write(b"".join(one.pem for one in certificates))

    def serve(self, *arguments, **how):
        server = Server(self.dir, *arguments, **how)
        self.servers.callback(server.close)
        return server

    def clear(self, answer):
        server = ClearServer(answer)
        self.servers.callback(server.close)
        return server

    def trust(self, *cas):
        return [text for ca in cas for text in ("--cacert", self.write(ca.root.pem))]

    def received(self, cause, chain, rule, *arguments, cas=None, was=None):
        before = ["--was", self.chain(was)] if was else []
        self.cases.append((cause, ["--policy", self.write(rule), "--cert", self.chain(chain), *before,
                                   *self.trust(*(cas or (self.a, self.b))), *arguments, HOST]))

    def live(self, cause, servers, rule, *arguments, cas=None):
        port = servers[0].port
        addresses = ",".join(server.address for server in servers)
        self.cases.append((cause, ["--policy", self.write(rule), "--resolve", f"{HOST}:{port}:{addresses}",
                                   *self.trust(*(cas or (self.a, self.b))), *arguments, f"{HOST}:{port}"]))


def pins_of(*keys, **more):
    return [{"pin": key.spki, **more} for key in keys] + [{"pin": Key().spki, "use": "backup", **more}]


class Key:
    """A key without a certificate, as a backup is."""

    def __init__(self):
        self.spki = Certificate(name("key")).spki


def plant_rotations(at):
    for n in range(36):
        place = {"place": "leaf"} if n % 2 else {}
        kind = "rsa" if n % 6 == 5 else "ec"
        old = at.a.leaf(begin=NOW - 150 * DAY, end=NOW + 30 * DAY)
        new = at.a.leaf(key=new_key(kind))
        updated = [None, NOW - 60 * DAY, NOW - 140 * DAY][n % 3]
        was = at.a.chain(old) if n % 4 == 3 else None
        require = "leaf+ca" if n % 9 == 8 else "any"
        pins = pins_of(old, **place)
        if require == "leaf+ca":
            pins = pins_of(old, place="leaf") + [{"pin": at.a.intermediates[0].spki, "place": "ca"}]
        at.received("KEY_ROTATED", at.a.chain(new), policy(pins, updated=updated, require=require), was=was)


def plant_stale(at):
    for n in range(30):
        if n % 2:  # a whole certificate was pinned, and renewed with its key
            key = new_key()
            old, new = (at.a.leaf(key=key, begin=begin, end=begin + 90 * DAY) for begin in (NOW - 80 * DAY, NOW - 2 * DAY))
            pins = [{"pin": one, "kind": "cert"} for one in (old.fingerprint, Certificate(name("x")).fingerprint)]
            at.received("STALE_PIN", at.a.chain(new), policy(pins), was=at.a.chain(old) if n % 4 == 1 else None)
        else:  # forgotten for years
            pins = pins_of(Key(), **({"place": "leaf"} if n % 4 else {}))
            at.received("STALE_PIN", at.a.chain(at.a.leaf()), policy(pins, updated=NOW - (400 + 30 * n) * DAY))


def plant_cas(at):
    for n in range(30):
        leaf = at.b.leaf()
        was = at.a.chain(at.a.leaf()) if n % 3 == 2 else None
        place = {"place": "ca"} if n % 2 else {}
        updated = NOW - 60 * DAY if n % 5 == 4 else None
        at.received("CA_CHANGED", at.b.chain(leaf), policy(pins_of(at.a.root, **place), updated=updated), was=was)
    for n in range(16):  # leaf keys alone are pinned; the CAs of the owner's other hosts say whose CA it is
        ours = at.a if n % 2 else at.b
        sibling = [{"pin": at.a.root.spki, "place": "ca"}, {"pin": at.a.intermediates[0].spki, "place": "ca"}]
        rule = policy(pins_of(at.a.leaf(), place="leaf")) + policy(sibling, host=f"www{n}.example.com", head=False)
        at.received("KEY_ROTATED" if ours is at.a else "CA_CHANGED", ours.chain(ours.leaf()), rule)
    for n in range(30):
        old, new = n % 2, 1 - n % 2
        key = new_key()
        before, after = at.a.leaf(old, key=key), at.a.leaf(new, key=key)
        was = at.a.chain(before, old) if n % 3 else None
        pinned = at.a.intermediates[old]
        pins, require = pins_of(pinned, place="ca"), "any"
        if n % 3 == 0:
            pins, require = pins_of(after, place="leaf") + [{"pin": pinned.spki, "place": "ca"}], "leaf+ca"
        at.received("INTERMEDIATE_CHANGED", at.a.chain(after, new), policy(pins, require=require), was=was)
    for n in range(24):
        if n % 2:  # the pinned root has signed the other one, and is not trusted here
            cross = Certificate(at.a.root.subject, at.b.root, key=at.a.root.key, ca=True, end=NOW + 900 * DAY)
            chain = [*at.a.chain(at.a.leaf()), cross]
            at.received("PINNED_ROOT_NOT_IN_PATH", [*chain, at.b.root], policy(pins_of(at.b.root, place="ca")), cas=(at.a,))
        else:  # two roots of one owner
            second = Ca("Alpha Trust")
            second.root = Certificate(name("Alpha Trust Root R2", "Alpha Trust"), ca=True, begin=NOW - 900 * DAY,
                                      end=NOW + 900 * DAY)
            inter = Certificate(name("Alpha Trust F1", "Alpha Trust"), second.root, ca=True, end=NOW + 800 * DAY)
            leaf = Certificate(name(HOST), inter, hosts=(HOST,))
            at.received("PINNED_ROOT_NOT_IN_PATH", [leaf, inter], policy(pins_of(at.a.root, place="ca")),
                        cas=(at.a, second))


def plant_interceptors(at):
    genuine = at.a.leaf()
    for n in range(40):
        common, organization, unit = PRODUCTS[n % len(PRODUCTS)]
        if n >= 24:  # nobody's product: a company's own CA that this machine does not know
            common, organization, unit = f"Corp Inspection {n}", "Example Corp", None
        root = Certificate(name(common, organization, unit), ca=True, end=NOW + 900 * DAY)
        forged = Certificate(name(HOST), root, hosts=(HOST,), begin=NOW - DAY)
        chain = [forged] if 8 <= n < 24 else [forged, root]
        if n % 3 == 2:
            chain = [*chain, at.a.intermediates[0], at.a.root]
        rogue = Ca.__new__(Ca)
        rogue.root = root
        trusted = (at.a, rogue) if n < 8 or n % 3 == 2 and n >= 24 else (at.a,)
        pinned = [genuine, at.a.intermediates[0], at.a.root] if n % 3 == 2 else [genuine]
        at.received("INTERCEPTING_PROXY", chain, policy(pins_of(*pinned)), cas=trusted)


def plant_dates(at):
    for n in range(20):
        leaf = at.a.leaf(begin=NOW - 100 * DAY, end=NOW - (1 + 3 * n) * DAY)
        pins = policy(pins_of(leaf))
        if n % 4 == 3:
            at.live("CERT_EXPIRED", [at.serve(at.a.chain(leaf), date=NOW)], pins)
        else:
            at.received("CERT_EXPIRED", at.a.chain(leaf), pins)
    for n in range(20):
        leaf = at.a.leaf(begin=NOW + (2 + n) * DAY, end=NOW + (90 + n) * DAY)
        pins = policy(pins_of(leaf), updated=NOW + DAY if n % 2 else None)
        if n % 4 == 3:
            at.live("CLOCK_SKEW", [at.serve(at.a.chain(leaf), date=NOW + 30 * DAY)], pins)
        else:
            at.received("CLOCK_SKEW", at.a.chain(leaf), pins)
    for n in range(5):  # a clock that runs ahead: the server says so
        leaf = at.a.leaf(begin=NOW - 90 * DAY, end=NOW - (1 + n) * DAY)
        at.live("CLOCK_SKEW", [at.serve(at.a.chain(leaf), date=NOW - 20 * DAY)], policy(pins_of(leaf)))


def plant_names(at):
    for n in range(20):
        hosts = (["www.example.com"], ["example.org", "*.example.org"], ["*.api.example.com"], ["192.0.2.7"])[n % 4]
        leaf = at.a.leaf(hosts=hosts)
        at.received("WRONG_HOST", at.a.chain(leaf), policy(pins_of(leaf if n % 2 else Key())))
    for n in range(10):
        good, default = at.a.leaf(), at.a.leaf(hosts=("default.example.net",))
        server = at.serve(at.a.chain(good), nameless=at.a.chain(default))
        rule = policy(pins_of(good))
        at.cases.append(("SNI_MISSING", ["--policy", at.write(rule), "--cert", at.chain(at.a.chain(default)), "--live",
                                         "--resolve", f"{HOST}:{server.port}:127.0.0.1", *at.trust(at.a),
                                         f"{HOST}:{server.port}"]))


def plant_incomplete(at):
    for n in range(24):
        leaf = at.a.leaf(n % 2)
        if n % 3 == 0:
            at.received("CHAIN_INCOMPLETE", [leaf], policy(pins_of(leaf)))
        elif n % 3 == 1:
            at.received("CHAIN_INCOMPLETE", [leaf], policy(pins_of(at.a.root, place="ca")), was=at.a.chain(leaf, n % 2))
        else:
            answer = b"HTTP/1.0 200 OK\r\n\r\n" + at.a.intermediates[n % 2].der
            issuer = at.clear(answer)
            leaf = at.a.leaf(n % 2, issuer_url=f"http://127.0.0.1:{issuer.port}/e.cer")
            at.live("CHAIN_INCOMPLETE", [at.serve([leaf])], policy(pins_of(at.a.intermediates[n % 2], place="ca")))


def plant_networks(at):
    for n in range(12):
        root = Certificate(name("Portal CA"), ca=True)
        words = ("captive.hotel.example", "wifi-login.train.example", "hotspot.example.net")[n % 3]
        at.received("CAPTIVE_PORTAL", [Certificate(name(words), root, hosts=(words,))], policy(pins_of(at.a.root)))
    redirect = b"HTTP/1.1 302 Found\r\nLocation: http://login.portal.example/?from=api\r\n\r\n"
    required = b"HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 0\r\n\r\n"
    for n in range(8):
        portal = at.clear(redirect if n % 2 else required)
        at.live("CAPTIVE_PORTAL", [portal], policy(pins_of(at.a.root)))
    for n in range(12):
        nobody = ClosedPort()
        at.servers.callback(nobody.close)
        at.live("UNREACHABLE", [nobody], policy(pins_of(at.a.root)))


def plant_farms(at):
    for n in range(20):
        good, other = at.a.leaf(), at.a.leaf() if n % 2 else at.b.leaf()
        first = at.serve(at.a.chain(good), address="127.0.0.1")
        chain = at.a.chain(other) if n % 2 else at.b.chain(other)
        farm = [first, at.serve(chain, address="127.0.0.2", port=first.port)]
        if n % 3 == 2:
            farm.append(at.serve(at.a.chain(good), address="127.0.0.3", port=first.port))
        at.live("CDN_DIFFERENCE", farm, policy(pins_of(good)))
    for n in range(14):
        good = at.a.leaf()
        first = at.serve(at.a.chain(good), address="127.0.0.1")
        if n % 2:
            private = Certificate(name("Origin internal CA", "Example Hosting"), ca=True)
            chain = [Certificate(name(HOST), private, hosts=(HOST,)), private]
        else:
            private = Certificate(name(None, "CloudFlare, Inc.", "CloudFlare Origin SSL Certificate Authority"), ca=True)
            chain = [Certificate(name("CloudFlare Origin Certificate"), private, hosts=(HOST,))]
        at.live("ORIGIN_EXPOSED", [first, at.serve(chain, address="127.0.0.2", port=first.port)], policy(pins_of(good)))


def plant_policies(at):
    for n in range(16):
        leaf = at.a.leaf()
        pins = [{"pin": Key().spki}, {"pin": leaf.spki, "use": "backup"}]
        at.received("BACKUP_IN_USE", at.a.chain(leaf), policy(pins))
    for n in range(16):
        leaf = at.a.leaf()
        on_expiry = ("enforce", "report", "pki")[n % 3]
        at.received("POLICY_EXPIRED", at.a.chain(leaf),
                    policy(pins_of(leaf), expires=NOW - (2 + n) * DAY, on_expiry=on_expiry))
    for n in range(12):
        old, new = at.a.leaf(begin=NOW - 80 * DAY), at.a.leaf(begin=NOW - DAY)
        if n % 2:
            at.received("RESUMED_SESSION", at.a.chain(old), policy(pins_of(new)), "--resumed")
        else:
            server = at.serve(at.a.chain(new))
            at.cases.append(("RESUMED_SESSION", [
                "--policy", at.write(policy(pins_of(new))), "--cert", at.chain(at.a.chain(old)), "--live", "--resolve",
                f"{HOST}:{server.port}:127.0.0.1", *at.trust(at.a), f"{HOST}:{server.port}"]))


def plant_health(at):
    for n in range(40):
        leaf = at.a.leaf(n % 2, key=new_key("rsa" if n % 10 == 9 else "ec"))
        chain = at.a.chain(leaf, n % 2)
        pinned = (leaf, at.a.intermediates[n % 2], at.a.root)[n % 3]
        rule = policy(pins_of(pinned), updated=NOW - 300 * DAY if n % 4 == 3 else None)
        if n % 5 == 4:
            at.live(None, [at.serve(chain, nameless=at.a.chain(at.a.leaf(hosts=("other.example.net",))))], rule)
        else:
            at.received(None, chain, rule)


def diagnose(arguments):
    result = subprocess.run([os.environ["COTTER_BIN"], "diagnose", "--json", "--no-system-roots", *arguments],
                            capture_output=True, text=True, timeout=100, check=False)
    if not result.stdout:
        raise RuntimeError(f"cotter diagnose {' '.join(arguments)}: {result.stderr}")
    return json.loads(result.stdout)["targets"][0]


def table(results):
    """Rows are what was planted; behind each, how often which cause came first."""
    lines = ["| planted | situations | found first | instead |", "|---|---|---|---|"]
    for cause in sorted(results, key=lambda one: one or ""):
        first = results[cause]
        others = ", ".join(f"{found or 'none'} {count}" for found, count in sorted(first.items(), key=str) if found != cause)
        lines.append(f"| {cause or 'nothing'} | {sum(first.values())} | {first[cause]} | {others} |")
    total = sum(sum(first.values()) for first in results.values())
    right = sum(first[cause] for cause, first in results.items())
    lines.append(f"| **all** | {total} | {right} | |")
    return "\n".join(lines), right / total


def main():
    results = collections.defaultdict(collections.Counter)
    problems = []
    with tempfile.TemporaryDirectory(prefix="cotter-diagnose-") as directory:
        at = Planter(directory)
        with at.servers:
            for plant in (plant_rotations, plant_stale, plant_cas, plant_interceptors, plant_dates, plant_names,
                          plant_incomplete, plant_networks, plant_farms, plant_policies, plant_health):
                plant(at)
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                found = list(pool.map(diagnose, [arguments for _, arguments in at.cases]))
        for (cause, arguments), target in zip(at.cases, found):
            causes = target["causes"]
            first = causes[0]["code"] if causes else None
            results[cause][first] += 1
            if first != cause:
                told = [(one["code"], one["confidence"], one["evidence"]) for one in causes]
                problems.append(f"planted {cause}, found {told} ({target['verdict']})")
            if any(not one["evidence"] or not one["fix"] or not 0 < one["confidence"] < 1 for one in causes):
                sys.exit(f"a cause without evidence, fix or confidence: {causes}")
            if cause not in (None, "UNREACHABLE", "CAPTIVE_PORTAL") and not target["chain"]:
                sys.exit(f"no chain is shown for {cause}")
    rows, share = table(results)
    print("\n".join(problems[:40]))
    print(rows)
    text = PAGE.read_text()
    made = text[: text.index(BEGIN) + len(BEGIN)] + "\n" + rows + "\n" + text[text.index(END):]
    if "--write" in sys.argv:
        PAGE.write_text(made)
    elif made != text:
        sys.exit("docs/diagnose.md is not what was measured: run this with --write")
    if len(at.cases) < 300 or share < LEAST_SHARE:
        sys.exit(f"{len(at.cases)} situations, {share:.1%} of them right")
    if set(results[None]) != {None}:
        sys.exit("a cause was claimed on a healthy host")


main()
