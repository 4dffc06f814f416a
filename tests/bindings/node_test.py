# SPDX-License-Identifier: Apache-2.0
"""The Node binding in Debian's Node: node_client.js against a genuine server and an interceptor's, whose records are
looked at afterwards.

S2-10, S1-26, S1-27, S1-30, S1-31, S3-45."""
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))
from lab import Lab  # noqa: E402

ASKING = ["--client-certificates", "required"]
environment = {**os.environ, "COTTER_NODE_ADDON": os.environ["COTTER_BUILD_DIR"] + "/bindings/node/cotter.node"}

with Lab(["--identity", "leaf"], ["--identity", "rogue-leaf"], ["--identity", "leaf", *ASKING],
         ["--identity", "rogue-leaf", *ASKING], ["--fault", "silence"]) as lab:
    facts = {"ports": [lab.port(server) for server in range(5)],
             "pins": lab.facts["pins"],
             "roots": [lab.file("root"), lab.file("rogue-root")],
             "client": {"certificate": lab.file("client", "chain.pem"), "key": lab.file("client", "key")}}
    done = subprocess.run(["/usr/bin/node", HERE / "node_client.js", json.dumps(facts)], env=environment, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.returncode
    records = lab.settled()
    for server in (1, 3):
        assert records[server]["handshakes_completed"] == 0, records[server]
        assert "top-secret" not in str(records[server]), records[server]
        assert all(not one["client_certificates"] for one in records[server]["details"]), records[server]
    assert "top-secret" in str(records[0]), "the genuine server did not get the request"
