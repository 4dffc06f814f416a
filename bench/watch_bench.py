#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The processor time of one look: cotter watch beside blackbox_exporter, on the same servers, in the same run.

    COTTER_BIN=build/release/cotter COTTER_BUILD_DIR=build/debug bench/watch_bench.py [HOSTS] [SECONDS]

HOSTS names (10,000) are looked at once every SECONDS (60) by each. The names lead to an nginx on loopback, which shows
one certificate for all of them. blackbox_exporter makes a TCP connection and a TLS handshake (prober tcp), and in a second
turn what its dashboards are for, a request (prober http); watch makes the handshake, its verdict, its memory and its figures. Only the two programs' own processor time counts. Prints JSON.
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/watch"))
from watch import Lab, Watch, free_port, policy_text, stop_process, wait_for  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


def cpu(pid):
    """Processor seconds that a process has used, user and system."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def start(*command, **keys):
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, command)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **keys)


def blackbox(folder, root, address, names, seconds, prober):
    port = free_port()
    tls = {"tls_config": {"ca_file": root, "server_name": names[0]}}
    module = {"tcp": {"tls": True, **tls}} if prober == "tcp" else {"http": tls}
    (folder / "blackbox.yml").write_text(json.dumps({"modules": {"tls": {"prober": prober, "timeout": "10s", **module}}}))
    if prober == "http":
        address = f"https://{address}/"
    process = start("prometheus-blackbox-exporter", f"--config.file={folder}/blackbox.yml",
                    f"--web.listen-address=127.0.0.1:{port}", "--log.level=error")
    try:
        url = f"http://127.0.0.1:{port}/probe?module=tls&target={address}"

        def probe(_):
            with urllib.request.urlopen(url, timeout=60) as answer:
                return b"\nprobe_success 1" in answer.read()

        def up():
            try:
                return probe(0)
            except OSError:
                return False

        wait_for("blackbox_exporter", up)
        begun, used = time.monotonic(), cpu(process.pid)
        good = 0
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            waiting = []
            for number in range(len(names)):
                # Spread over the time, as Prometheus would.
                due = begun + seconds * number / len(names)
                while time.monotonic() < due:
                    time.sleep(0.01)
                waiting.append(pool.submit(probe, number))
            good = sum(one.result() for one in waiting)
        return {"looks": good, "cpu_ms_per_look": 1000 * (cpu(process.pid) - used) / good, "rss_kib": memory(process.pid)}
    finally:
        stop_process(process)


def watch(lab, address, names, seconds, **group):
    host, port = address.split(":")
    policy = policy_text([lab.pin("leaf"), (lab.pin("backup"), "backup")], host="*.example.com")
    hosts = pathlib.Path(lab.dir) / "hosts.txt"
    hosts.write_text("".join(f"{name}:{port}\n" for name in names))
    with Watch(policy, [lab.file("root")], [], rules=(),
               group={"hosts_file": str(hosts), "addresses": [host], "interval": seconds, **group}) as program:
        pid = program.process.pid

        def looks():
            return program.metrics()["cotter_looks_total"]

        # What is known of the servers is there after the first round; what is measured is what goes on for ever.
        wait_for("the first rounds", lambda: looks() >= 2 * len(names), patience=600)
        # Figures cost too: they are scraped every 15 seconds.
        begun, used, before = time.monotonic(), cpu(pid), looks()
        while time.monotonic() - begun < seconds:
            end = min(time.monotonic() + 15, begun + seconds)
            wait_for("the next scrape", lambda: time.monotonic() >= end, patience=60)
            looks()
        done = looks() - before
        used = cpu(pid) - used
        metrics = program.metrics()
        matched = sum(value for name, value in metrics.items() if name.startswith("cotter_chain_match"))
        return {"looks": done, "cpu_ms_per_look": 1000 * used / done, "rss_kib": memory(pid), "matching": matched}


def main():
    hosts = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    names = [f"h{number}.example.com" for number in range(hosts)]
    with tempfile.TemporaryDirectory(prefix="cotter-bench-") as path, Lab([], world=["--names", "*.example.com"]) as lab:
        folder = pathlib.Path(path)
        port = free_port()
        (folder / "nginx.conf").write_text(
            f"daemon off; worker_processes 2; pid {folder}/pid; error_log {folder}/log;\nevents {{ worker_connections 4096; }}\n"
            f"http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;"
            f" uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; ssl_session_cache off; ssl_session_tickets off;\n"
            f" server {{ listen 127.0.0.1:{port} ssl backlog=4096; ssl_certificate {lab.file('leaf', 'chain.pem')};"
            f" ssl_certificate_key {lab.file('leaf', 'key')}; return 200; }} }}\n")
        nginx = start("nginx", "-p", folder, "-c", folder / "nginx.conf")
        try:
            address = f"127.0.0.1:{port}"
            results = {"hosts": hosts, "seconds": seconds, "load": os.getloadavg()[0],
                       **{f"blackbox_{prober}": blackbox(folder, lab.file("root"), address, names, seconds, prober)
                          for prober in ("tcp", "http")},
                       "watch": watch(lab, address, names, seconds)}
            for prober in ("tcp", "http"):
                theirs = results[f"blackbox_{prober}"]["cpu_ms_per_look"]
                results[f"ratio_to_{prober}"] = results["watch"]["cpu_ms_per_look"] / theirs
            print(json.dumps(results, indent=1))
        finally:
            nginx.terminate()
            nginx.wait(10)


if __name__ == "__main__":
    main()
