# SPDX-License-Identifier: Apache-2.0
"""git over HTTPS, which is libcurl on GnuTLS, under `cotter exec`. No server of the lab is a repository: git complains of
that once it has its answer."""
import re

from raw_program import CANNOT, request_of
from under_exec import Door, split


def command(order, roots):
    of, environment = request_of(order, roots)
    _, port, path = split(order["url"])
    host = f"[{of.host}]" if ":" in of.host else of.host
    words = ["git", "-c", f"http.sslCAInfo={roots}", "-c", "http.proxy="]
    for field, value in (order.get("headers") or {}).items():
        words += ["-c", f"http.extraHeader={field}: {value}"]
    if of.cert:
        words += ["-c", f"http.sslCert={of.cert}", "-c", f"http.sslKey={of.key}"]
    if "verify_none" in of.careless:
        words += ["-c", "http.sslVerify=false"]
    return [*words, "ls-remote", f"https://{host}:{port}{path}"], {"GIT_SSL_CAINFO": roots, **environment}


def read(outcome):
    failed = re.search(r"unable to access .*?(?:returned error: (\d+)|$)", outcome.err)
    if failed:
        return (int(failed[1]) if failed[1] else None), None
    return (200 if outcome.audit else None), None


if __name__ == "__main__":
    Door(command, read, CANNOT, late=lambda _: True).serve()
