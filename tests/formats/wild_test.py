# SPDX-License-Identifier: Apache-2.0
"""Imports of real configurations that other people published, where that data stands, against what
is known of them, and what lint finds in each. docs/formats.md has the yield; `--write` brings it up
to date."""
import base64
import glob
import json
import os
import subprocess
import sys
import tempfile
import tomllib
import unittest
import warnings

from cryptography import x509

COTTER = os.environ["COTTER_BIN"]
DATA = os.environ["COTTER_TESTDATA"]
DOCS = os.path.join(os.environ["COTTER_SOURCE_DIR"], "docs/formats.md")
ROWS = []


NOW = "2026-11-20"
PIN = "xQ0kpmiTHBRHBfEZAqGFYV9eRmhqEhMDLRnJAVjYDOo="


def run(*words):
    done = subprocess.run([COTTER, "import", *words], capture_output=True, text=True, timeout=60,
                          check=False)
    done.findings = None
    if len(words) == 1:
        lint = subprocess.run([COTTER, "lint", "--json", "--at", NOW, *words], capture_output=True,
                              text=True, timeout=60, check=False)
        assert lint.returncode in (0, 1) if done.returncode == 0 else (1, 2), lint.stderr
        done.findings = json.loads(lint.stdout)["findings"] if lint.stdout else []
    return done


def rules_of(done):
    return tomllib.loads(done.stdout).get("host", []) if done.returncode == 0 else []


def find(rules, host):
    """The rule of a host, by the order of DESIGN rule 4 but for ports."""
    host = host.lower().removesuffix(".")
    by_pattern = {rule["pattern"]: rule for rule in rules}
    labels = host.split(".")
    patterns = [host, "**." + host]
    for i in range(1, len(labels)):
        rest = ".".join(labels[i:])
        patterns += (["*." + rest] if i == 1 else []) + ["**." + rest]
    return next((by_pattern[p] for p in patterns if p in by_pattern), None)


def tally(what, outcomes):
    """One row of the yield: files, imported, refused, rules, pins."""
    rules = [rule for done in outcomes for rule in rules_of(done)]
    imported = sum(done.returncode == 0 for done in outcomes)
    nothing = sum("pins_missing" in done.stderr for done in outcomes)
    linted = [done.findings for done in outcomes if done.findings is not None]
    found = [sum(finding["severity"] == severity for findings in linted for finding in findings)
             for severity in ("error", "warning")]
    told = " and ".join(map(str, found)) if linted else "one file alone"
    ROWS.append(f"| {what} | {len(outcomes)} | {imported} | {nothing} | "
                f"{len(outcomes) - imported - nothing} | {len(rules)} | "
                f"{sum(len(rule.get('pins', [])) for rule in rules)} | {told} |")


