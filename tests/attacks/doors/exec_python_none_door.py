# SPDX-License-Identifier: Apache-2.0
"""The same python3 in a context that verifies nothing, and knows the roots."""
import dataclasses

from exec_python_door import program
from raw_program import serve

if __name__ == "__main__":
    serve(lambda of: program(dataclasses.replace(of, careless=(*of.careless, "verify_none"))))
