"""docs/rules.md says what the code does."""

import re
from pathlib import Path

import pytest

from monitor.located import Place, Scalar
from monitor.matching import samples
from monitor.rules.query import read_line
from monitor.rules.shapes import FILE_KEYS, RULE_KEYS, SAMPLE_KEYS, TEST_KEYS
from tests.think.rules_kit import rules

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
FIRST = Place("docs")


def test_every_key_is_explained():
    for key in (*FILE_KEYS, *RULE_KEYS, *TEST_KEYS, *SAMPLE_KEYS):
        assert f"`{key}`" in PAGE, key


def test_the_first_example_is_right():
    book = rules(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0])
    assert len(book.rules) == 2
    assert all(result.passed for result in samples.run(book))


@pytest.mark.parametrize(
    "line",
    re.findall(r"^\| `([^|]+)` \|", PAGE.split("## The keys")[0], re.M),
)
def test_every_line_of_the_table_can_be_read(line):
    for one in line.split("`, `"):
        assert read_line(Scalar(one, FIRST, FIRST)).tree is not None, one
