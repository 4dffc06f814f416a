# SPDX-License-Identifier: Apache-2.0
"""openssl s_client, which goes on whatever it finds, under `cotter exec`."""
import re

from raw_program import serve

SHELL = 'printf %s "$1" | (shift; exec openssl s_client -quiet "$@")'


def program(of):
    address = f"[{of.address}]" if ":" in of.address else of.address
    is_address = re.fullmatch(r"[0-9.]+", of.host) or ":" in of.host
    name = ["-noservername", "-verify_ip", of.host] if is_address else ["-servername", of.host, "-verify_hostname", of.host]
    words = ["-ign_eof", "-connect", f"{address}:{of.port}", "-CAfile", of.roots, *name]
    if of.cert:
        words += ["-cert", of.cert, "-key", of.key]
    if "anonymous" in of.careless:
        words += ["-cipher", "ALL:aNULL:@SECLEVEL=0"]
    if "psk" in of.careless:
        words += ["-psk_identity", "lab", "-psk", "0102030405060708090a0b0c0d0e0f10"]
    return ["sh", "-c", SHELL, "sh", of.text, *words]


if __name__ == "__main__":
    serve(program)
