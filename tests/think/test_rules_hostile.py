"""Files that nobody wrote by hand: each ends with a message, none with a crash. They are fast or the suite is not."""

import pytest

from tests.think.rules_kit import book

FILES = {
    "brackets": "[" * 100_000,
    "deep mappings": "a: " + "{a: " * 100_000,
    "an anchor": "a: &a [x, x]\nb: [*a, *a]\n",
    "a tag": "rules: !!python/object:os.system {}\n",
    "too many lines": "rules:\n A:\n" + "  - gold silver\n" * 50_000,
    "brackets in a line": "rules:\n A:\n  - " + "(" * 9_000,
    "a line of commas": "rules:\n A:\n  - " + "gold, " * 100_000,
    "a long key": "rules:\n  ? " + "k" * 1_000_000 + "\n  : gold\n",
    "unknown keys": "rules:\n A:\n" + "".join(f"  key{n}: gold\n" for n in range(20_000)),
    "one name again and again": "rules:\n" + " A: gold\n" * 20_000,
    "a NUL": "rules:\n A: go\0ld\n",
    "two documents": "rules: {A: gold}\n---\nrules: {B: gold}\n",
    "merge keys": "rules:\n A: {<<: {any: gold}}\n",
}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_an_error_with_its_place(name):
    found = book(FILES[name])
    assert not found.usable
    assert all(problem.place.file == "a.yaml" for problem in found.problems)
    assert all(len(str(problem)) < 500 for problem in found.problems)
    assert len(found.problems) <= 201


def test_marks_piled_on_a_letter_are_one_word():
    (rule,) = book("rules:\n A: a" + "\u0301" * 9_000).rules
    assert rule.name == "A"
