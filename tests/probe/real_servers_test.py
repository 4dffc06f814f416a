# SPDX-License-Identifier: Apache-2.0
"""`cotter pins` on servers that other people wrote: TLS versions, two key types, and each STARTTLS protocol. Expected
pins come from the openssl program, and openssl s_client must be able to do what is asked of cotter."""
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemons  # noqa: E402
from pki import HOST, Pki  # noqa: E402

COTTER = os.environ["COTTER_BIN"]


def cotter(*arguments):
    return subprocess.run([COTTER, *arguments], capture_output=True, text=True, timeout=60, check=False)


class RealServers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls._directory = daemons.directory()
        cls.pki = Pki(cls._directory.__enter__())

    @classmethod
    def tearDownClass(cls):
        cls._directory.__exit__(None, None, None)

    def pins(self, port, *options):
        """The one target of `cotter pins --json` for HOST at `port` of this machine."""
        result = cotter("pins", "--json", "--no-system-roots", "--cacert", self.pki.file("root.pem"),
                        "--connect-to", f"127.0.0.1:{port}", *options, HOST)
        targets = json.loads(result.stdout)["targets"]
        self.assertEqual(len(targets), 1)
        return result, targets[0]

    def check_leaves(self, port, leaves, *options):
        result, target = self.pins(port, *options)
        self.assertEqual((result.returncode, target["error"]), (0, None), result.stderr)
        self.assertTrue(target["verified"])
        self.assertEqual(target["kind"], "server")
        by_role = {}
        for certificate in target["certificates"]:
            by_role.setdefault(certificate["role"], set()).add(certificate["spki"])
        # S1-45: the root is told, which no server sends.
        self.assertEqual(by_role, {"leaf": {self.pki.pin(name) for name in leaves},
                                   "intermediate": {self.pki.pin("intermediate")},
                                   "root": {self.pki.pin("root")}})

    def s_client(self, port, *options):
        result = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options],
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
        self.assertIn(b"BEGIN CERTIFICATE", result.stdout, result.stderr)

    def test_both_key_types_of_openssl_s_server(self):
        for version in ("-tls1_2", "-tls1_3"):
            for identities in (["ec", "rsa"], ["rsa", "ec"], ["rsa"], ["ec"], ["ed25519"], ["ed25519", "rsa"]):
                with self.subTest(version=version, identities=identities):
                    with daemons.openssl_server(self.pki, identities, [version]) as port:
                        self.check_leaves(port, identities)

    def test_both_key_types_of_nginx(self):
        with daemons.nginx(self.pki, ["rsa", "ec"]) as port:
            self.check_leaves(port, ["rsa", "ec"])

    def test_a_server_that_only_knows_its_name(self):
        with daemons.nginx(self.pki, ["ec"], only_for=HOST) as port:
            self.check_leaves(port, ["ec"])
            result, target = self.pins(port, "--sni", "other.example.com")
            self.assertEqual(result.returncode, 3)
            self.assertEqual(target["error"]["code"], "tls_failed")
            self.assertEqual(target["certificates"], [])

    def test_an_old_protocol_is_refused(self):
        # Level 0, or s_server itself would not speak it.
        with daemons.openssl_server(self.pki, ["rsa"], ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]) as port:
            result, target = self.pins(port)
            self.assertEqual((result.returncode, target["error"]["code"]), (3, "tls_failed"))

    def test_postgres(self):
        with daemons.postgres(self.pki) as port:
            self.s_client(port, "-starttls", "postgres")
            self.check_leaves(port, ["ec"], "--starttls", "postgres")
            # It waits for a protocol that this is not, and closes.
            result, target = self.pins(port)
            self.assertEqual((result.returncode, target["certificates"]), (3, []))

    def test_mariadb(self):
        with daemons.mariadb(self.pki) as port:
            self.s_client(port, "-starttls", "mysql")
            self.check_leaves(port, ["ec"], "--starttls", "mysql")
            result, target = self.pins(port)
            self.assertEqual((result.returncode, target["error"]["code"]), (3, "not_tls"))

    def test_slapd(self):
        with daemons.slapd(self.pki) as port:
            self.s_client(port, "-starttls", "ldap")
            self.check_leaves(port, ["ec"], "--starttls", "ldap")

    def test_prosody(self):
        with daemons.prosody(self.pki) as port:
            self.s_client(port, "-starttls", "xmpp", "-xmpphost", HOST)
            self.check_leaves(port, ["ec"], "--starttls", "xmpp")

    def test_vsftpd(self):
        with daemons.vsftpd(self.pki) as port:
            self.s_client(port, "-starttls", "ftp")
            self.check_leaves(port, ["rsa"], "--starttls", "ftp")

    def test_dovecot(self):
        with daemons.dovecot(self.pki) as ports:
            for protocol, port in ports.items():
                with self.subTest(protocol=protocol):
                    self.s_client(port, "-starttls", protocol)
                    self.check_leaves(port, ["ec"], "--starttls", protocol)
            # A dialogue of another protocol is refused, and never goes on in clear.
            result, target = self.pins(ports["imap"], "--starttls", "smtp")
            self.assertEqual((result.returncode, target["error"]["code"]), (3, "starttls_refused"))

    def test_a_mail_server_without_tls_is_refused(self):
        with daemons.plain_smtp() as port:
            result, target = self.pins(port, "--starttls", "smtp")
            self.assertEqual((result.returncode, target["error"]["code"]), (3, "starttls_refused"))

    def test_proxy_with_credentials(self):
        with daemons.openssl_server(self.pki, ["ec"]) as port, daemons.tinyproxy("user", "pa55word") as proxy:
            good = f"http://us%65r:pa55%77ord@127.0.0.1:{proxy}"
            self.check_leaves(port, ["ec"], "--proxy", good)
            for wrong in (f"http://user:guess@127.0.0.1:{proxy}", f"http://127.0.0.1:{proxy}"):
                result, target = self.pins(port, "--proxy", wrong)
                self.assertEqual((result.returncode, target["error"]["code"]), (3, "proxy_failed"))
                self.assertNotIn("guess", result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main()
