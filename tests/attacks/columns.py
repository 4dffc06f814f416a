# SPDX-License-Identifier: Apache-2.0
"""The columns of the table: doors/NAME.toml says what a door is called and cannot, results/NAME.json what came of it."""
import json
import os
import tomllib

FOLDER = os.path.join(os.environ["COTTER_SOURCE_DIR"], "tests/attacks")


class Column:
    """One door."""

    def __init__(self, name):
        self.name = name
        with open(os.path.join(FOLDER, "doors", f"{name}.toml"), "rb") as file:
            facts = tomllib.load(file)
        self.title = facts["title"]
        self.place = facts["place"]
        self.cannot = facts.get("cannot", {})  # field -> why
        self.serve = facts.get("serve", [])  # knobs that its servers have beside the row's
        self.differs = facts.get("differs", {})  # row -> {found, why}
        self._path = os.path.join(FOLDER, "results", f"{name}.json")

    @property
    def results(self):
        """Row -> what came of it, as it was when the results were last written."""
        if not os.path.exists(self._path):
            return {}
        with open(self._path, encoding="utf-8") as file:
            return json.load(file)

    def write(self, results):
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        with open(self._path, "w", encoding="utf-8") as file:
            file.write(json.dumps(results, indent=1) + "\n")


def all_columns():
    """In the order of the table."""
    names = [name.removesuffix(".toml") for name in os.listdir(os.path.join(FOLDER, "doors")) if name.endswith(".toml")]
    return sorted((Column(name) for name in names), key=lambda column: (column.place, column.name))
