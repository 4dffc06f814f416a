# SPDX-License-Identifier: Apache-2.0
"""With the real things: Prometheus scrapes, Alertmanager is told, mitmproxy stands in the way of a farm of nginx."""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest
import urllib.parse

from watch import HOST, PATIENCE, Lab, Receiver, Watch, fetch, free_port, policy_text, stop_process, wait_for


class Real(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="cotter-real-")))
        self.lab = self.enterContext(Lab([]))
        self.target = f"{HOST}:{self.lab.port(0)}"
        self.policy = policy_text([self.lab.pin("leaf"), (self.lab.pin("backup"), "backup")])

    def start(self, *command):
        log = open(self.folder / (pathlib.Path(command[0]).name + ".log"), "wb")
        self.addCleanup(log.close)
        process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, command)], stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log, cwd=self.folder)
        self.addCleanup(stop_process, process)
        return process

    def up(self, url):
        def answers():
            try:
                return fetch(url)[0] == 200
            except OSError:
                return False

        wait_for(url, answers)

    def alertmanager(self, receiver_port):
        port = free_port()
        (self.folder / "am.yml").write_text(
            "route: {receiver: r, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}\n"
            f"receivers: [{{name: r, webhook_configs: [{{url: 'http://127.0.0.1:{receiver_port}/', send_resolved: true}}]}}]\n")
        self.start("prometheus-alertmanager", "--config.file", self.folder / "am.yml", "--storage.path", self.folder / "am",
                   "--web.listen-address", f"127.0.0.1:{port}", "--cluster.listen-address=")
        self.up(f"http://127.0.0.1:{port}/-/ready")
        return f"http://127.0.0.1:{port}"

    # S1-39, S3-15.
    def test_alertmanager_gets_an_alert_and_its_recovery(self):
        receiver = self.enterContext(Receiver())
        url = self.alertmanager(receiver.port)
        watch = self.enterContext(Watch(self.policy, [self.lab.file("root")], [self.target],
                                        sinks=[{"type": "alertmanager", "url": url}], group={"region": "eu"}))
        watch.wait_looks()
        self.lab.present(0, "leaf-rsa")

        def open_alerts():
            return {alert["labels"]["alertname"]: alert for alert in json.loads(fetch(url + "/api/v2/alerts?active=true")[1])}

        alert = wait_for("Alertmanager", lambda: open_alerts().get("pin_mismatch"))
        self.assertEqual(alert["annotations"]["summary"], f"SSL pin mismatch: {HOST}")
        self.assertEqual(alert["labels"], {"alertname": "pin_mismatch", "severity": "critical", "target": self.target,
                                           "host": HOST, "group": "test", "region": "eu", "source": "cotter-watch"})

        def relayed(status):
            return [one for body in receiver.told_bodies() for one in body["alerts"]
                    if one["status"] == status and one["labels"]["alertname"] == "pin_mismatch"]

        wait_for("the page", lambda: relayed("firing"))
        self.lab.present(0, "leaf")
        wait_for("the end", lambda: "pin_mismatch" not in open_alerts())
        wait_for("the page of the end", lambda: relayed("resolved"))

    def test_prometheus_scrapes_and_alerts_by_the_rules_that_ship(self):
        watch = self.enterContext(Watch(self.policy, [self.lab.file("root")], [self.target]))
        port = free_port()
        rules = pathlib.Path(os.environ.get("COTTER_SOURCE_DIR", ".")).resolve() / "packaging/prometheus/cotter-watch.rules.yml"
        (self.folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
            f"rule_files: ['{rules}']\nscrape_configs:\n"
            f"- {{job_name: cotter-watch, static_configs: [{{targets: ['{watch.address()}']}}]}}\n"
            "- job_name: probe\n  metrics_path: /probe\n  static_configs: [{targets: ['" + self.target + "']}]\n"
            "  relabel_configs:\n  - {source_labels: [__address__], target_label: __param_target}\n"
            f"  - {{target_label: __address__, replacement: '{watch.address()}'}}\n")
        self.start("prometheus", "--config.file", self.folder / "prometheus.yml", "--storage.tsdb.path", self.folder / "tsdb",
                   "--web.listen-address", f"127.0.0.1:{port}")
        self.up(f"http://127.0.0.1:{port}/-/ready")

        def query(expression):
            url = f"http://127.0.0.1:{port}/api/v1/query?query=" + urllib.parse.quote(expression)
            return [float(one["value"][1]) for one in json.loads(fetch(url)[1])["data"]["result"]]

        wait_for("a scrape", lambda: query('up{job="cotter-watch"}') == [1.0])
        wait_for("the chain", lambda: query("cotter_chain_match") == [1.0, 1.0])  # of /metrics and of /probe
        wait_for("the probe", lambda: query('probe_success{job="probe"}') == [1.0])
        self.lab.present(0, "leaf-rsa")

        def state(name):
            alerts = json.loads(fetch(f"http://127.0.0.1:{port}/api/v1/alerts")[1])["data"]["alerts"]
            return {one["state"] for one in alerts if one["labels"]["alertname"] == name}

        wait_for("the key change", lambda: "firing" in state("CotterLeafKeyChangedOutsideRotation"))
        wait_for("the mismatch", lambda: state("CotterServesUnpinnedChain"))

    # S3-09, S3-49: one place of a farm answers otherwise, and mitmproxy in the way is told as what it is.
    def test_a_farm_of_nginx_and_mitmproxy_in_the_way(self):
        port, origin = free_port(), free_port()
        servers = ""
        for place in (f"127.0.0.1:{port}", f"127.0.0.2:{port}", f"127.0.0.3:{port}", f"127.0.0.1:{origin}"):
            servers += (f"server {{ listen {place} ssl; ssl_certificate {self.lab.file('leaf', 'chain.pem')};"
                        f" ssl_certificate_key {self.lab.file('leaf', 'key')}; return 200 ok; }}\n")
        config = self.folder / "nginx.conf"

        def write(text):
            config.write_text(f"daemon off; master_process off; pid {self.folder}/nginx.pid; error_log stderr;\nevents {{}}\n"
                              "http { access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f;"
                              f" uwsgi_temp_path u; scgi_temp_path s;\n{text}}}\n")

        write(servers)
        nginx = self.start("nginx", "-p", self.folder, "-c", config)
        receiver = self.enterContext(Receiver())
        target = f"{HOST}:{port}"
        watch = self.enterContext(Watch(self.policy, [self.lab.file("root")], [target], sinks=[receiver.sink()],
                                        group={"addresses": ["127.0.0.1", "127.0.0.2", "127.0.0.3"]}))
        match = f'cotter_chain_match{{target="{target}",group="test",vantage="local"}}'
        success = match.replace("cotter_chain_match", "cotter_probe_success")
        wait_for("three addresses", lambda: (watch.metrics().get(match), watch.metrics().get(success)) == (1, 1))
        # The third place is replaced by a proxy that inspects.
        stop_process(nginx)
        write(servers.replace(f"127.0.0.3:{port}", f"127.0.0.3:{free_port()}"))
        self.start("nginx", "-p", self.folder, "-c", config)
        self.start("mitmdump", "--mode", f"reverse:https://127.0.0.1:{origin}", "--listen-host", "127.0.0.3", "-p", port,
                   "--ssl-insecure", "--set", f"confdir={self.folder}/mitm", "--set", "keep_host_header=true")
        told = receiver.wait("pki_error")
        self.assertIn(f"127.0.0.3:{port}", told["details"])
        self.assertIn("intercepting_proxy", told["details"])
        receiver.wait("cdn_difference")


if __name__ == "__main__":
    unittest.main()
