# SPDX-License-Identifier: Apache-2.0
"""openssl s_client -starttls smtp under `cotter exec`."""
from exec_openssl_door import program
from raw_program import serve

if __name__ == "__main__":
    serve(lambda of: [*program(of), "-starttls", "smtp"])
