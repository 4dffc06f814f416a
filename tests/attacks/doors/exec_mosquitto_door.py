# SPDX-License-Identifier: Apache-2.0
"""mosquitto_pub under `cotter exec`. The secret is a password; of the answer, which is no broker's, it complains."""
from raw_program import answered, serve
from under_exec import Unsupported


def program(of):
    if of.address.lower().rstrip(".") != of.host.lower().rstrip("."):
        raise Unsupported("address")
    words = ["mosquitto_pub", "-h", of.host, "-p", str(of.port), "--cafile", of.roots, "-t", "topic", "-m", "message",
             "-u", "user", "-P", of.secret]
    if of.cert:
        words += ["--cert", of.cert, "--key", of.key]
    if "verify_none" in of.careless:
        words.append("--insecure")
    if "anonymous" in of.careless:
        words += ["--ciphers", "ALL:aNULL:@SECLEVEL=0"]
    return words


if __name__ == "__main__":
    serve(program, answered("[Pp]rotocol error"))
