# SPDX-License-Identifier: Apache-2.0
"""psql with `sslmode=require` and no root: it trusts no CA, and verifies nothing."""
from exec_psql_door import run

if __name__ == "__main__":
    run("require", "/nonexistent")
