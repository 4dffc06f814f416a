# SPDX-License-Identifier: Apache-2.0
"""A repository of The Update Framework that cotter did not make: metadata in canonical form by securesystemslib, signed
by python-cryptography, served over HTTP from this process, and open to any tampering.

    with Repository() as repository:
        client = Client(repository)
        client.init(), client.refresh(), client.download("name")
"""

import copy
import datetime
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import tempfile
import threading
import urllib.parse
import weakref

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from securesystemslib.formats import encode_canonical

TOP_LEVEL = ("root", "timestamp", "snapshot", "targets")
CLIENT_SECONDS = 60  # the longest that a client may take on a busy machine


def expiry(days):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def canonical(value):
    return encode_canonical(value).encode()


class Key:
    """A key pair; `keyid` may be set to anything."""

    def __init__(self, kind="ed25519", scheme=None):
        self.kind = kind
        if kind == "ed25519":
            self.private, self.scheme = ed25519.Ed25519PrivateKey.generate(), "ed25519"
            public = self.private.public_key().public_bytes(
                serialization.Encoding.Raw, serialization.PublicFormat.Raw).hex()
        else:
            if kind == "rsa":
                self.private, self.scheme = rsa.generate_private_key(65537, 2048), "rsassa-pss-sha256"
            else:
                self.private, self.scheme = ec.generate_private_key(ec.SECP256R1()), "ecdsa-sha2-nistp256"
            public = self.private.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
        self.scheme = scheme or self.scheme
        self.public = {"keytype": kind, "scheme": self.scheme, "keyval": {"public": public}}
        self.keyid = hashlib.sha256(canonical(self.public)).hexdigest()

    def sign(self, message):
        if self.kind == "ed25519":
            return self.private.sign(message).hex()
        if self.kind == "rsa":
            pad = padding.PKCS1v15() if self.scheme.startswith("rsa-pkcs1v15") else padding.PSS(
                padding.MGF1(hashes.SHA256()), hashes.SHA256.digest_size)
            return self.private.sign(message, pad, hashes.SHA256()).hex()
        return self.private.sign(message, ec.ECDSA(hashes.SHA256())).hex()


def file_info(content, version=None):
    info = {"length": len(content), "hashes": {"sha256": hashlib.sha256(content).hexdigest()}}
    return info if version is None else {"version": version, **info}


