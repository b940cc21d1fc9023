import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.language.fold import MARKS, fold
from monitor.language.words import NEEDS_CARE, RUNNING, places, words

_CARE = re.compile(f"[{RUNNING}{MARKS}]")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Rare-earth, metals.", ["rare", "earth", "metals"]),
        ("Kazakhmys’s profit", ["kazakhmys", "profit"]),
        ("the companies' profit", ["the", "companies", "profit"]),
        ("don't O'Neil", ["don't", "o'neil"]),
        ("«Қазақмыс» ҚТЖ-ның", ["қазақмыс", "қтж", "ның"]),
        ("COVID-19 1,5 5G", ["covid", "19", "1", "5", "5g"]),
        ("#КТЖ_новости @ktz", ["ктж", "новости", "ktz"]),
        ("हिन्दी", ["हिन्दी"]),
        ("中国 G20 稀土", ["中", "国", "g20", "稀", "土"]),
        ("x稀土y", ["x", "稀", "土", "y"]),
        ("... — !", []),
        ("", []),
    ],
)
def test_words(text, expected):
    assert words(fold(text).text) == expected


@given(
    st.text(st.sampled_from("aбK'’s-_ 中\u0e40\u0e21\u0e37\u0301.,\n1"), max_size=40) | st.text(max_size=40)
)
def test_every_word_stands_where_it_is_said_to_stand(text):
    folded = fold(text).text
    assert [folded[start:end] for start, end in places(folded)] == words(folded)


def test_the_quick_look_misses_no_character_that_needs_care():
    careful = [chr(code) for code in range(0x110000) if _CARE.match(chr(code))]
    assert all(NEEDS_CARE.match(character) for character in careful)
