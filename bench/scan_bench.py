# SPDX-License-Identifier: Apache-2.0
"""The rows "scan" of bench/run: `cotter scan` beside process-per-endpoint tools and beside OpenSSL alone, on 2,000 loopback
endpoints: nginx with 200 servers, each with a certificate of its own and ten addresses.

Figures are endpoints for each second of CPU time, all in turn, that of the servers counted: they are the same for all, and a
busy machine does not change them. `scan --quick` makes one handshake an endpoint and verifies what it sees, as does `openssl s_client`;
the bare loop verifies nothing. `scan` in full asks for versions and suites, as sslscan does."""
import os
import pathlib
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

from gateway_bench import HOST, cpu_seconds, free_port, make_chain, pin_of, running

SERVERS, ADDRESSES = 200, 10
ROUNDS = 5
PEER_SAMPLE = 400     # endpoints that s_client is given: its rate does not depend on how many there are
SSLSCAN_SAMPLE = 60   # each takes dozens of connections
LOOP_THREADS = 32
OPEN = 10_000
DESCRIPTORS = 1024 + OPEN
LOOK_BYTES = 64 * 1024


def make_servers(folder, port):
    """nginx's configuration, a leaf for each server, and all endpoints as (address, port, name)."""
    blocks, endpoints = "", []
    for number in range(SERVERS):
        name = f"h{number}.example.com"
        key, csr, leaf, ext = (folder / f"h{number}.{end}" for end in ("key", "csr", "pem", "ext"))
        ext.write_text(f"basicConstraints=critical,CA:FALSE\nsubjectAltName=DNS:{name}\nextendedKeyUsage=serverAuth\n"
                       "authorityKeyIdentifier=keyid\n")
        quiet = {"check": True, "cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                        key, "-out", csr, "-subj", f"/CN={name}"], **quiet)
        subprocess.run(["openssl", "x509", "-req", "-in", csr, "-CA", "intermediate.pem", "-CAkey", "intermediate.key",
                        "-CAcreateserial", "-days", "30", "-extfile", ext, "-out", leaf], **quiet)
        leaf.write_text(leaf.read_text() + (folder / "intermediate.pem").read_text())
        listens = ""
        for last in range(1, ADDRESSES + 1):
            address = f"127.1.{number}.{last}"
            listens += f"listen {address}:{port} ssl; "
            endpoints.append((address, port, name))
        blocks += f"server {{ {listens} ssl_certificate {leaf}; ssl_certificate_key {key}; }}\n"
    config = folder / "farm.conf"
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config.write_text(f"""daemon off; master_process off; pid {folder}/farm.pid; error_log {folder}/farm.log crit;
events {{ worker_connections 8192; }}
http {{ access_log off; ssl_session_cache off; server_names_hash_bucket_size 128; {temporary} {blocks} }}
""")
    return config, endpoints


def timed(command, count, server, **kwargs):
    """Endpoints for each second of CPU, of the command with its children and of the server."""
    def spent():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime + cpu_seconds(server)
    start = spent()
    subprocess.run([str(word) for word in command], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs)
    return count / (spent() - start)


def cotter_scan(cotter, folder, endpoints, *options):
    names = {}
    for address, port, name in endpoints:
        names.setdefault((name, port), []).append(address)
    resolve = [word for (name, port), some in names.items() for word in ("--resolve", f"{name}:{port}:{','.join(some)}")]
    listed = folder / "hosts.txt"
    listed.write_text("".join(f"{name}:{port}\n" for name, port in names))
    return [cotter, "scan", "--no-system-roots", "--cacert", folder / "root.pem", "--format", "ndjson", "--list", listed,
            *resolve, *options]


def bench_rates(table, cotter, loop, folder, endpoints, server):
    lines = folder / "endpoints.txt"
    lines.write_text("".join(f"{address} {port} {name}\n" for address, port, name in endpoints))
    sample = endpoints[::len(endpoints) // PEER_SAMPLE][:PEER_SAMPLE]
    s_client = (f"openssl s_client -CAfile {folder}/root.pem -connect $0:$1 -servername $2 </dev/null")
    few = endpoints[::len(endpoints) // SSLSCAN_SAMPLE][:SSLSCAN_SAMPLE]
    as_lines = {name: "".join(f"{a} {p} {n}\n" for a, p, n in some) for name, some in (("s_client", sample), ("sslscan", few))}
    quick, full = cotter_scan(cotter, folder, endpoints, "--quick"), cotter_scan(cotter, folder, endpoints)
    rates = {"quick": [], "full": [], "loop": [], "s_client": [], "sslscan": []}
    for _ in range(ROUNDS):
        rates["quick"].append(timed(quick, len(endpoints), server))
        rates["loop"].append(timed([loop, LOOP_THREADS, lines], len(endpoints), server))
        rates["s_client"].append(timed(["xargs", "-P", "32", "-n", "3", "sh", "-c", s_client], len(sample), server,
                                       input=as_lines["s_client"].encode()))
        rates["full"].append(timed(full, len(endpoints), server))
        rates["sslscan"].append(timed(["xargs", "-P", "32", "-n", "3", "sh", "-c", "sslscan --sni-name=$2 $0:$1 </dev/null"],
                                      len(few), server, input=as_lines["sslscan"].encode()))

    def ratio(ours, peer):
        return statistics.median(a / b for a, b in zip(rates[ours], rates[peer]))

    def row(what, ours, peer, limit):
        value = ratio(ours, peer)
        table.add(what, f"{statistics.median(rates[ours]):,.0f}/s", f"{statistics.median(rates[peer]):,.0f}/s {peer}",
                  f"{value:.2f}", f">= {limit}", value >= limit)

    row("scan: one handshake an endpoint, xargs -P 32", "quick", "s_client", 5)
    row("scan: one handshake an endpoint, OpenSSL alone", "quick", "loop", 0.8)
    row("scan: versions, suites and headers, xargs -P 32", "full", "sslscan", 5)


def silent_listeners(count):
    """Sockets that connections pile up on and nobody accepts."""
    listeners = []
    for _ in range(count):
        one = socket.socket()
        one.bind(("127.0.0.1", 0))
        one.listen(4096)
        listeners.append(one)
    return listeners


def watch_process(process, wanted, stop_at):
    """The most descriptors and KiB of memory that a process has while it runs, until it has `wanted` descriptors for a
    second or `stop_at` passes."""
    most, memory, since = 0, 0, None
    while process.poll() is None and time.monotonic() < stop_at:
        try:
            most = max(most, len(os.listdir(f"/proc/{process.pid}/fd")))
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            memory = max(memory, int(status.split("VmRSS:")[1].split()[0]))
        except (FileNotFoundError, IndexError):
            break
        if most >= wanted:
            since = since or time.monotonic()
            if time.monotonic() - since > 1:
                break
        time.sleep(0.05)
    return most, memory


def run_open(cotter, folder, targets, *options):
    listed = folder / "open.txt"
    listed.write_text("".join(f"{target}\n" for target in targets))

    def limits():
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    with subprocess.Popen([str(cotter), "scan", "--at-once", str(OPEN), "--timeout", "60", "--format", "ndjson",
                           "--no-system-roots", "--cacert", str(folder / "root.pem"), "--list", str(listed), *options],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=limits) as process:
        try:
            return watch_process(process, len(targets), time.monotonic() + 50)
        finally:
            process.send_signal(signal.SIGKILL)


def bench_open(table, cotter, folder):
    """Memory of looks that hang in the handshake, and of looks that wait for an answer behind it."""
    listeners = silent_listeners(4)
    ports = [one.getsockname()[1] for one in listeners]
    base = run_open(cotter, folder, [f"127.0.0.1:{ports[0]}"], "--quick")[1]
    resolve = [word for port in ports for word in ("--resolve", f"*:{port}:127.0.0.1")]
    most, memory = run_open(cotter, folder, [f"h{i}.example.com:{ports[i % 4]}" for i in range(OPEN)], "--quick", *resolve)
    for one in listeners:
        one.close()
    each = (memory - base) * 1024 / OPEN
    table.add("scan: 10,000 looks at once, descriptors", f"{most:,}", f"{DESCRIPTORS:,}", f"{most / DESCRIPTORS:.2f}", "<= 1",
              OPEN <= most <= DESCRIPTORS)
    table.add("scan: memory of a look in its handshake", f"{each / 1024:.1f} KiB", f"{LOOK_BYTES // 1024} KiB",
              f"{each / LOOK_BYTES:.2f}", "<= 1", 0 < each <= LOOK_BYTES)


def bench_answers(table, cotter, folder):
    """The same behind the handshake: nginx holds the answer back."""
    module = "/usr/lib/nginx/modules/ngx_http_echo_module.so"
    if not pathlib.Path(module).exists():
        sys.exit("bench/run: libnginx-mod-http-echo is missing; install the packages of tools/packages/bench.txt")
    port, count = free_port(), 4000
    config = folder / "slow.conf"
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config.write_text(f"""load_module {module};
daemon off; worker_processes 1; pid {folder}/slow.pid; error_log {folder}/slow.log crit; worker_rlimit_nofile 16000;
events {{ worker_connections 12000; }}
http {{ access_log off; {temporary} server {{ listen 127.0.0.1:{port} ssl backlog=4096; ssl_certificate {folder}/chain.pem;
  ssl_certificate_key {folder}/leaf.key; location / {{ echo_sleep 50; echo done; }} }} }}
""")
    options = ["--resolve", f"*:{port}:127.0.0.1"]
    with running(["nginx", "-c", config], port):
        base = run_open(cotter, folder, [f"h.example.com:{port}"], *options)[1]
        memory = run_open(cotter, folder, [f"h{i}.example.com:{port}" for i in range(count)], *options)[1]
    each = (memory - base) * 1024 / count
    table.add("scan: memory of a look that waits for an answer", f"{each / 1024:.1f} KiB", f"{LOOK_BYTES // 1024} KiB",
              f"{each / LOOK_BYTES:.2f}", "<= 1", 0 < each <= LOOK_BYTES)


def pump(source, target):
    """Passes bytes on, each piece late."""
    try:
        while data := source.recv(65536):
            time.sleep(0.09)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def slow_address(listener, port):
    """Serves `listener` as a slow way to the server at `port`, until it is closed."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        server = socket.create_connection(("127.0.0.1", port))
        for pair in ((client, server), (server, client)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


def bench_diagnose(table, cotter, folder):
    """A host of eight addresses, of which one is slow, beside that one alone."""
    port = free_port()
    listens = "".join(f"listen 127.0.0.{last}:{port} ssl; " for last in (1, 3, 4, 5, 6, 7, 8))
    config = folder / "eight.conf"
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config.write_text(f"""daemon off; master_process off; pid {folder}/eight.pid; error_log {folder}/eight.log crit; events {{}}
http {{ access_log off; {temporary}
  server {{ {listens} ssl_certificate {folder}/chain.pem; ssl_certificate_key {folder}/leaf.key; }} }}
""")

    def seconds(*addresses):
        start = time.monotonic()
        subprocess.run([str(cotter), "diagnose", "--pin", pin_of(cotter, folder), "--no-fetch", "--no-system-roots", "--cacert",
                        str(folder / "root.pem"), "--resolve", f"{HOST}:{port}:{','.join(addresses)}", f"{HOST}:{port}"],
                       check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - start

    with running(["nginx", "-c", config], port), socket.socket() as listener:
        listener.bind(("127.0.0.2", port))
        listener.listen(64)
        threading.Thread(target=slow_address, args=(listener, port), daemon=True).start()
        pairs = [(seconds(*(f"127.0.0.{last}" for last in range(1, 9))), seconds("127.0.0.2")) for _ in range(ROUNDS)]
        listener.shutdown(socket.SHUT_RDWR)
    ratio = statistics.median(ours / peer for ours, peer in pairs)
    table.add("diagnose: eight addresses, one slow", f"{statistics.median(one for one, _ in pairs):.2f} s wall",
              f"the slow one alone {statistics.median(one for _, one in pairs):.2f} s", f"{ratio:.2f}", "<= 1.5", ratio <= 1.5)


def bench_scan(table, folder, cotter, loop):
    for tool in ("nginx", "openssl", "sslscan", "xargs"):
        if shutil.which(tool) is None:
            sys.exit(f"bench/run: {tool} is missing; install the packages of tools/packages/bench.txt")
    folder = pathlib.Path(folder)
    make_chain(folder)
    port = free_port()
    config, endpoints = make_servers(folder, port)
    with running(["nginx", "-c", config], port, "127.1.0.1") as server:
        bench_rates(table, cotter, loop, folder, endpoints, server)
    bench_open(table, cotter, folder)
    bench_answers(table, cotter, folder)
    bench_diagnose(table, cotter, folder)
