# SPDX-License-Identifier: Apache-2.0
"""What `cotter scan` is given: lists, zone files, policies, standard input, with lines that cannot be read; and names that
DNS answers, refuses, answers wrongly or never. The name server is the test's own."""
import json
import os
import pty
import socket
import struct
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from farm import COTTER, Authority, daemons, nginx, run, scan  # noqa: E402

A, CNAME, AAAA = 1, 5, 28


class NameServer:
    """Answers from `records`: (name, type) to a list of addresses; None is silence, an int a response code, bytes what is sent
    instead of an answer, a str a CNAME. A tuple of addresses is cut over UDP, so that it is asked for over TCP."""

    def __init__(self, records):
        self.records = records
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.socket.bind(("127.0.0.1", self.port))
        self.listener.listen()
        self.asked = []

    def __enter__(self):
        self.threads = [threading.Thread(target=self.serve), threading.Thread(target=self.serve_tcp)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"end", ("127.0.0.1", self.port))
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.sendall(b"\0\3end")
        for thread in self.threads:
            thread.join()
        self.socket.close()
        self.listener.close()

    def serve_tcp(self):
        """Several questions may come over one connection; each answer leaves in pieces, its length alone first."""
        while True:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection, connection.makefile("rb") as reader:
                while len(size := reader.read(2)) == 2:
                    query = reader.read(struct.unpack(">H", size)[0])
                    if query == b"end":
                        return
                    reply = self.answer(query, tcp=True)
                    message = struct.pack(">H", len(reply)) + reply
                    for piece in (message[:1], message[1:2], message[2:40], message[40:]):
                        connection.sendall(piece)

    def serve(self):
        while True:
            query, client = self.socket.recvfrom(4096)
            if query == b"end":
                return
            reply = self.answer(query, tcp=False)
            if reply is not None:
                self.socket.sendto(reply, client)

    def answer(self, query, tcp):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        kind = struct.unpack(">H", query[at + 1:at + 3])[0]
        question = query[12:at + 5]
        name = ".".join(labels)
        self.asked.append((name, kind))
        answer = self.records.get((name, kind), self.records.get(name, 3))
        if isinstance(answer, tuple) and not tcp:
            return query[:2] + struct.pack(">HHHHH", 0x8380, 1, 0, 0, 0) + question
        return self.reply(query, question, kind, answer)

    @staticmethod
    def reply(query, question, kind, answer):
        if answer is None:
            return None
        if isinstance(answer, bytes):
            return query[:2] + answer
        if isinstance(answer, int):
            return query[:2] + struct.pack(">HHHHH", 0x8180 | answer, 1, 0, 0, 0) + question
        records = b""
        if isinstance(answer, str):
            target = b"".join(bytes([len(label)]) + label.encode() for label in answer.split(".")) + b"\0"
            records = b"\xc0\x0c" + struct.pack(">HHIH", CNAME, 1, 60, len(target)) + target
            return query[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + question + records
        family = socket.AF_INET if kind == A else socket.AF_INET6
        for address in answer:
            raw = socket.inet_pton(family, address)
            records += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(raw)) + raw
        return query[:2] + struct.pack(">HHHHH", 0x8180, 1, len(answer), 0, 0) + question + records


