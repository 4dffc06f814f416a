# SPDX-License-Identifier: Apache-2.0
"""poll_bench.py PROGRAM HOSTS ROUNDS: runs poll_bench against a repository of a policy of so many hosts, two of whose keys
sign, that nginx serves; prints what it prints, and the policy's size."""
import base64
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/support"))
from pin_server import PinServer  # noqa: E402
from tuf_repository import Repository  # noqa: E402


def pin(name):
    return "sha256/" + base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()


program, hosts, rounds = sys.argv[1:]
repository = Repository(hashed=True)
for role in ("root", "targets"):
    repository.add_key(role)
    repository.signed["root"]["roles"][role]["threshold"] = 2
repository.signed["root"]["version"] = 0
repository.publish("root")
policy = json.dumps({"policy": {"name": "acme", "environment": "production", "version": 1},
                     "host": [{"pattern": f"h{host}.example.com", "pins": [{"pin": pin(f"{host} {each}")} for each in range(4)]}
                              for host in range(int(hosts))]}).encode()
repository.add_target("targets", "production/policy.json", policy)
repository.update("targets")
print("policy", len(policy), flush=True)
with tempfile.TemporaryDirectory() as folder, PinServer(repository) as server:
    root = os.path.join(folder, "root.json")
    with open(root, "wb") as file:
        file.write(repository.files["metadata/1.root.json"])
    subprocess.run([program, server.url, root, server.ca, os.path.join(folder, "state"), rounds], check=True, timeout=600)
