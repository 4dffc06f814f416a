# SPDX-License-Identifier: Apache-2.0
"""The rows "gateway" of bench/run: cotter gateway beside haproxy and nginx, all before one TLS server, in turn.

The measure is CPU time of the gateway's process for each request. haproxy and nginx verify the chain and the name and hold
no pin; each has one thread. The server is nginx with a chain of P-256 keys; Debian's speaks TLS 1.2 unless told otherwise, to
all three, and so resumes by its tickets."""
import contextlib
import os
import pathlib
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

HOST = "api.example.com"
ROUNDS = 5
SECONDS = 2
IDLE = 10_000
TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_chain(folder):
    """root.pem, chain.pem and key.pem, by the openssl program."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    for name in ("root", "intermediate", "leaf"):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", f"{name}.key")
    openssl("req", "-x509", "-new", "-key", "root.key", "-subj", "/CN=bench root", "-days", "30", "-out", "root.pem",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    extensions = {"intermediate": "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n",
                  "leaf": f"basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:{HOST}\nextendedKeyUsage=serverAuth\n"
                          "keyUsage=critical,digitalSignature\n"}
    for name, issuer in (("intermediate", "root"), ("leaf", "intermediate")):
        (folder / f"{name}.ext").write_text(
            extensions[name] + "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")
        openssl("req", "-new", "-key", f"{name}.key", "-subj", f"/CN=bench {name}", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-CAcreateserial",
                "-days", "30", "-extfile", f"{name}.ext", "-out", f"{name}.pem")
    (folder / "chain.pem").write_text((folder / "leaf.pem").read_text() + (folder / "intermediate.pem").read_text())


NGINX = """daemon off; worker_processes 1; master_process off; pid {folder}/{name}.pid; error_log {folder}/{name}.log crit;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/{name}-b; proxy_temp_path {folder}/{name}-p;
fastcgi_temp_path {folder}/{name}-f; uwsgi_temp_path {folder}/{name}-u; scgi_temp_path {folder}/{name}-s;
{body} }}
"""


def server_config(folder, port):
    return NGINX.format(folder=folder, name="server", body=f"""
server {{ listen 127.0.0.1:{port} ssl backlog=4096; ssl_certificate {folder}/chain.pem; ssl_certificate_key {folder}/leaf.key;
ssl_session_tickets on; location / {{ default_type text/plain; return 200 "{'x' * 512}"; }} }}""")


def nginx_config(folder, listen, server, mode):
    keep = "keepalive 64; keepalive_requests 1000000000;" if mode == "kept" else ""
    return NGINX.format(folder=folder, name=f"nginx-{mode}", body=f"""
upstream server {{ server 127.0.0.1:{server}; {keep} }}
server {{ listen 127.0.0.1:{listen} backlog=4096; location / {{ proxy_pass https://server; proxy_http_version 1.1;
proxy_set_header Connection "{'' if mode == 'kept' else 'close'}"; proxy_set_header Host {HOST}; proxy_ssl_server_name on;
proxy_ssl_name {HOST}; proxy_ssl_verify on; proxy_ssl_verify_depth 3; proxy_ssl_trusted_certificate {folder}/root.pem;
proxy_ssl_protocols TLSv1.2 TLSv1.3; proxy_ssl_session_reuse {'on' if mode == 'resumed' else 'off'}; }} }}""")


def haproxy_config(folder, listen, server, mode):
    reuse = "http-reuse always" if mode == "kept" else "http-reuse never\n  option http-server-close"
    tickets = "" if mode == "resumed" else "no-ssl-reuse"
    return f"""
global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 30s
  {reuse}
listen gateway
  bind 127.0.0.1:{listen}
  server one 127.0.0.1:{server} ssl verify required ca-file {folder}/root.pem verifyhost {HOST} sni str({HOST}) {tickets}