class Inputs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls._directory = daemons.directory()
        cls.ca = Authority(cls._directory.__enter__())
        cls.ca.leaf("host", host="a.example.com")
        cls._nginx = nginx(cls.ca, [("127.0.0.1", ["host"], ""), ("127.0.0.2", ["host"], "")])
        cls.port = cls._nginx.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls._nginx.__exit__(None, None, None)
        cls._directory.__exit__(None, None, None)

    def file(self, name, text):
        return self.ca.write(name, text.encode("utf-8"))

    def test_a_list_with_lines_that_cannot_be_read(self):
        path = self.file("list.txt", f"# servers\n127.0.0.1:{self.port}\n\nnot a host\n127.0.0.2:{self.port} # second\n"
                                     f"127.0.0.1:{self.port}\n127.0.0.1:99999\n{'x' * 5000}\n")
        exit_code, answer = scan(self.ca, "--quick", "--list", path)
        self.assertEqual(exit_code, 2)
        self.assertEqual({one["target"] for one in answer["targets"]},
                         {f"127.0.0.1:{self.port}", f"127.0.0.2:{self.port}"})
        self.assertEqual([one["line"] for one in answer["summary"]["unreadable"]], [4, 7, 8])
        text = run("--quick", "--list", path)
        self.assertIn("list.txt:4: ", text.stderr)

    def test_standard_input(self):
        exit_code, answer = scan(self.ca, "--quick", "--list", "-", stdin=f"127.0.0.1:{self.port}\n")
        self.assertEqual((exit_code, len(answer["targets"])), (1, 1))  # the certificate is for a name
        self.assertEqual(answer["targets"][0]["code"], "host_mismatch")

    def test_a_zone_file(self):
        path = self.file("zone", """$TTL 3600
@   IN SOA ns.example.com. admin.example.com. ( 1 ; serial
        7200 3600 1209600 3600 )
    IN NS ns
a   300 IN A 127.0.0.1
    IN AAAA ::1
b   A 127.0.0.1
www IN CNAME a
*.wild IN A 127.0.0.1
mail IN MX 10 a
c.example.org. IN A 127.0.0.1
$ORIGIN sub.example.com.
d   IN A 127.0.0.1
txt IN TXT "a ; (b" "c"
$INCLUDE other.zone
$GENERATE 1-9 e$ A 127.0.0.1
""")
        resolve = ["--resolve", f"*:443:127.0.0.1", "--timeout", "2"]
        _, answer = scan(self.ca, "--quick", "--zone", path, "--origin", "example.com", *resolve)
        self.assertEqual({one["target"] for one in answer["targets"]}, {
            f"{name}:443" for name in ("a.example.com", "b.example.com", "www.example.com", "c.example.org",
                                       "d.sub.example.com")})
        self.assertEqual([one["line"] for one in answer["summary"]["unreadable"]], [15, 16])

    def test_a_zone_whose_name_is_not_known(self):
        path = self.file("relative", "a IN A 127.0.0.1\n")
        result = run("--quick", "--zone", path)
        self.assertEqual(result.returncode, 2)
        self.assertIn("relative:1: ", result.stderr)

    def test_the_hosts_of_a_policy(self):
        path = self.file("policy.toml", f'[policy]\nname = "p"\nversion = 1\n[[host]]\npattern = "a.example.com"\n'
                                        f'ports = [{self.port}]\npins = [{{ pin = "sha256/{"A" * 42}E=" }}]\n'
                                        '[[host]]\npattern = "*.example.com"\n'
                                        f'pins = [{{ pin = "sha256/{"B" * 42}E=" }}]\n')
        exit_code, answer = scan(self.ca, "--quick", "-p", path, "--resolve", f"a.example.com:{self.port}:127.0.0.1")
        self.assertEqual(exit_code, 1)
        self.assertEqual([(one["target"], one["verdict"]) for one in answer["targets"]],
                         [(f"a.example.com:{self.port}", "pin_mismatch")])

    def test_nothing_to_scan(self):
        for arguments in ([], ["--list", "/dev/null"], ["--list", "/no/such/file"], ["--standby", "a=b"],
                          ["--at-once", "0", "a"], ["--json", "--format", "csv", "a"]):
            with self.subTest(arguments=arguments):
                self.assertEqual(run(*arguments).returncode, 2)

    # A and AAAA of names, from a name server that is named.
    def test_names(self):
        records = {("a.example.com", A): ["127.0.0.1", "127.0.0.2"], ("a.example.com", AAAA): [],
                   "refused.example.com": 5, "broken.example.com": 2, "loop.example.com": "loop.example.com",
                   "garbage.example.com": b"\x81\x80\xff\xff\xff\xff", "silent.example.com": None,
                   ("large.example.com", A): tuple(f"127.0.0.{i}" for i in (1, 2)), ("large.example.com", AAAA): (),
                   ("many.example.com", A): [f"127.0.1.{i}" for i in range(70)], ("many.example.com", AAAA): []}
        names = ["a", "large", "refused", "broken", "loop", "garbage", "silent", "none", "many"]
        with NameServer(records) as server:
            exit_code, answer = scan(self.ca, "--quick", "--name-servers", f"127.0.0.1:{server.port}", "--timeout", "4",
                                     *[f"{name}.example.com:{self.port}" for name in names])
        targets = {one["target"].split(".")[0]: one for one in answer["targets"]}
        self.assertEqual([one["peer"] for one in targets["a"]["addresses"]],
                         [f"127.0.0.1:{self.port}", f"127.0.0.2:{self.port}"])
        self.assertEqual(targets["a"]["verdict"], "not_pinned")
        self.assertEqual(len(targets["large"]["addresses"]), 2)
        for name in names[2:]:
            self.assertIn(targets[name]["code"], ("dns_failed", "connect_timeout"), name)
            self.assertEqual(targets[name]["addresses"], [])
        self.assertIn("more than 64", targets["many"]["message"])
        # The certificate is for a.example.com alone.
        self.assertEqual((targets["large"]["code"], exit_code), ("host_mismatch", 1))
        counted = sum(one["count"] for one in answer["summary"]["failed"] if one["phase"] == "resolve")
        self.assertEqual(counted, len(names) - 2)
        self.assertIn(("a.example.com", A), server.asked)
        self.assertIn(("a.example.com", AAAA), server.asked)

    # A bar on a terminal, and there alone.
    def test_progress(self):
        path = self.file("many.txt", "".join(f"127.0.0.{1 + i % 2}:{self.port}\n127.0.{i}.9:1\n" for i in range(200)))
        arguments = [COTTER, "scan", "--quick", "--format", "ndjson", "--at-once", "1", "--list", path]
        main, other = pty.openpty()
        with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=other) as process:
            os.close(other)
            seen = b""
            while True:
                try:
                    piece = os.read(main, 65536)
                except OSError:
                    break
                if not piece:
                    break
                seen += piece
            process.wait(60)
        os.close(main)
        self.assertIn(b"/202", seen)
        self.assertIn(b"hosts: ", seen)
        plain = subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60, check=False)
        self.assertNotIn(b"/202", plain.stderr)

    # A reader that has seen enough ends the scan.
    def test_a_reader_that_goes_away(self):
        path = self.file("long.txt", "".join(f"127.0.{i % 250}.9:{1 + i // 250}\n" for i in range(5000)))
        with subprocess.Popen([COTTER, "scan", "--quick", "--format", "ndjson", "--list", path], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as process:
            self.assertEqual(json.loads(process.stdout.readline())["verdict"], "network_error")
            process.stdout.close()
            process.wait(60)


if __name__ == "__main__":
    unittest.main()
