"""The table of what the ancestor could says of each row where it is shown; this keeps the table true."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LINES = (TESTS / "feature_rows.md").read_text(encoding="utf-8").splitlines()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in LINES if re.match(r"\| \d", line)]


def test_every_row_is_there_once_and_in_order():
    assert [row[0] for row in ROWS] == [str(number) for number in range(1, 87)]


@pytest.mark.parametrize(("number", "what", "shown"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_names_tests_that_exist_or_the_work_to_come_or_a_reason(number, what, shown):
    named = re.findall(r"`([^`]+)`", shown)
    assert what
    assert named or re.search(r"later, with \w+|not wanted, because \w+", shown)
    for name in named:
        file, _, test = name.partition("::")
        assert f"def {test}(" in (TESTS / file).read_text(encoding="utf-8"), name
