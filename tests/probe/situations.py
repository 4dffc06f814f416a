# SPDX-License-Identifier: Apache-2.0
"""Situations with a planted cause, made by python-cryptography and Python's own TLS: nothing here is cotter's work.

A World has two unrelated CAs with a root, two intermediates each, and keys to make leaves with. Everything is made from
a seed, but for the keys, whose bytes no verdict depends on."""
import base64
import datetime
import hashlib
import ipaddress
import os
import socket
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

HOST = "api.example.com"
NOW = datetime.datetime.utcnow().replace(microsecond=0)
DAY = datetime.timedelta(days=1)


def name(common, organization=None, unit=None):
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    parts += [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)] if unit else []
    parts += [x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else []
    return x509.Name(parts)


def new_key(kind="ec"):
    return rsa.generate_private_key(public_exponent=65537, key_size=2048) if kind == "rsa" \
        else ec.generate_private_key(ec.SECP256R1())


def sha256(data):
    return "sha256/" + base64.b64encode(hashlib.sha256(data).digest()).decode()


class Certificate:
    """A certificate with its key."""

    def __init__(self, subject, issuer=None, key=None, ca=False, hosts=(), begin=NOW - 10 * DAY, end=NOW + 80 * DAY,
                 issuer_url=None):
        self.key = key or new_key()
        self.subject = subject
        public = self.key.public_key()
        signer = issuer or self
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(signer.subject).public_key(public)
                   .serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
                   .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
                   .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
                   .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()),
                                  critical=False))
        if ca:
            builder = builder.add_extension(x509.KeyUsage(
                digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
                key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False),
                critical=True)
        else:
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        if hosts:
            names = [x509.IPAddress(ipaddress.ip_address(one)) if one[0].isdigit() else x509.DNSName(one)
                     for one in hosts]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if issuer_url:
            access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS,
                                            x509.UniformResourceIdentifier(issuer_url))
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
        self.certificate = builder.sign(signer.key, hashes.SHA256())

    @property
    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def spki(self):
        return sha256(self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))

    @property
    def fingerprint(self):
        return sha256(self.der)

    @property
    def key_pem(self):
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption())


class Ca:
    """A root and two intermediates of one organization."""

    def __init__(self, organization):
        self.organization = organization
        years = {"begin": NOW - 1500 * DAY, "end": NOW + 3000 * DAY, "ca": True}
        self.root = Certificate(name(organization + " Root R1", organization), **years)
        self.intermediates = [Certificate(name(f"{organization} E{n}", organization), self.root, **years) for n in (1, 2)]

    def leaf(self, intermediate=0, **how):
        how.setdefault("hosts", (HOST,))
        return Certificate(name(how["hosts"][0]), self.intermediates[intermediate], **how)

    def chain(self, leaf, intermediate=0):
        return [leaf, self.intermediates[intermediate]]


def policy(pins, updated=None, expires=NOW + 200 * DAY, require="any", host=HOST, on_expiry="enforce", head=True):
    """A policy of one rule, or without `head` one rule more; `pins` are the fields of each pin."""
    def fields(pin):
        return "{ " + ", ".join(f'{key} = "{value}"' for key, value in pin.items()) + " }"

    lines = ["[policy]", 'name = "test"', "version = 1"] if head else []
    lines += ["[[host]]", f'pattern = "{host}"', f'require = "{require}"', f'on_expiry = "{on_expiry}"',
              f"expires = {expires:%Y-%m-%d}"]
    if updated:
        lines.append(f"updated = {updated:%Y-%m-%d}")
    return "\n".join([*lines, "pins = [", *(fields(pin) + "," for pin in pins), "]", ""])


class Server:
    """TLS on one loopback address, with a chain for clients that send the name and perhaps another one for the rest."""

    def __init__(self, directory, chain, address="127.0.0.1", port=0, nameless=None, date=None):
        self._date = date
        self._context = self._load(directory, nameless or chain)
        if nameless:
            named = self._load(directory, chain)

            def choose(connection, server_name, _):
                if server_name:
                    connection.context = named

            self._context.sni_callback = choose
        self._listener = socket.create_server((address, port), backlog=64)
        self.address, self.port = address, self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @staticmethod
    def _load(directory, chain):
        path = os.path.join(directory, f"served-{chain[0].fingerprint[7:17].replace('/', '_')}.pem")
        with open(path, "wb") as out:
            out.write(chain[0].key_pem + b"".join(one.pem for one in chain))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        connection.settimeout(10)
        try:
            with self._context.wrap_socket(connection, server_side=True) as stream:
                if stream.recv(4096):
                    date = f"Date: {self._date:%a, %d %b %Y %H:%M:%S} GMT\r\n" if self._date else ""
                    stream.sendall(f"HTTP/1.0 200 OK\r\n{date}\r\n".encode())
        except OSError:
            pass  # a client that only looks goes away in the middle

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


class ClearServer:
    """A fixed answer to whatever comes, in clear, as a portal's or the place of an issuer's certificate."""

    def __init__(self, answer, address="127.0.0.1", port=0):
        self._answer = answer
        self._listener = socket.create_server((address, port), backlog=64)
        self.address, self.port = address, self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                try:
                    connection.recv(4096)
                    connection.sendall(self._answer)
                except OSError:
                    pass  # a client that only looks goes away in the middle

    close = Server.close


class ClosedPort:
    """A port of loopback on which nothing listens. It is held, so that no other server gets it."""

    def __init__(self):
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.address, self.port = self._socket.getsockname()

    def close(self):
        self._socket.close()
