# SPDX-License-Identifier: Apache-2.0
"""Imports of real configurations that other people published, where that data stands, against what
is known of them. docs/formats.md has the yield; `--write` brings it up to date."""
import glob
import json
import os
import subprocess
import sys
import tempfile
import tomllib
import unittest

COTTER = os.environ["COTTER_BIN"]
DATA = os.environ["COTTER_TESTDATA"]
DOCS = os.path.join(os.environ["COTTER_SOURCE_DIR"], "docs/formats.md")
ROWS = []


def run(*words):
    return subprocess.run([COTTER, "import", *words], capture_output=True, text=True, timeout=60,
                          check=False)


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
    ROWS.append(f"| {what} | {len(outcomes)} | {imported} | {nothing} | "
                f"{len(outcomes) - imported - nothing} | {len(rules)} | "
                f"{sum(len(rule.get('pins', [])) for rule in rules)} |")


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
    table = ("| configurations | files | imported | nothing pinned | refused | rules | pins |\n"
             "|---|---|---|---|---|---|---|\n" + "\n".join(sorted(ROWS)))
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
