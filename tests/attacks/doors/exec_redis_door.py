# SPDX-License-Identifier: Apache-2.0
"""redis-cli under `cotter exec`. The secret is a word to echo; of the answer, which is no Redis's, it complains. It sends
the name that it is given and never compares it with the certificate."""
import re

from raw_program import answered, serve


def program(of):
    words = ["redis-cli", "-h", of.address, "-p", str(of.port), "--tls", "--cacert", of.roots]
    if not re.fullmatch(r"[0-9.]+", of.host) and ":" not in of.host:
        words += ["--sni", of.host]
    if of.cert:
        words += ["--cert", of.cert, "--key", of.key]
    if "verify_none" in of.careless:
        words.append("--insecure")
    if "anonymous" in of.careless:
        words += ["--tls-ciphers", "ALL:aNULL:@SECLEVEL=0"]
    return [*words, "ECHO", of.secret]


if __name__ == "__main__":
    serve(program, answered('Protocol error, got "H" as reply type byte'))
