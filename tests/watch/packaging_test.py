# SPDX-License-Identifier: Apache-2.0
"""What ships for Prometheus, Grafana, Alertmanager and systemd: checked by their own tools, and against what is exported."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

from watch import HOST, Lab, Watch, policy_text

SOURCE = pathlib.Path(os.environ.get("COTTER_SOURCE_DIR", "."))
PACKAGING = SOURCE / "packaging"
RULES = PACKAGING / "prometheus/cotter-watch.rules.yml"
TESTS = PACKAGING / "prometheus/cotter-watch.test.yml"
METRIC = re.compile(r"\b((?:cotter|ssl|process)_[a-z_]+)\b")


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)
    return done.stdout


class Packaging(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
        lab = cls.enterClassContext(Lab([]))
        watch = cls.enterClassContext(Watch(policy_text([lab.pin("leaf"), (lab.pin("backup"), "backup")]), [lab.file("root")],
                                            [f"{HOST}:{lab.port(0)}"], sinks=[{"type": "file", "path": "alerts"}]))
        cls.exported = set(re.findall(r"(?m)^# TYPE (\w+) ", watch.page("/metrics")[1]))

    def test_promtool_takes_the_rules_and_every_one_is_tested(self):
        self.assertIn("SUCCESS", run("promtool", "check", "rules", RULES))
        self.assertIn("SUCCESS", run("promtool", "test", "rules", TESTS))
        tested = {}
        for test in yaml.safe_load(TESTS.read_text())["tests"]:
            for case in test["alert_rule_test"]:
                tested.setdefault(case["alertname"], []).append(bool(case["exp_alerts"]))
        self.assertEqual({rule["alert"] for rule in self.rules}, {name for name, fired in tested.items() if any(fired)})

    def test_rules_and_dashboard_use_only_what_is_exported(self):
        for rule in self.rules:
            used = set(METRIC.findall(rule["expr"]))
            self.assertEqual(used - self.exported, set(), rule["alert"])
        board = json.loads((PACKAGING / "grafana/cotter-watch.json").read_text())
        for panel in board["panels"]:
            for target in panel["targets"]:
                used = set(METRIC.findall(target["expr"]))
                self.assertTrue(used, panel["title"])
                self.assertEqual(used - self.exported, set(), panel["title"])
        self.assertEqual(len({panel["id"] for panel in board["panels"]}), len(board["panels"]))

    def test_the_expressions_of_the_dashboard_parse(self):
        board = json.loads((PACKAGING / "grafana/cotter-watch.json").read_text())
        rules = {"groups": [{"name": "board", "rules": [
            {"record": f"board:panel{panel['id']}:{target['refId'].lower()}", "expr": target["expr"]}
            for panel in board["panels"] for target in panel["targets"]]}]}
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            file.write(json.dumps(rules))
            file.flush()
            self.assertIn("SUCCESS", run("promtool", "check", "rules", file.name))

    def test_what_is_exported_is_well_formed(self):
        lab = self.enterContext(Lab([]))
        watch = self.enterContext(Watch(policy_text([lab.pin("leaf")]), [lab.file("root")], [f"{HOST}:{lab.port(0)}"]))
        watch.wait_looks()
        for path in ("/metrics", f"/probe?target={HOST}:{lab.port(0)}"):
            done = subprocess.run(["promtool", "check", "metrics"], input=watch.page(path)[1], capture_output=True, text=True,
                                  timeout=60, check=False)
            # Names that others gave cannot change: a counter without _total, and blackbox_exporter's.
            left = [line for line in done.stderr.splitlines()
                    if "ssl_pin_failure" not in line and not line.startswith("probe_")]
            self.assertEqual(left, [], done.stderr)

    def test_each_rule_has_a_page(self):
        pages = {page.stem for page in (SOURCE / "docs/runbooks").glob("*.md")}
        self.assertEqual(pages, {rule["alert"] for rule in self.rules})

    def test_amtool_takes_the_routing(self):
        config = str(PACKAGING / "alertmanager/alertmanager.yml")
        run("amtool", "check-config", config)
        for labels, receiver in ((["severity=critical", "alertname=pin_mismatch"], "pager"),
                                 (["severity=warning", "alertname=renewal_overdue"], "tickets"),
                                 (["severity=critical", "alertname=state_unusable"], "second-channel,pager")):
            self.assertEqual(run("amtool", "config", "routes", "test", "--config.file", config, *labels).strip(), receiver)

    def test_the_unit_is_sound_and_little_is_exposed(self):
        unit = PACKAGING / "systemd/cotter-watch.service"
        run("systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit))
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / unit.name
            text = unit.read_text().replace("/usr/bin/cotter", "/bin/true")
            copy.write_text(re.sub(r"(?m)^Documentation=.*\n", "", text))
            said = subprocess.run(["systemd-analyze", "verify", copy], check=False, capture_output=True, text=True, timeout=60)
            self.assertNotIn("cotter-watch", said.stderr)


if __name__ == "__main__":
    unittest.main()
