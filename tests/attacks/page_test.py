# SPDX-License-Identifier: Apache-2.0
"""docs/enforcement.md holds the table as the columns' tests made it, and the table is whole."""
import unittest

import page
from all_rows import ROWS
from columns import all_columns


class PageTest(unittest.TestCase):
    def test_the_page_is_what_the_last_results_give(self):
        self.assertEqual(page.read(), page.with_table(page.read()), "run tests/attacks/page.py")

    def test_every_column_has_every_row_and_no_other(self):
        for column in all_columns():
            self.assertEqual(list(column.results), [row.slug for row in ROWS], column.name)

    def test_what_a_column_may_not_do_is_what_its_results_say(self):
        for column in all_columns():
            for row in ROWS:
                found = column.results[row.slug]
                if found.startswith("cannot "):
                    self.assertIn(found.removeprefix("cannot "), column.cannot, f"{column.name} {row.slug}")
                elif row.slug in column.differs:
                    self.assertEqual(found, column.differs[row.slug]["found"], f"{column.name} {row.slug}")
                else:
                    self.assertTrue(row.holds(found), f"{column.name} {row.slug}: {found}")


if __name__ == "__main__":
    unittest.main()
