# SPDX-License-Identifier: Apache-2.0
"""An authority by python-cryptography, with OCSP, and nginx and haproxy in front of its certificates, several addresses of
127.0.0.0/8 at one port. Nothing here is cotter's own work."""
import base64
import contextlib
import datetime
import hashlib
import json
import os
import socket
import subprocess
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "probe"))
import daemons  # noqa: E402

COTTER = os.environ["COTTER_BIN"]
HOST = "www.example.com"
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
NOW = datetime.datetime.utcnow()
DAY = datetime.timedelta(days=1)


def key_of(kind):
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:] or 2048))
    return ec.generate_private_key({"ec": ec.SECP256R1, "p521": ec.SECP521R1}[kind]())


def pin_of(certificate):
    """sha256/... of the key, hashed here."""
    spki = certificate.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "sha256/" + base64.b64encode(hashlib.sha256(spki).digest()).decode()


class Authority:
    """A root and intermediates; leaves are made as they are needed, as files in `folder`."""

    def __init__(self, folder):
        self.folder = folder
        self.root_key = key_of("ec")
        self.root = self._sign("Farm Root", self.root_key, None, ca=True, days=(1, 3650))
        self.intermediates = {}
        self.write("root.pem", self.root.public_bytes(PEM))
        for name in ("one", "two"):
            key = key_of("ec")
            self.intermediates[name] = (self._sign("Farm CA " + name, key, (self.root, self.root_key), ca=True), key)

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as out:
            out.write(content)
        os.chmod(path, 0o644)
        return path

    @property
    def root_file(self):
        return os.path.join(self.folder, "root.pem")

    def _sign(self, subject, key, issuer, ca=False, days=(1, 90), names=(), extra=()):
        issuer_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]) if issuer is None else issuer[0].subject
        signer = key if issuer is None else issuer[1]
        builder = (x509.CertificateBuilder()
                   .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
                   .issuer_name(issuer_name).public_key(key.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(NOW - days[0] * DAY).not_valid_after(NOW + days[1] * DAY)
                   .add_extension(x509.BasicConstraints(ca, None), True))
        if ca:
            builder = builder.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
        else:
            builder = (builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
                       .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False))
        for extension in extra:
            builder = builder.add_extension(extension, False)
        return builder.sign(signer, hashes.SHA256())

    def leaf(self, name, kind="ec", issuer="one", days=(1, 89), responder=False, must_staple=False, host=HOST):
        """Makes NAME.pem (with its chain) and NAME.key, and returns the certificate."""
        extra = []
        if responder:
            extra.append(x509.AuthorityInformationAccess([x509.AccessDescription(
                AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ocsp.example.com/"))]))
        if must_staple:
            extra.append(x509.TLSFeature([x509.TLSFeatureType.status_request]))
        key = key_of(kind)
        certificate = self._sign(host, key, self.intermediates[issuer], days=days, names=[host], extra=extra)
        chain = certificate.public_bytes(PEM) + self.intermediates[issuer][0].public_bytes(PEM)
        private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.write(name + ".pem", chain)
        self.write(name + ".key", private)
        self.write(name + ".both", chain + private)
        return certificate

    def staple(self, name, certificate, issuer="one", status=ocsp.OCSPCertStatus.GOOD, hours=(1, 48), signer=None):
        """An OCSP response as a file; `signer` names another intermediate that signs it."""
        issuer_certificate, issuer_key = self.intermediates[issuer]
        sign_certificate, sign_key = self.intermediates[signer or issuer]
        hour = datetime.timedelta(hours=1)
        revoked = status == ocsp.OCSPCertStatus.REVOKED
        response = (ocsp.OCSPResponseBuilder()
                    .add_response(cert=certificate, issuer=issuer_certificate, algorithm=hashes.SHA1(), cert_status=status,
                                  this_update=NOW - hours[0] * hour, next_update=NOW + hours[1] * hour,
                                  revocation_time=NOW - hour if revoked else None, revocation_reason=None)
                    .responder_id(ocsp.OCSPResponderEncoding.HASH, sign_certificate).sign(sign_key, hashes.SHA256()))
        return self.write(name + ".ocsp", response.public_bytes(DER))


@contextlib.contextmanager
def nginx(authority, servers):
    """One nginx; `servers` is (address, certificate names, more directives) each, all at the port that is yielded."""
    with daemons.directory() as path:
        port = daemons.free_port()
        blocks = ""
        for address, names, more in servers:
            files = "".join(f"ssl_certificate {authority.folder}/{name}.pem; "
                            f"ssl_certificate_key {authority.folder}/{name}.key;\n" for name in names)
            blocks += f"server {{ listen {address}:{port} ssl; {files} {more}\n location / {{ return 200 'ok'; }} }}\n"
        temporary = "".join(f"{kind}_temp_path {path};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = os.path.join(path, "nginx.conf")
        with open(config, "w", encoding="utf-8") as out:
            out.write(f"""daemon off; master_process off; pid {path}/pid; error_log stderr; events {{ worker_connections 4096; }}
                          http {{ access_log off; {temporary} {blocks} }}""")
        daemons.own(path)
        with daemons.daemon(["/usr/sbin/nginx", "-e", "stderr", "-c", config], port, path, servers[0][0]):
            yield port


@contextlib.contextmanager
def haproxy(authority, name, options, address="127.0.0.1"):
    """haproxy with `options` behind its bind line."""
    with daemons.directory() as path:
        port = daemons.free_port(address)
        config = os.path.join(path, "haproxy.cfg")
        with open(config, "w", encoding="ascii") as out:
            out.write(f"""global
  ssl-default-bind-options ssl-min-ver TLSv1.0
defaults
  mode http
  timeout client 20s
  timeout server 20s
  timeout connect 20s
frontend tls
  bind {address}:{port} ssl crt {authority.folder}/{name}.both {options}
  http-request return status 200 content-type text/plain string ok
""")
        daemons.own(path)
        with daemons.daemon(["/usr/sbin/haproxy", "-f", config, "-db"], port, path, address):
            yield port


def run(*arguments, stdin=None, env=None):
    return subprocess.run([COTTER, "scan", *arguments], input=stdin, capture_output=True, text=True, timeout=120, check=False,
                          env=env)


def scan(authority, *arguments, **kwargs):
    """The exit code and the object of `cotter scan --json`, trusting the authority alone."""
    result = run("--json", "--no-system-roots", "--cacert", authority.root_file, *arguments, **kwargs)
    if not result.stdout:
        raise AssertionError(result.stderr)
    return result.returncode, json.loads(result.stdout)


def at(port, *addresses, host=HOST):
    """--resolve for `host`, and the target."""
    return ["--resolve", f"{host}:{port}:{','.join(addresses)}", f"{host}:{port}"]


def codes(target):
    return sorted({finding["code"] for finding in target["findings"]})


def finding(target, code):
    return next(one for one in target["findings"] if one["code"] == code)


def reads_everything(port, address):
    """Whether something listens there yet; for servers of the tests themselves."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1):
        return True
    return False