class Wild(unittest.TestCase):
    def test_aosp_configurations_decide_as_on_a_device(self):
        with open(f"{DATA}/nsc/aosp/expected.json", encoding="utf-8") as file:
            expected = json.load(file)
        outcomes = []
        for name, facts in sorted(expected.items()):
            done = run(f"{DATA}/nsc/aosp/{name}.xml")
            outcomes.append(done)
            with self.subTest(name):
                if facts["parse"] == "error":
                    self.assertEqual(done.returncode, 2)
                    self.assertIn(f"{name}.xml:", done.stderr)
                    continue
                pinned = any(facts["lookups"].values())
                self.assertEqual(done.returncode, 0 if pinned else 2, done.stderr)
                for host, pins in facts["lookups"].items():
                    rule = find(rules_of(done), host)
                    self.assertEqual(len(rule["pins"]) if rule and "pins" in rule else 0, pins, host)
        tally("Android, AOSP's own tests", outcomes)

    def test_android_configurations_of_apps(self):
        with open(f"{DATA}/wild-manifest.json", encoding="utf-8") as file:
            manifest = {entry["file"]: entry for entry in json.load(file)}
        outcomes = []
        for path in sorted(glob.glob(f"{DATA}/nsc/wild/*.xml")):
            done = run(path)
            outcomes.append(done)
            with self.subTest(path):
                self.assertEqual(done.returncode, 0, done.stderr)
                for config in manifest[os.path.basename(path)]["lint"]:
                    usable = sum(label == "ok" for label in config["classes"])
                    for host in config["domains"]:
                        rule = find(rules_of(done), host)
                        self.assertEqual(len(rule["pins"]) if rule else 0, usable, host)
        done = run(f"{DATA}/nsc/codeql-bad-date.xml")
        self.assertEqual(done.returncode, 2)
        self.assertIn("2038/1/19", done.stderr)
        self.assertEqual({"time_invalid", "pin_malformed"} - {each["code"] for each in done.findings}, set())
        tally("Android, apps", [*outcomes, done])

    def test_property_lists_of_apps(self):
        outcomes = [run(path) for path in sorted(glob.glob(f"{DATA}/plist/wild/*"))]
        self.assertEqual([done.returncode for done in outcomes], [0, 0])
        tally("iOS and TrustKit, apps", outcomes)

    def test_map_of_pins(self):
        done = run(f"{DATA}/pins/expensify/pins.json")
        with open(f"{DATA}/pins/expensify/pins.json", encoding="utf-8") as file:
            domains = json.load(file)["domains"]
        self.assertEqual({rule["pattern"]: len(rule["pins"]) for rule in rules_of(done)},
                         {host: len(entry["hashes"]) for host, entry in domains.items()})
        tally("JSON, an app", [done])

    def test_chromium_look_ups_agree(self):
        done = run(*glob.glob(f"{DATA}/pins/chromium-2016/*state_static.p*"))
        rules = rules_of(done)
        with open(f"{DATA}/pins/chromium-2016/host-lookup.json", encoding="utf-8") as file:
            expected = json.load(file)
        self.assertEqual(len(expected), 582)
        for entry in expected:
            rule = find(rules, entry["host"])
            # The pin set "test" has a placeholder alone: it is left out, and that is told.
            wanted = None if entry["pinset"] == "test" else entry["pinset"]
            self.assertEqual(rule["tags"][0] if rule else None, wanted, entry["host"])
        self.assertIn("enforcement", done.stderr)
        tally("Chromium's list of 2016", [done])

    def files(self, texts):
        """Writes each text to a file of its own; returns their paths."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        paths = []
        for number, (name, text) in enumerate(texts):
            os.makedirs(os.path.join(folder.name, str(number)))
            paths.append(os.path.join(folder.name, str(number), name))
            with open(paths[-1], "w", encoding="utf-8") as file:
                file.write(text)
        return paths

    # S0-10: the headers that peers' own tests hold are read as they say.
    def test_hpkp_headers(self):
        with open(f"{DATA}/policy/hpkp-headers.json", encoding="utf-8") as file:
            cases = json.load(file)
        paths = self.files(("headers.txt", "# a.example\n" + "".join(
            f"{name}: {value}\n" for name, value in case["headers"])) for case in cases)
        outcomes = [run(path) for path in paths]
        for case, done in zip(cases, outcomes):
            if not case["https"]:
                continue  # clients ignore what comes over http; a file of headers does not say
            with self.subTest(case["id"]):
                wanted = case["expected"] or case["report_only"]
                self.assertEqual(done.returncode, 0, done.stderr)
                [rule] = rules_of(done)
                self.assertEqual([pin["pin"].removeprefix("sha256/") for pin in rule["pins"]], wanted["pins"])
                self.assertEqual(rule["pattern"].startswith("**."), wanted["include_subdomains"])
                self.assertEqual(rule.get("mode") == "report", case["expected"] is None)
        tally("HPKP, a peer's own tests", outcomes)

    def test_curl_options(self):
        with open(f"{DATA}/policy/curl-pinnedpubkey.json", encoding="utf-8") as file:
            cases = json.load(file)
        pins = {"RIGHT": PIN, "WRONG": "C5+lpZ7tcVwmwQIMcRtPbsQtWLABXhQzejna0wHFr8M="}
        texts = []
        for case in cases:
            value = case["pinnedpubkey"]
            for name, pin in pins.items():
                value = value.replace(name, pin)
            texts.append(("run.sh", f"curl {'-k ' if case.get('insecure') else ''}--pinnedpubkey '{value}' "
                                    "https://a.example/\n"))
        outcomes = [run(path) for path in self.files(texts)]
        for case, done in zip(cases, outcomes):
            by_hash = case["pinnedpubkey"].startswith("sha256//")
            self.assertEqual(done.returncode, 0 if by_hash else 2, done.stderr)
            if not by_hash:
                self.assertIn("cotter pins", done.stderr)
        tally("curl, its own tests", outcomes)

    # The list names roots; their keys are in Firefox's build, so here they come from the roots themselves.
    def test_firefox_list(self):
        source = f"{DATA}/pins/firefox/PreloadedHPKPins.excerpt.json"
        alone = run(source)
        self.assertEqual(alone.returncode, 2)
        self.assertIn(".pins", alone.stderr)
        roots = {}
        for name in ("mozilla-roots", "chromium-pins", "trustkit"):
            with open(f"{DATA}/certs/{name}.jsonl", encoding="utf-8") as file, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for entry in map(json.loads, file):
                    try:
                        subject = x509.load_der_x509_certificate(base64.b64decode(entry["der"])).subject
                    except ValueError:
                        continue
                    for name in subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME):
                        roots.setdefault(name.value.lower(), entry["spki_sha256"])
        with open(source, encoding="utf-8") as file:
            text = "\n".join(line for line in file.read().splitlines() if not line.strip().startswith("//"))
        sets = {each["name"]: each["sha256_hashes"] for each in json.loads(text)["pinsets"]}
        keys = {}
        for label in {label for labels in sets.values() for label in labels}:
            digest = roots.get(label.lower())
            keys[label] = digest or "A" * 43 + "="
        [pins] = self.files([("roots.pins", "".join(f"{label}\nsha256/{pin}\n" for label, pin in keys.items()))])
        done = run(source, pins)
        self.assertEqual(done.returncode, 0, done.stderr)
        known = {name: sum(label.lower() in roots for label in labels) for name, labels in sets.items()}
        self.assertGreaterEqual(known["mozilla"], 20)
        for entry in json.loads(text)["entries"]:
            host = entry["name"]
            rule = find(rules_of(done), "x." + host if entry["include_subdomains"] else host)
            self.assertEqual(len(rule["pins"]) if rule else 0, known[entry["pins"]], host)
            if rule:
                self.assertEqual(rule.get("mode") == "report", entry["test_mode"], host)
        tally("Firefox's list, an excerpt", [done])

    def test_pins_out_of_code(self):
        with open(f"{DATA}/pins/wild-code-pins.json", encoding="utf-8") as file:
            entries = json.load(file)
        outcomes = [run(path) for path in self.files(
            ("Pins.kt", 'CertificatePinner.Builder().add("a.example",\n'
             + ",\n".join('"sha256/' + pin.removeprefix("sha256/") + '"' for pin in entry["pins"]) + ")\n")
            for entry in entries)]
        for entry, done in zip(entries, outcomes):
            with self.subTest(entry["path"]):
                good = [pin for pin, label in entry["classes"].items() if label == "ok"]
                found = [pin["pin"] for rule in rules_of(done) for pin in rule["pins"]]
                self.assertEqual(found, ["sha256/" + pin.removeprefix("sha256/") for pin in good])
        tally("OkHttp and Swift, pins out of code", outcomes)

    # S2-07: what is no pin is refused or left out, whatever people write; what is one is read.
    def test_single_pin_strings(self):
        with open(f"{DATA}/pins/wild-pin-strings.json", encoding="utf-8") as file:
            entries = json.load(file)
        outcomes = [run(path) for path in self.files(
            ("map.json", json.dumps({"a.example": [entry["pin"]]})) for entry in entries)]
        for entry, done in zip(entries, outcomes):
            is_pin = entry["label"] in ("ok", "ok-unpadded", "known-ca")
            self.assertEqual(done.returncode, 0 if is_pin else 2, (entry, done.stderr))
            if not is_pin:
                self.assertIn("map.json:1:", done.stderr)
        tally("JSON, single pins of READMEs and code", outcomes)

    def test_trustkit_facts(self):
        with open(f"{DATA}/policy/trustkit.json", encoding="utf-8") as file:
            configs = json.load(file)["config"]
        import plistlib
        outcomes = []
        with tempfile.TemporaryDirectory() as folder:
            for config in configs:
                if "domains" not in config:
                    continue
                path = os.path.join(folder, f"{config['id'].replace(':', '')}.plist")
                with open(path, "wb") as file:
                    plistlib.dump({"TSKConfiguration": {"TSKPinnedDomains": config["domains"]}}, file)
                outcomes.append(run(path))
                self.assertIn(outcomes[-1].returncode, (0, 2), outcomes[-1].stderr)
        tally("TrustKit, its own tests", outcomes)

    def test_okhttp_patterns(self):
        with open(f"{DATA}/policy/okhttp.json", encoding="utf-8") as file:
            facts = [fact for fact in json.load(file) if fact["kind"] == "match"]
        pin = "sha256/xQ0kpmiTHBRHBfEZAqGFYV9eRmhqEhMDLRnJAVjYDOo="
        outcomes = []
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "Pins.java")
            for fact in facts:
                if ".." in fact["host"] or fact["host"].startswith("."):
                    continue  # OkHttp looks up what is no host name; here it is refused before
                with open(path, "w", encoding="utf-8") as file:
                    file.write(f'new CertificatePinner.Builder().add("{fact["pattern"]}", "{pin}")')
                outcomes.append(run(path))
                matched = find(rules_of(outcomes[-1]), fact["host"]) is not None
                self.assertEqual(matched, fact["expected"], fact)
        tally("OkHttp, its own tests", outcomes)


def check_rows():
    with open(DOCS, encoding="utf-8") as file:
        text = file.read()
    begin = text.index("| configurations | files |")
    end = text.index("\n\n", begin)
    table = ("| configurations | files | imported | nothing pinned | refused | rules | pins | lint: errors "
             "and warnings |\n|---|---|---|---|---|---|---|---|\n" + "\n".join(sorted(ROWS)))
    if "--write" in sys.argv:
        with open(DOCS, "w", encoding="utf-8") as file:
            file.write(text[:begin] + table + text[end:])
    elif text[begin:end] != table:
        sys.exit(f"docs/formats.md is not current:\n{table}")


if __name__ == "__main__":
    result = unittest.main(argv=sys.argv[:1], exit=False).result
    if not result.wasSuccessful():
        sys.exit(1)
    check_rows()
