# SPDX-License-Identifier: Apache-2.0
"""python3 as Debian ships it, under `cotter exec`, in a context that verifies nothing and knows the roots."""
from raw_program import serve

PROGRAM = """
import socket, ssl, sys
address, port, host, text, roots, cert, key, careless = sys.argv[1:]
context = ssl._create_unverified_context(cafile=roots)
if "anonymous" in careless:
    context.set_ciphers("ALL:aNULL:@SECLEVEL=0")
if cert:
    context.load_cert_chain(cert, key)
with socket.create_connection((address, int(port)), 40) as plain, context.wrap_socket(plain, server_hostname=host) as secure:
    secure.sendall(text.encode())
    print(secure.recv(1000).decode())
"""

if __name__ == "__main__":
    serve(lambda of: ["/usr/bin/python3", "-c", PROGRAM, of.address, str(of.port), of.host, of.text, of.roots, of.cert, of.key,
                      ",".join(of.careless)])
