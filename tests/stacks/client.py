# SPDX-License-Identifier: Apache-2.0
"""Runs exported Python code. Arguments: a PEM file of trusted roots, then cases. A case is
"MODULE URL", or "MODULE MODULE URL": the second over sessions that the first made, as far as urllib3
keeps any. Prints "accept" or "refuse REASON" for each."""
import importlib
import os
import socket
import ssl
import sys

sys.path.insert(0, os.getcwd())
genuine_lookup = socket.getaddrinfo
socket.getaddrinfo = lambda host, port, *rest, **named: genuine_lookup("127.0.0.1", port, *rest, **named)


def get(context, name, url):
    module = importlib.import_module(name)
    manager = module.PinnedPoolManager(ssl_context=context, retries=False)
    try:
        manager.request("GET", url)
    except Exception as error:  # whatever it is, the request was refused
        return "refuse " + str(error).replace("\n", " ")
    finally:
        manager.clear()
    return "accept"


for words in sys.argv[2:]:
    *names, target = words.split(" ")
    context = ssl.create_default_context(cafile=sys.argv[1])
    answer = ""
    for each in names:
        answer = get(context, each, target)
    print(answer)
