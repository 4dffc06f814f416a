# SPDX-License-Identifier: Apache-2.0
"""Every kind of sink: what it is told, and what becomes of it when it is down."""
import base64
import hashlib
import hmac
import json
import os
import socket
import ssl
import stat
import threading
import unittest

from watch import HOST, PATIENCE, Lab, Receiver, Watch, free_port, policy_text, stop_process, wait_for

TEXT = f"SSL pin mismatch: {HOST}"


class MailServer:
    """A little SMTP server with STARTTLS (RFC 5321, 3207) and PLAIN authentication."""

    def __init__(self, lab, identity="leaf", starttls=True):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(lab.file(identity, "chain.pem"), lab.file(identity, "key"))
        self._starttls = starttls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.mails, self.clear, self.logins = [], [], []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw):
        raw.settimeout(PATIENCE)
        try:
            self._talk(raw)
        except (OSError, ValueError):
            pass
        finally:
            raw.close()

    def _talk(self, connection):
        secure = False
        file = connection.makefile("rb")
        connection.sendall(b"220 test\r\n")
        mail = {"to": []}
        while line := file.readline():
            verb = line.strip().decode()
            if not secure:
                self.clear.append(verb)
            if verb.startswith("EHLO"):
                more = b"250-STARTTLS\r\n" if self._starttls and not secure else b"250-AUTH PLAIN\r\n"
                connection.sendall(b"250-test\r\n" + more + b"250 8BITMIME\r\n")
            elif verb == "STARTTLS":
                connection.sendall(b"220 go\r\n")
                connection = self._context.wrap_socket(connection, server_side=True)
                file = connection.makefile("rb")
                secure = True
            elif verb.startswith("AUTH PLAIN"):
                text = verb.split()[2] if len(verb.split()) > 2 else None
                if text is None:
                    connection.sendall(b"334 \r\n")
                    text = file.readline().strip().decode()
                self.logins.append(base64.b64decode(text))
                connection.sendall(b"235 ok\r\n")
            elif verb.startswith("MAIL FROM"):
                mail["from"] = verb
                connection.sendall(b"250 ok\r\n")
            elif verb.startswith("RCPT TO"):
                mail["to"].append(verb)
                connection.sendall(b"250 ok\r\n")
            elif verb == "DATA":
                connection.sendall(b"354 go\r\n")
                text = b""
                while (part := file.readline()) != b".\r\n":
                    text += part
                self.mails.append({**mail, "text": text.decode(), "secure": secure})
                mail = {"to": []}
                connection.sendall(b"250 ok\r\n")
            elif verb == "QUIT":
                connection.sendall(b"221 bye\r\n")
                return
            else:
                connection.sendall(b"500 what\r\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()


class Sinks(unittest.TestCase):
    def setUp(self):
        self.lab = self.enterContext(Lab([]))
        self.receiver = self.enterContext(Receiver())

    def watch(self, *sinks, **keys):
        """A watch whose server has just begun to present a key that nobody pinned."""
        pins = [self.lab.pin("leaf"), (self.lab.pin("backup"), "backup")]
        watch = self.enterContext(Watch(policy_text(pins), [self.lab.file("root")], [f"{HOST}:{self.lab.port(0)}"],
                                        sinks=sinks, **keys))
        if watch.process is not None:
            watch.wait_looks()
            self.lab.present(0, "leaf-rsa")
        return watch

    def told_by(self, what, condition):
        return wait_for(what, condition)

    def test_a_webhook_is_signed(self):
        watch = self.watch(start=False)
        (watch.dir / "secret").write_text("open sesame\n")
        watch.lists["sink"] = [self.receiver.sink(secret_file="secret")]
        watch.write()
        watch.start()
        self.lab.present(0, "leaf-rsa")
        self.receiver.wait("pin_mismatch")
        request = self.receiver.requests[0]
        fields = dict(part.split("=", 1) for part in request["headers"]["Cotter-Signature"].split(","))
        expected = hmac.new(b"open sesame", fields["t"].encode() + b"." + request["body"], hashlib.sha256).hexdigest()
        self.assertEqual(fields["v1"], expected)

    def test_slack_and_pagerduty_get_what_they_understand(self):
        watch = self.watch(start=False)
        (watch.dir / "key").write_text("R123\n")
        url = f"http://127.0.0.1:{self.receiver.port}"
        (watch.dir / "hook").write_text(url + "/secret\n")
        watch.lists["sink"] = [{"type": "slack", "url_file": "hook"},
                               {"type": "pagerduty", "url": url + "/v2/enqueue", "routing_key_file": "key"}]
        watch.write()
        watch.start()
        watch.wait_looks()
        self.lab.present(0, "leaf-rsa")

        def bodies(path):
            return [json.loads(one["body"]) for one in list(self.receiver.requests) if one["path"] == path]

        slack = wait_for("Slack", lambda: [one for one in bodies("/secret") if TEXT in one["text"]])[0]
        self.assertEqual(list(slack), ["text"])
        self.assertTrue(slack["text"].startswith(TEXT + "\n"), slack)
        pager = wait_for("PagerDuty", lambda: [one for one in bodies("/v2/enqueue")
                                               if one.get("payload", {}).get("summary") == TEXT])[0]
        self.assertEqual((pager["routing_key"], pager["event_action"]), ("R123", "trigger"))
        self.assertEqual(pager["payload"]["severity"], "critical")
        self.lab.present(0, "leaf")
        over = wait_for("the end", lambda: [one for one in bodies("/v2/enqueue") if one["event_action"] == "resolve"
                                            and one["dedup_key"] == pager["dedup_key"]])
        self.assertTrue(over)
        wait_for("Slack's end", lambda: [one for one in bodies("/secret") if one["text"].startswith("[resolved] " + TEXT)])
        self.assertNotIn("/secret", json.dumps(watch.log))

    def test_a_command_gets_json_and_a_time(self):
        folder = self.lab.dir
        script = os.path.join(folder, "tell")
        with open(script, "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\ncat >> {folder}/told\nprintf '%s\\n' \"$@\" >> {folder}/arguments\n"
                       f"env > {folder}/environment\n")
        os.chmod(script, stat.S_IRWXU)
        self.watch({"type": "command", "command": [script, "a b", "$(id)"]},
                   {"type": "command", "name": "slow", "command": ["/bin/sleep", "600"], "timeout": 1},
                   environment={"SECRET": "x"})

        def told():
            try:
                with open(os.path.join(folder, "told"), encoding="utf-8") as file:
                    return [json.loads(line) for line in file]
            except (FileNotFoundError, ValueError):
                return []

        wait_for("the command", lambda: [one for one in told() if one["text"] == TEXT])
        with open(os.path.join(folder, "arguments"), encoding="utf-8") as file:
            self.assertEqual(file.read().splitlines()[:2], ["a b", "$(id)"])  # no shell has read them
        with open(os.path.join(folder, "environment"), encoding="utf-8") as file:
            self.assertNotIn("SECRET", file.read())
        # The one that does not end is ended, and the others are told of it.
        wait_for("the slow one", lambda: [one for one in told() if one["alert"] == "alert_undelivered"])

    def test_a_file_gets_a_line_for_each(self):
        path = os.path.join(self.lab.dir, "alerts.jsonl")
        self.watch({"type": "file", "path": path, "at_least": "critical"})

        def lines():
            if not os.path.exists(path):
                return []
            with open(path, encoding="utf-8") as file:
                return [json.loads(line) for line in file if line.endswith("\n")]

        wait_for("the line", lambda: [one for one in lines() if one["text"] == TEXT])
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

    def test_mail_goes_over_tls_that_was_verified(self):
        with MailServer(self.lab) as server:
            sink = {"type": "email", "server": f"smtp://localhost:{server.port}", "from": "watch@example.com",
                    "to": ["a@example.com", "b@example.com"], "user": "u"}
            watch = self.watch(start=False, tables={"delivery": {"system_roots": False, "files": [self.lab.file("root")]}})
            (watch.dir / "password").write_text("p\n")
            watch.lists["sink"] = [{**sink, "password_file": "password"}]
            watch.write()
            watch.start()
            watch.wait_looks()
            self.lab.present(0, "leaf-rsa")
            mail = wait_for("mail", lambda: [one for one in server.mails if f"Subject: {TEXT}" in one["text"]])[0]
            self.assertTrue(mail["secure"])
            self.assertEqual(len(mail["to"]), 2)
            self.assertIn("severity: critical", mail["text"])
            self.assertIn("Message-ID: <", mail["text"])
            self.assertEqual(server.logins[0], b"\0u\0p")
            # In clear there was nothing but the way to TLS.
            self.assertEqual({verb.split()[0] for verb in server.clear}, {"EHLO", "STARTTLS"})

    def test_mail_is_not_sent_to_a_server_that_does_not_verify_or_speaks_no_tls(self):
        with MailServer(self.lab, "rogue-leaf") as rogue, MailServer(self.lab, starttls=False) as clear:
            sinks = [{"type": "email", "name": name, "server": f"smtp://localhost:{server.port}",
                      "from": "watch@example.com", "to": ["a@example.com"]}
                     for name, server in (("rogue", rogue), ("clear", clear))]
            watch = self.watch(*sinks, self.receiver.sink(),
                               tables={"delivery": {"system_roots": False, "files": [self.lab.file("root")]}})
            for name, why in (("rogue", "issuer_unknown"), ("clear", "starttls_refused")):
                told = wait_for(name, lambda n=name: [one for one in self.receiver.told() if one["target"] == n])[0]
                self.assertEqual(told["alert"], "alert_undelivered")
                self.assertIn(why, told["details"])
            self.assertEqual(rogue.mails + clear.mails, [])
            watch.stop()

    def test_what_a_sink_does_not_take_waits_on_disk(self):
        port = free_port()
        sink = {"type": "webhook", "url": f"http://127.0.0.1:{port}/hook"}
        watch = self.watch(sink)
        wait_for("failures", lambda: watch.metrics()['cotter_notifications_failed_total{sink="webhook"}'] >= 1)
        waiting = watch.metrics()['cotter_notifications_waiting{sink="webhook"}']
        self.assertGreaterEqual(waiting, 2)
        self.assertTrue(watch.events("alert_undelivered"))
        stop_process(watch.process)  # SIGKILL
        watch.kill()
        with Receiver(port=port) as receiver:
            watch.start()
            told = receiver.wait("pin_mismatch")
            self.assertEqual(told["text"], TEXT)
            receiver.wait("leaf_key_changed")
            watch.wait_looks(3)
            # Told before the restart, or after it, but not twice.
            self.assertEqual(len([one for one in receiver.told() if one["alert"] == "pin_mismatch"]), 1)
            self.lab.present(0, "leaf")
            receiver.wait("pin_mismatch", "resolved")
            self.assertEqual(watch.stop(), 0)

    def test_a_sink_that_fails_is_tried_again(self):
        with Receiver(answers=[500, 503, 200]) as receiver:
            self.watch(receiver.sink())
            receiver.wait("pin_mismatch")

    def test_severities_and_groups_choose_the_sink(self):
        with Receiver() as critical, Receiver() as other:
            self.watch(critical.sink(at_least="critical", recoveries=False, name="pager"),
                       other.sink(name="others", groups=["other"]), self.receiver.sink(),
                       lists={"group": [{"name": "test", "hosts": [f"{HOST}:{self.lab.port(0)}"], "interval": 1,
                                         "addresses": ["127.0.0.1"], "other_keys": False},
                                        {"name": "other", "hosts": [f"other.example.com:{free_port()}"], "interval": 1,
                                         "addresses": ["127.0.0.1"]}]})
            critical.wait("pin_mismatch")
            other.wait("unreachable")
            self.receiver.wait("pin_mismatch")
            self.lab.present(0, "leaf")
            self.receiver.wait("pin_mismatch", "resolved")
            self.assertEqual([one for one in critical.told() if one["status"] == "resolved"], [])
            self.assertEqual({one["group"] for one in other.told()}, {"other"})


if __name__ == "__main__":
    unittest.main()
