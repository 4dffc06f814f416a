# SPDX-License-Identifier: Apache-2.0
"""`cotter get` against servers of the lab, of nginx (HTTP/2) and of Python: what is printed, where the body goes, and the
exit codes. Proxies and redirects to other hosts are rows of tests/attacks."""
import contextlib
import gzip
import http.server
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

SOURCE = os.environ["COTTER_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "tests/support"))
sys.path.insert(0, os.path.join(SOURCE, "tests/probe"))
import daemons  # noqa: E402
from lab import Lab  # noqa: E402

SECONDS = 60
HOST = "api.example.com"


class Answers(http.server.BaseHTTPRequestHandler):
    """A server with a path for each kind of answer."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/gzip":
            return self.answer(gzip.compress(b"unpacked\n"), ("Content-Encoding", "gzip"))
        if self.path == "/bomb":  # 100 MiB in 100 KiB
            return self.answer(gzip.compress(bytes(100 << 20)), ("Content-Encoding", "gzip"))
        if self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"less")
            self.close_connection = True
            return None
        if self.path == "/broken":
            return self.answer(b"this is not gzip", ("Content-Encoding", "gzip"))
        return self.answer(self.path.encode() + b"\n")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(self.headers["Content-Type"].encode() + b"|" + body + b"|" + self.headers.get("X-A", "").encode())

    def answer(self, body, *headers):
        self.send_response(200)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):  # a client that has had enough
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def answering(lab):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(lab.file("leaf", "chain.pem"), lab.file("leaf", "key"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def nginx_h2(lab):
    with daemons.directory() as path:
        port = daemons.free_port()
        for kind in ("chain.pem", "key"):
            with open(lab.file("leaf", kind), "rb") as source, open(os.path.join(path, kind), "wb") as copy:
                copy.write(source.read())
            daemons.own(os.path.join(path, kind))
        temporary = "".join(f"{kind}_temp_path {path};\n" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = os.path.join(path, "nginx.conf")
        with open(config, "w", encoding="ascii") as out:
            out.write(f"""daemon off; master_process off; pid {path}/pid; error_log stderr; events {{}}
                http {{ access_log off; {temporary}
                  server {{ listen 127.0.0.1:{port} ssl http2; ssl_certificate {path}/chain.pem;
                            ssl_certificate_key {path}/key; location / {{ return 200 "$server_protocol\\n"; }} }} }}""")
        daemons.own(path)
        with daemons.daemon(["/usr/sbin/nginx", "-e", "stderr", "-c", config], port, path):
            yield port


class Get(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = cls.enterClassContext(Lab([], ["--identity", "rogue-leaf"]))
        cls.home = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.port = cls.enterClassContext(answering(cls.lab))
        cls.policy = os.path.join(cls.home, "policy.toml")
        with open(cls.policy, "w", encoding="ascii") as out:
            out.write(f'[policy]\nname = "get"\nversion = 7\n[[host]]\npattern = "{HOST}"\npins = [\n'
                      f'  {{ pin = "{cls.lab.pin("leaf")}", place = "leaf" }},\n'
                      f'  {{ pin = "{cls.lab.pin("backup")}", use = "backup" }},\n]\n')
        cls.roots = os.path.join(cls.home, "roots.pem")
        with open(cls.roots, "w", encoding="ascii") as out:
            for name in ("root", "rogue-root"):
                with open(cls.lab.file(name), encoding="ascii") as pem:
                    out.write(pem.read())

    def get(self, *words, path="/", port=None, rules=None, scheme="https", text=True, **more):
        port = port or self.port
        rules = ["--policy", self.policy] if rules is None else rules
        return subprocess.run(
            [os.environ["COTTER_BIN"], "get", *rules, "--no-system-roots", "--cacert", self.roots, "--connect-to",
             f"{HOST}::127.0.0.1:{port}", *words, f"{scheme}://{HOST}:{port}{path}"],
            capture_output=True, text=text, timeout=SECONDS, check=False, **more)

    def test_the_body_goes_to_standard_output(self):
        done = self.get(path="/a/path")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "/a/path\n", ""))

    def test_ways_to_a_server_are_read_as_other_commands_read_them(self):
        """libcurl leaves out in silence what it does not understand."""
        def ask(*ways):
            return subprocess.run([os.environ["COTTER_BIN"], "get", "--policy", self.policy, "--no-system-roots", "--cacert",
                                   self.roots, *ways, f"https://{HOST}/b"], capture_output=True, text=True, timeout=SECONDS,
                                  check=False)

        done = ask("--connect-to", f"127.0.0.1:{self.port}")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "/b\n", ""))
        for ways in (("--connect-to", "a:b:c"), ("--connect-to", f"{HOST}:x"), ("--resolve", f"{HOST}:443"),
                     ("--resolve", f"{HOST}:443:nowhere")):
            done = ask(*ways)
            self.assertEqual((done.returncode, done.stdout), (2, ""), ways)
            self.assertIn(f"{ways[0]}: expected", done.stderr)

    def test_json_tells_the_facts_of_the_connection(self):  # S2-09, S3-03
        done = self.get("--json")
        facts = json.loads(done.stdout)
        self.assertEqual((done.returncode, facts["status"], facts["verdict"]), (0, 200, "pinned_ok"))
        self.assertEqual(facts["matched"], {"pin": self.lab.pin("leaf"), "place": "leaf", "index": 0, "use": "active"})
        self.assertEqual(facts["path"], [self.lab.pin(name) for name in ("leaf", "intermediate", "root")])
        self.assertEqual((facts["tls"], facts["peer"]), ("TLSv1.3", f"127.0.0.1:{self.port}"))
        self.assertEqual(facts["policy"], {"name": "get", "version": 7})

    def test_a_refusal_says_what_was_found_and_sends_nothing(self):  # S1-31, S2-12, S3-53
        rogue = self.lab.port(1)
        done = self.get("-d", "secret", "-H", "Authorization: secret", "--json", port=rogue)
        found = [self.lab.pin("rogue-leaf"), self.lab.pin("rogue-root")]
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"bad ssl pin detected, found pins: [{' '.join(found)}]", done.stderr)
        self.assertIn(HOST, done.stderr)
        facts = json.loads(done.stdout)
        self.assertEqual((facts["code"], facts["found"], facts["peer"]), ("pin_mismatch", found, f"127.0.0.1:{rogue}"))
        self.assertEqual(self.lab.settled()[1]["details"][-1]["application_bytes"], 0)

    def test_unverified_tls_is_a_configuration_error_in_either_order(self):  # S1-18
        text = "invalid config: certificate pinning cannot be used with insecure skip verify"
        for rules in (["--policy", self.policy], ["--pin", self.lab.pin("leaf")]):
            for words in ([*rules, "-k"], ["--insecure", *rules]):
                done = self.get(rules=words)
                self.assertEqual((done.returncode, done.stdout), (2, ""), words)
                self.assertIn(text, done.stderr)
        done = self.get(rules=["-k"], port=self.lab.port(1))
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("invalid config: there is no client that skips verification", done.stderr)

    def test_both_answers_in_json_have_the_same_keys_for_the_same_things(self):  # S0-26
        answers = [json.loads(self.get("--json", port=port).stdout) for port in (self.port, self.lab.port(1))]
        answers.append(json.loads(self.get("--json", port=daemons.free_port()).stdout))
        for key in ("url", "status", "verdict", "code", "message", "reasons", "matched", "found", "peer",
                    "through_proxy", "policy"):
            for answer in answers:
                self.assertIn(key, answer)
        self.assertEqual([answer["reasons"] for answer in answers], [[], ["pin_mismatch"], []])
        self.assertEqual(answers[0]["found"], answers[0]["path"])

    def test_pins_on_the_command_line_are_for_the_host(self):
        self.assertEqual(self.get(rules=["--pin", self.lab.pin("root")]).returncode, 0)
        self.assertEqual(self.get(rules=["--pin", self.lab.pin("backup")]).returncode, 1)
        self.assertEqual(self.get(rules=["--pin", "sha256/short"]).returncode, 2)

    def test_exit_codes(self):
        self.assertEqual(self.get(scheme="http").returncode, 1)
        self.assertEqual(self.get("--max-time", "x").returncode, 2)
        self.assertEqual(self.get(scheme="ftp").returncode, 2)
        self.assertEqual(self.get(port=daemons.free_port()).returncode, 3)

    def test_data_and_headers_are_sent_as_curl_sends_them(self):
        done = self.get("-d", "a=1", "-d", "b=2", "-H", "X-A: yes")
        self.assertEqual(done.stdout, "application/x-www-form-urlencoded|a=1&b=2|yes")
        done = self.get("-d", "@-", "-H", "Content-Type: text/plain", input="from a pipe")
        self.assertEqual(done.stdout, "text/plain|from a pipe|")

    def test_a_file_appears_only_when_it_is_complete(self):
        path = os.path.join(self.home, "out")
        with open(path, "w", encoding="ascii") as out:
            out.write("before")
        self.assertEqual(self.get("-o", path, path="/short").returncode, 3)
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), "before")
        self.assertEqual(self.get("-o", path).stdout, "")
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), "/\n")
        self.assertEqual([name for name in os.listdir(self.home) if name.startswith("out.")], [])

    def test_compressed_bodies_are_unpacked_up_to_a_limit(self):
        self.assertEqual(self.get(path="/gzip").stdout, "unpacked\n")
        bomb = self.get("-i", path="/bomb")  # with the head in front, the body is kept in memory
        self.assertEqual(bomb.returncode, 3)
        self.assertIn("body_too_large", bomb.stderr)
        self.assertIn("http_failed", self.get(path="/broken").stderr)

    def test_http_2(self):  # S1-56
        with nginx_h2(self.lab) as port:
            self.assertEqual(self.get(port=port).stdout, "HTTP/2.0\n")
            self.assertEqual(json.loads(self.get("--json", port=port).stdout)["http_version"], "2")
            self.assertEqual(self.get("--no-http2", port=port).stdout, "HTTP/1.1\n")
            done = self.get(port=port, rules=["--pin", self.lab.pin("backup")])
            self.assertEqual(done.returncode, 1)

    def test_a_trace_tells_no_secret(self):  # S1-15, S1-24; T19 of other clients
        done = self.get("-v", "-H", "Authorization: Bearer hidden", "-H", "Cookie: hidden", path="/?key=hidden")
        self.assertEqual(done.returncode, 0)
        self.assertIn("request finished method=GET", done.stderr)
        self.assertIn("> authorization: [redacted]", done.stderr.lower())
        self.assertNotIn("hidden", done.stderr)

    def test_files_of_cookies_and_hsts_are_checked(self):  # S1-36
        jar = os.path.join(self.home, "jar")
        self.assertEqual(self.get("--cookie-jar", jar, "--hsts", os.path.join(self.home, "hsts")).returncode, 0)
        self.assertEqual(os.stat(jar).st_mode & 0o777, 0o600)
        with open(jar, "wb") as out:
            out.write(os.urandom(1000) + b"\n")
        done = self.get("--cookie-jar", jar)
        self.assertEqual(done.returncode, 2)
        self.assertIn("format_malformed", done.stderr)

    def test_without_descriptors_or_memory_it_ends_in_order(self):
        command = [os.environ["COTTER_BIN"], "get", "--policy", self.policy, "--cacert", self.roots, "--no-system-roots",
                   "--connect-to", f"{HOST}::127.0.0.1:{self.port}", f"https://{HOST}:{self.port}/"]
        for limit in ("-n 4", "-n 6", "-n 8", "-n 10", "-v 60000"):
            done = subprocess.run(["bash", "-c", f'ulimit {limit}; exec "$@"', "bash", *command], capture_output=True,
                                  text=True, timeout=SECONDS, check=False)
            self.assertIn(done.returncode, (0, 2, 3, 127), (limit, done))
            self.assertIn(done.stdout, ("/\n", ""))

    def test_nothing_of_the_environment_leads_elsewhere(self):
        environment = {**os.environ, "https_proxy": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}
        self.assertEqual(self.get(env=environment).returncode, 0)

    def test_other_commands_do_not_load_libcurl(self):
        trace = subprocess.run([os.environ["COTTER_BIN"], "version"], capture_output=True, text=True, check=True,
                               timeout=SECONDS, env={**os.environ, "LD_DEBUG": "libs"})
        self.assertNotIn("libcurl", trace.stderr)


if __name__ == "__main__":
    unittest.main()