class Repository:
    """`signed` is each role's signed part, `signers` who signs it, `files` what is served, `requests` what was asked for,
    `faults` a function for a path, that gets the handler in place of the file."""

    def __init__(self, kind="ed25519", consistent=True, hashed=False):
        self.kind, self.hashed = kind, hashed
        self.files, self.requests, self.faults = {}, [], {}
        self.signed, self.signers = {}, {}
        common = {"spec_version": "1.0.31", "version": 0, "expires": expiry(30)}
        self.signed["root"] = {"_type": "root", **common, "consistent_snapshot": consistent, "keys": {}, "roles": {}}
        self.signed["timestamp"] = {"_type": "timestamp", **common, "meta": {"snapshot.json": {"version": 1}}}
        self.signed["snapshot"] = {"_type": "snapshot", **common, "meta": {"targets.json": {"version": 1}}}
        self.signed["targets"] = {"_type": "targets", **common, "targets": {}}
        for role in TOP_LEVEL:
            self.signed["root"]["roles"][role] = {"keyids": [], "threshold": 1}
            self.add_key(role)
        self.publish("root", "targets", "snapshot", "timestamp")

    # Roles.

    def add_key(self, role, key=None, delegator="root", signs=True):
        key = key or Key(self.kind)
        holder = self.signed[delegator] if delegator == "root" else self.signed[delegator]["delegations"]
        entry = holder["roles"][role] if delegator == "root" else next(
            one for one in holder["roles"] if one["name"] == role)
        entry["keyids"].append(key.keyid)
        holder["keys"][key.keyid] = key.public
        if signs:
            self.signers.setdefault(role, []).append(key)
        return key

    def rotate(self, role):
        """Takes all keys from `role` and gives it new ones; the root is to be published then."""
        entry = self.signed["root"]["roles"][role]
        for keyid in entry["keyids"]:
            self.signed["root"]["keys"].pop(keyid, None)
        entry["keyids"], self.signers[role] = [], []
        for _ in range(entry["threshold"]):
            self.add_key(role)

    def delegate(self, delegator, name, paths=("*",), terminating=False, keys=1, threshold=1, **fields):
        holder = self.signed[delegator].setdefault("delegations", {"keys": {}, "roles": []})
        entry = {"name": name, "keyids": [], "threshold": threshold, "terminating": terminating,
                 **({"paths": list(paths)} if paths is not None else {}), **fields}
        holder["roles"].append(entry)
        known = name in self.signed
        if not known:
            self.signed[name] = {"_type": "targets", "spec_version": "1.0.31", "version": 0, "expires": expiry(30),
                                 "targets": {}}
        for index in range(keys):
            self.add_key(name, self.signers[name][index] if known else None, delegator, signs=not known)

    def add_target(self, role, path, content, **fields):
        self.signed[role]["targets"][path] = {**file_info(content), **fields}
        folder, _, name = path.rpartition("/")
        prefix = f"{folder}/" if folder else ""
        self.files[f"targets/{prefix}{hashlib.sha256(content).hexdigest()}.{name}"] = content
        self.files[f"targets/{path}"] = content

    # Files.

    def envelope(self, role, signers=None):
        message = canonical(self.signed[role])
        signatures = [{"keyid": key.keyid, "sig": key.sign(message)}
                      for key in (self.signers[role] if signers is None else signers)]
        return {"signatures": signatures, "signed": copy.deepcopy(self.signed[role])}

    def put(self, role, content, version=None):
        """Serves `content`, bytes or JSON, as the role's file."""
        raw = content if isinstance(content, bytes) else json.dumps(content, indent=1, ensure_ascii=False).encode()
        name = urllib.parse.quote(role, "")
        self.files[f"metadata/{version or self.signed[role]['version']}.{name}.json"] = raw
        self.files[f"metadata/{name}.json"] = raw
        return raw

    def publish(self, *roles, bump=True):
        for role in roles:
            self.signed[role]["version"] += 1 if bump else 0
            self.put(role, self.envelope(role))

    def update_timestamp(self):
        self.signed["timestamp"]["meta"]["snapshot.json"] = self._meta("snapshot")
        self.publish("timestamp")

    def update(self, *roles):
        """Publishes `roles`, then a snapshot and a timestamp that name them."""
        self.publish(*roles)
        for role in roles:
            if role not in TOP_LEVEL or role == "targets":
                self.signed["snapshot"]["meta"][f"{role}.json"] = self._meta(role)
        self.publish("snapshot")
        self.update_timestamp()

    def _meta(self, role):
        version = self.signed[role]["version"]
        raw = self.files[f"metadata/{urllib.parse.quote(role, '')}.json"]
        return file_info(raw, version) if self.hashed else {"version": version}

    # The server.

    def __enter__(self):
        repository = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):  # noqa: N802
                path = self.path.lstrip("/")
                repository.requests.append(path)
                if path in repository.faults:
                    repository.faults[path](self)
                    return
                content = repository.files.get(path, repository.files.get(urllib.parse.unquote(path))
                                               if path.startswith("targets/") else None)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                pass  # clients are killed, and hang up on bodies that are too long

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Client:
    """The conformance client in a directory of its own, which goes with the object."""

    def __init__(self, repository):
        self.repository = repository
        self.directory = tempfile.mkdtemp(prefix="cotter-tuf-")
        self._finalizer = weakref.finalize(self, shutil.rmtree, self.directory)
        self.metadata, self.targets = (os.path.join(self.directory, name) for name in ("metadata", "targets"))
        os.mkdir(self.metadata)
        os.mkdir(self.targets)
        self.stderr = ""

    def _run(self, *words, under=()):
        program = os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/conformance/client")
        environment = {**os.environ, "COTTER_CONFORMANCE_CLIENT": os.path.join(
            os.environ["COTTER_BUILD_DIR"], "tests/conformance/cotter_conformance_client")}
        done = subprocess.run([*under, program, *words], capture_output=True, text=True, timeout=CLIENT_SECONDS,
                              check=False, env=environment)
        self.stderr = done.stderr
        return done.returncode

    def init(self, root=None):
        path = os.path.join(self.directory, "initial_root.json")
        with open(path, "wb") as file:
            file.write(root if root is not None else self.repository.files["metadata/1.root.json"])
        return self._run("--metadata-dir", self.metadata, "init", path)

    def refresh(self, under=()):
        return self._run("--metadata-dir", self.metadata, "--metadata-url", f"{self.repository.url}/metadata", "refresh",
                         under=under)

    def download(self, *names, under=()):
        wanted = [word for name in names for word in ("--target-name", name)]
        return self._run("--metadata-dir", self.metadata, "--metadata-url", f"{self.repository.url}/metadata/", *wanted,
                         "--target-base-url", f"{self.repository.url}/targets/", "--target-dir", self.targets, "download",
                         under=under)

    def content(self, role):
        try:
            with open(os.path.join(self.metadata, f"{role}.json"), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def version(self, role):
        raw = self.content(role)
        return raw and json.loads(raw)["signed"]["version"]

    def versions(self):
        return [self.version(role) for role in TOP_LEVEL]

    def state(self):
        return {name: self.content(name.removesuffix(".json")) for name in sorted(os.listdir(self.metadata))}

    def downloaded(self):
        found = []
        for folder, _, names in os.walk(self.targets):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    found.append(file.read())
        return sorted(found)
