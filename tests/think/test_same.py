import pytest

from monitor.alerts.same import text_key, title_key
from tests.build import a_story


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Kazakhmys denies all the allegations", "KAZAKHMYS denies all the allegations!", True),
        ("Ёлка на площади уже стоит", "Елка на площади уже стоит", True),
        ("Kazakhmys denies all the allegations", "Kazakhmys denies half the allegations", False),
    ],
)
def test_titles_are_compared_by_their_words(one, other, same):
    assert (title_key(a_story(one)) == title_key(a_story(other))) is same


@pytest.mark.parametrize("title", ["Weather today", "Курс валют сегодня", "", "A B C D"])
def test_a_title_that_says_too_little_is_no_key(title):
    assert title_key(a_story(title)) is None


def test_a_short_text_is_no_key():
    assert text_key(a_story("Brief", summary="Few words")) is None
