# SPDX-License-Identifier: Apache-2.0
"""The table can fail: a door that checks too late, one that only says that it refused, and one that goes by an old policy are
found."""
import os
import unittest

import table
from all_rows import ROWS
from columns import Column
from stage import Stage


def find(mode, slug):
    """What the judge says of a row on the door of controls/late_door.py."""
    os.environ["COTTER_LATE_DOOR"] = mode
    column = Column("openssl")
    column.name = "late"
    row = next(row for row in ROWS if row.slug == slug)
    with Stage() as stage:
        try:
            found = table.run(row, stage, column)
        except AssertionError as error:
            return str(error).split(":")[0]
        return found if row.holds(found) else f"not {row.must}"


class JudgeTest(unittest.TestCase):
    def test_a_genuine_server_is_no_news(self):
        self.assertEqual(find("late", "genuine"), "accepted")

    def test_a_check_after_the_handshake_is_found(self):
        self.assertEqual(find("late", "unpinned"), "completed")

    def test_a_client_certificate_that_was_disclosed_is_found(self):
        # With TLS 1.2, because with 1.3 the client may hang up before the server has read its certificate.
        self.assertIn(find("late", "client_certificate_12"), ("completed", "disclosed"))

    def test_a_request_that_was_sent_is_found(self):
        self.assertEqual(find("blind", "rogue"), "canaries")

    def test_a_policy_that_never_arrives_is_found(self):
        self.assertEqual(find("stale", "session_1_changed"), "not accepted; refused (pin_mismatch)")


if __name__ == "__main__":
    unittest.main()
