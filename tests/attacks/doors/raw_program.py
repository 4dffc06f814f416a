# SPDX-License-Identifier: Apache-2.0
"""Programs under `cotter exec` that are told an address, a name and the bytes to send: a column each. A program is a function
of a Request that gives its words; what it prints begins with the answer's status line."""
import dataclasses
import re

from under_exec import Door, name, split

CANNOT = ("keep", "resume", "save_session", "load_session", "follow", "hosts", "proxy")


@dataclasses.dataclass(frozen=True)
class Request:
    address: str  # that TCP goes to
    port: int
    host: str  # as the row writes it, without brackets, in ASCII
    text: str  # the request
    secret: str  # what it holds that nobody else may see, and the end of a request
    roots: str
    cert: str
    key: str
    careless: tuple


def request_of(order, roots):
    host, port, path = split(order["url"])
    # Few of them map international names themselves.
    host = host if host.isascii() else host.encode("idna").decode()
    connect = order.get("connect") or f"{host}:{port}"
    # Programs look names up; where that cannot be arranged they get the address.
    environment = {}
    if connect.endswith(f":{port}") and not re.fullmatch(r"\[.*\]|[0-9.]+", host):
        environment = name({host, host.lower(), host.lower().rstrip(".")}, connect)
    address, connect_port = (f"{host}:{port}" if environment else connect).rsplit(":", 1)
    fields = "".join(f"{field}: {value}\r\n" for field, value in (order.get("headers") or {}).items())
    request = Request(address=address.strip("[]"), port=int(connect_port), host=host.strip("[]"), roots=roots,
                   secret=(order.get("headers") or {}).get("Authorization", "") + "\r\n\r\n",
                   text=f"GET {path or '/'} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n{fields}\r\n",
                   cert=order.get("cert") or "", key=order.get("key") or "", careless=tuple(order.get("careless") or ()))
    return request, environment


def read(outcome):
    found = re.search(r"^HTTP/1\.[01] (\d+) ", outcome.out, re.MULTILINE)
    return (int(found[1]) if found else None), None


def answered(pattern):
    """A read for a program of another protocol, which complains of the answer by `pattern`."""
    return lambda outcome: (200 if re.search(pattern, outcome.out + outcome.err) else None, None)


def serve(program, reads=read, late=None):
    def command(order, roots):
        request, environment = request_of(order, roots)
        return program(request), environment

    Door(command, reads, CANNOT, late).serve()
