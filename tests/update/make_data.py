# SPDX-License-Identifier: Apache-2.0
"""make_data.py FOLDER: a repository of two versions, for tests that need no server. Its keys are thrown away."""

import os
import pathlib
import sys

os.environ.setdefault("COTTER_BUILD_DIR", "")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tuf_repository import Key, Repository  # noqa: E402

repository = Repository(hashed=True)
for signed in repository.signed.values():
    signed["expires"] = "2100-01-01T00:00:00Z"
root = repository.signed["root"]
for role in ("timestamp", "snapshot", "targets", "root"):
    repository.add_key(role, Key("ecdsa"))
    root["roles"][role]["threshold"] = 2
root["version"] = repository.signed["targets"]["version"] = 0
root["x-note"] = "quotes \" and \\, ü and 😀"
repository.files.clear()
repository.publish("root")
repository.delegate("targets", "team", ["team/*"], terminating=True)
repository.signed["team"]["expires"] = "2100-01-01T00:00:00Z"
repository.add_target("targets", "production/policy.json", b"{}", custom={"version": 1})
repository.add_target("team", "team/policy.json", b"{}")
repository.update("team", "targets")
repository.publish("root")

folder = pathlib.Path(sys.argv[1])
for path, content in repository.files.items():
    name = path.removeprefix("metadata/")
    if path.startswith("metadata/") and (name == "timestamp.json" or name[0].isdigit()):
        (folder / name).write_bytes(content)
