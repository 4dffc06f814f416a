# SPDX-License-Identifier: Apache-2.0
"""python3 as Debian ships it, under `cotter exec`: its own ssl module."""
from raw_program import serve

PROGRAM = """
import socket, ssl, sys
address, port, host, text, roots, cert, key, careless = sys.argv[1:]
context = ssl.create_default_context(cafile=roots)
if "verify_none" in careless:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
if "anonymous" in careless:
    context.set_ciphers("ALL:aNULL:@SECLEVEL=0")
if cert:
    context.load_cert_chain(cert, key)
with socket.create_connection((address, int(port)), 40) as plain, context.wrap_socket(plain, server_hostname=host) as secure:
    secure.sendall(text.encode())
    print(secure.recv(1000).decode())
"""


def program(of):
    return ["/usr/bin/python3", "-c", PROGRAM, of.address, str(of.port), of.host, of.text, of.roots, of.cert, of.key,
            ",".join(of.careless)]


if __name__ == "__main__":
    serve(program)