"""


def cotter_config(folder, listen, server, mode, pin):
    (folder / "policy.toml").write_text(
        f'[policy]\nname = "bench"\nversion = 1\n[[host]]\npattern = "{HOST}"\npins = [ {{ pin = "{pin}" }} ]\n')
    keep = {"kept": 64, "full": 0, "resumed": 0}[mode]
    resume = "true" if mode == "resumed" else "false"
    return (f'[gateway]\npolicy = "policy.toml"\nresume = {resume}\n[trust]\nsystem_roots = false\nfiles = ["root.pem"]\n'
            f"[limits]\nconnections = 20000\n[timeouts]\nidle = 600\nheader = 600\n"
            f'[[route]]\nlisten = "127.0.0.1:{listen}"\nupstream = "{HOST}:443"\naddresses = ["127.0.0.1:{server}"]\n'
            f"connections = 4096\nidle_connections = {keep}\n")


@contextlib.contextmanager
def running(words, port, address="127.0.0.1"):
    process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection((address, port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > end:
                    sys.exit(f"bench/run: {words[0]} did not start")
                time.sleep(0.05)
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # its workers too
        process.wait()


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def load(process, port, connections):
    """CPU microseconds of the process for each request, and requests a second."""
    before = cpu_seconds(process)
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", f"http://127.0.0.1:{port}/"], check=True,
                         capture_output=True, text=True).stdout
    used = cpu_seconds(process) - before
    if "Non-2xx" in out or "Socket errors" in out:
        sys.exit(f"bench/run: errors under load:\n{out}")
    requests = int(out.split(" requests in ")[0].rsplit("\n", 1)[-1])
    rate = float(out.split("Requests/sec:")[1].split()[0])
    return used / requests * 1e6, rate


def resident(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS:"))


def pin_of(cotter, folder):
    return subprocess.run([cotter, "pins", "--bare", folder / "leaf.pem"], check=True, capture_output=True,
                          text=True).stdout.split()[0]


LIMITS = {"kept": ("kept-alive request", 32, 1.2), "full": ("request with a full handshake", 16, 1.05),
          "resumed": ("request with a resumed handshake", 16, 1.0)}


def bench_mode(table, cotter, folder, server, mode, pin):
    what, connections, limit = LIMITS[mode]
    ports = {name: free_port() for name in ("cotter", "haproxy", "nginx")}
    texts = {"cotter": cotter_config(folder, ports["cotter"], server, mode, pin),
             "haproxy": haproxy_config(folder, ports["haproxy"], server, mode),
             "nginx": nginx_config(folder, ports["nginx"], server, mode)}
    files = {name: folder / f"{name}-{mode}.conf" for name in texts}
    for name, text in texts.items():
        files[name].write_text(text)
    commands = {"cotter": [cotter, "gateway", "--config", files["cotter"]],
                "haproxy": ["haproxy", "-db", "-f", files["haproxy"]], "nginx": ["nginx", "-c", files["nginx"]]}
    figures = {name: [] for name in ports}
    with contextlib.ExitStack() as stack:
        processes = {name: stack.enter_context(running(commands[name], ports[name])) for name in ports}
        for number in range(ROUNDS + 1):
            for name, process in processes.items():
                figure = load(process, ports[name], connections)
                if number > 0:
                    figures[name].append(figure)
    cpu = {name: statistics.median(one[0] for one in all_of) for name, all_of in figures.items()}
    rate = {name: statistics.median(one[1] for one in all_of) for name, all_of in figures.items()}
    for peer in ("haproxy", "nginx"):
        ratio = cpu["cotter"] / cpu[peer]
        table.add(f"gateway, {what}", f"{cpu['cotter']:.1f} us, {rate['cotter']:,.0f}/s",
                  f"{peer} {cpu[peer]:.1f} us, {rate[peer]:,.0f}/s", f"{ratio:.2f}", f"<= {limit:.2f}", ratio <= limit)


def bench_idle(table, cotter, folder, server, pin):
    port = free_port()
    config = folder / "cotter-idle.conf"
    config.write_text(cotter_config(folder, port, server, "kept", pin))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(IDLE, hard - 100)
    with running([cotter, "gateway", "--config", config], port) as process, contextlib.ExitStack() as stack:
        for _ in range(count):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), 20))
            client.sendall(f"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            client.recv(4096)
        used = resident(process)
    table.add(f"gateway, {count:,} idle clients", f"{used / 2**20:.0f} MiB", "memory", "", "<= 300 MiB", used <= 300 << 20)


def bench_gateway(table, folder, cotter):
    for tool in ("haproxy", "nginx", "wrk"):
        if shutil.which(tool) is None:
            sys.exit(f"bench/run: {tool} is missing; install the packages of tools/packages/bench.txt")
    folder = pathlib.Path(folder)
    make_chain(folder)
    pin = pin_of(cotter, folder)
    port = free_port()
    config = folder / "server.conf"
    config.write_text(server_config(folder, port))
    with running(["nginx", "-c", config], port):
        for mode in LIMITS:
            bench_mode(table, cotter, folder, port, mode, pin)
        bench_idle(table, cotter, folder, port, pin)
