# SPDX-License-Identifier: Apache-2.0
"""wget, which is on GnuTLS, under `cotter exec`."""
import re

from raw_program import CANNOT, request_of
from under_exec import Door, split


def command(order, roots):
    of, environment = request_of(order, roots)
    words = ["wget", "-q", "-S", "-t1", "-T40", "--no-hsts", "--no-proxy", "--max-redirect=0", "-O", "/dev/null",
             f"--ca-certificate={roots}"]
    for field, value in (order.get("headers") or {}).items():
        words += ["--header", f"{field}: {value}"]
    if of.cert:
        words += [f"--certificate={of.cert}", f"--private-key={of.key}"]
    if "verify_none" in of.careless:
        words.append("--no-check-certificate")
    _, port, path = split(order["url"])
    host = f"[{of.host}]" if ":" in of.host else of.host
    return [*words, f"https://{host}:{port}{path}"], environment


def read(outcome):
    found = re.findall(r"^  HTTP/1\.[01] (\d+) ", outcome.err, re.MULTILINE)
    return (int(found[-1]) if found and outcome.code == 0 else None), None


if __name__ == "__main__":
    Door(command, read, CANNOT, late=lambda _: True).serve()
