# SPDX-License-Identifier: Apache-2.0
"""A door that is none: it looks at the pins when the handshake is over, as a program without cotter would, and tells the
table that it refused. Or it does not look at all, or never hears of a change. For judge_test.py."""
import base64
import hashlib
import json
import os
import socket
import ssl
import sys
import tomllib
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import serialization

SECONDS = 20
MODE = os.environ["COTTER_LATE_DOOR"]  # "late", "blind" or "stale"


def pins_of(policy):
    with open(policy, "rb") as file:
        return {pin["pin"] for rule in tomllib.load(file)["host"] for pin in rule["pins"]}


def pin_of(der):
    key = x509.load_der_x509_certificate(der).public_key()
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "sha256/" + base64.b64encode(hashlib.sha256(spki).digest()).decode()


def get(order, policy, roots):
    url, (host, port) = urllib.parse.urlsplit(order["url"]), order["connect"].rsplit(":", 1)
    context = ssl.create_default_context(cafile=roots)
    if order.get("cert"):
        context.load_cert_chain(order["cert"], order["key"])
    answer = {"ok": True, "outcome": "pinned_ok", "code": None, "message": "", "resumed": False, "reused": False,
              "status": 200, "peer": None}
    with socket.create_connection((host, int(port)), timeout=SECONDS) as plain, \
            context.wrap_socket(plain, server_hostname=url.hostname) as tls:
        if MODE != "blind" and pin_of(tls.getpeercert(binary_form=True)) not in pins_of(policy):
            return {**answer, "ok": False, "outcome": "pin_mismatch", "code": "pin_mismatch", "status": None}
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {url.hostname}\r\nAuthorization: {order['headers']['Authorization']}\r\n"
                    "Connection: close\r\n\r\n".encode())
        while tls.recv(4096):
            continue
    if MODE == "blind":  # says what the table wants to hear
        return {**answer, "ok": False, "outcome": "pin_mismatch", "code": "pin_mismatch", "status": None}
    return answer


arguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))
for line in sys.stdin:
    command = json.loads(line)
    result = {"ok": True}
    if command["op"] == "get":
        result = get(command, arguments["--policy"], arguments["--roots"])
    elif command["op"] == "policy" and MODE != "stale":
        arguments["--policy"] = command["file"]
    print(json.dumps(result), flush=True)
