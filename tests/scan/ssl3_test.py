# SPDX-License-Identifier: Apache-2.0
"""`cotter scan` meets SSL 3: spoken by the JDK's TLS, because Debian's OpenSSL and GnuTLS are built without it; sslscan, which
has a ClientHello of its own, must see the same."""
import contextlib
import os
import re
import subprocess
import sys
import unittest

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from farm import HOST, Authority, at, codes, daemons, finding, scan  # noqa: E402

SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Ssl3Server.java")
# What the JDK disables by default, for good reasons.
PROPERTIES = "jdk.tls.disabledAlgorithms=\njdk.tls.legacyAlgorithms=\njdk.certpath.disabledAlgorithms=\n"
PASSWORD = "secret"


@contextlib.contextmanager
def jdk(authority, name, *versions):
    """A server of these versions with NAME.pem and NAME.key; yields its port."""
    with open(os.path.join(authority.folder, name + ".key"), "rb") as file:
        key = serialization.load_pem_private_key(file.read(), None)
    store = pkcs12.serialize_key_and_certificates(b"server", key, authority.leaves[name], [authority.intermediates["one"][0]],
                                                  serialization.BestAvailableEncryption(PASSWORD.encode()))
    process = subprocess.Popen(
        ["java", "-Xmx64m", "-XX:+UseSerialGC", "-Djava.security.properties=" + authority.write("security", PROPERTIES.encode()),
         SERVER, authority.write(name + ".p12", store), PASSWORD, *versions], stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class Ssl3(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(daemons.directory())
        self.ca = Authority(folder)
        self.ca.leaves = {"old": self.ca.leaf("old", kind="rsa2048")}

    def spoken(self, port, target):
        """The versions that are accepted, after sslscan has seen the same."""
        versions = target["addresses"][0]["versions"]
        judge = subprocess.run(["sslscan", "--no-colour", "--no-heartbleed", f"--sni-name={HOST}", f"127.0.0.1:{port}"],
                               capture_output=True, text=True, timeout=100, check=False).stdout
        seen = re.search(r"^SSLv3\s+(enabled|disabled)", judge, re.MULTILINE)
        self.assertEqual(versions["SSLv3"]["accepted"] == "yes", seen.group(1) == "enabled", judge)
        return [name for name, one in versions.items() if one["accepted"] == "yes"]

    def one(self, port):
        exit_code, answer = scan(self.ca, "--timeout", "60", *at(port, "127.0.0.1"))
        return exit_code, answer["targets"][0]

    # S3-27: beside TLS 1.2 it is a warning, and the host is looked at as ever.
    def test_ssl_3_beside_tls_1_2_S3_27(self):
        with jdk(self.ca, "old", "SSLv3", "TLSv1.2") as port:
            exit_code, target = self.one(port)
            self.assertEqual((exit_code, target["verdict"]), (0, "not_pinned"))
            self.assertEqual(self.spoken(port, target), ["SSLv3", "TLSv1.2"])
            self.assertIn("legacy_tls", codes(target))
            self.assertEqual(finding(target, "legacy_tls")["detail"], "SSLv3")
            self.assertTrue(target["addresses"][0]["versions"]["SSLv3"]["suite"].startswith("TLS_"))

    # A server that speaks nothing else has no verdict, and what it speaks is told all the same.
    def test_ssl_3_alone_S3_27(self):
        with jdk(self.ca, "old", "SSLv3") as port:
            exit_code, target = self.one(port)
            self.assertEqual((exit_code, target["verdict"]), (3, "network_error"))
            self.assertEqual(self.spoken(port, target), ["SSLv3"])
            self.assertIn("TLS_RSA_WITH_3DES_EDE_CBC_SHA", target["addresses"][0]["weak_suites"])

    # The control: the same server without SSL 3 is not said to speak it.
    def test_tls_1_2_alone_S3_27(self):
        with jdk(self.ca, "old", "TLSv1.2") as port:
            _, target = self.one(port)
            self.assertEqual(self.spoken(port, target), ["TLSv1.2"])
            self.assertNotIn("legacy_tls", codes(target))


if __name__ == "__main__":
    unittest.main()
