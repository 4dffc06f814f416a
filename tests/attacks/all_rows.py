# SPDX-License-Identifier: Apache-2.0
"""ROWS with every row in it, in the order of the table."""
from rows import ROWS  # noqa: F401
import rows_paths  # noqa: F401
import rows_policy  # noqa: F401
import rows_time  # noqa: F401
import rows_tls  # noqa: F401
import rows_legs  # noqa: F401
