# SPDX-License-Identifier: Apache-2.0
"""curl as Debian ships it, under `cotter exec`."""
import re

from under_exec import Door, resolve, split

CANNOT = ("keep", "resume", "save_session", "load_session")


def command(order, roots):
    environment = {}
    words = ["curl", "-sS", "-m", "40", "-o", "/dev/null", "-w", "%{http_code} %{remote_ip} %{remote_port}", "--noproxy", "",
             "--cacert", roots, "--proxy-cacert", roots]
    for name, value in (order.get("headers") or {}).items():
        words += ["-H", f"{name}: {value}"]
    if order.get("cert"):
        words += ["--cert", order["cert"], "--key", order["key"]]
    if order.get("follow"):
        words.append("-L")
    for name, address in (order.get("hosts") or {}).items():
        words += ["--connect-to", f"{name}::{address}:"]
    if order.get("proxy"):
        words += ["-x", order["proxy"]]
    elif order.get("connect") and not order.get("follow"):
        environment = resolve(order["url"], order["connect"])
        if not environment:
            words += ["--connect-to", f"::{order['connect']}"]
    elif order.get("connect"):
        host, port, _ = split(order["url"])
        words += ["--connect-to", f"{host}:{port}:{order['connect']}", "--proto-redir", "=https"]
    if "verify_none" in (order.get("careless") or ()):
        words.append("-k")
    return [*words, order["url"]], environment


def read(outcome):
    found = re.fullmatch(r"(\d+) (\S+) (\d+)", outcome.out.strip())
    if not found:
        return None, None
    address = f"[{found[2]}]" if ":" in found[2] else found[2]
    return (int(found[1]) or None) if outcome.code == 0 else None, f"{address}:{found[3]}"


if __name__ == "__main__":
    Door(command, read, CANNOT).serve()
