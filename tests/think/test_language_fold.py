import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.language.fold import fold

SAME = [
    pytest.param("Kazakhmys", "KAZAKHMYS", id="letter case"),
    pytest.param("нашёл", "нашел", id="yo"),
    pytest.param("й", "и\u0306", id="composed"),
    pytest.param("Ё", "Е\u0308", id="composed yo"),
    pytest.param("замок", "за\u0301мок", id="stress mark"),
    pytest.param("Казахмыс", "Ка\u00adзах\u200bмыс", id="soft hyphen and zero width blank"),
    pytest.param("KTZ", "\uff2b\uff34\uff3a", id="full width"),
    pytest.param("fine", "\ufb01ne", id="ligature"),
    pytest.param("strasse", "Straße", id="sharp s"),
    pytest.param("istanbul", "İstanbul", id="dotted capital i"),
    pytest.param("o'neil", "O\u2019Neil", id="apostrophe"),
    pytest.param("казахстан", "Казахстaн", id="a look-alike"),
    pytest.param("білім", "бiлiм", id="Latin i for Kazakh i"),
    pytest.param("редкоземельный", "редко-\nземельный", id="broken at the end of a line"),
    pytest.param("a b", "a_b", id="underscore"),
    pytest.param("a b", "a\ud800b", id="lone surrogate"),
]
OTHER = [
    pytest.param("й", "и", id="short i"),
    pytest.param("қ", "к", id="Kazakh letters stay"),
    pytest.param("é", "e", id="accents of Latin letters stay"),
    pytest.param("rare-\nEarth", "rareearth", id="a capital begins a new word"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_a_reader_takes_for_the_same_folds_to_the_same(one, other):
    assert fold(one).text == fold(other).text


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_what_is_another_word_folds_to_another(one, other):
    assert fold(one).text != fold(other).text


def test_a_word_that_mixes_alphabets_on_purpose_stays():
    assert fold("KazМұнайGas").cased == "KazМұнайGas"


@pytest.mark.parametrize(
    ("received", "folded", "stretch"),
    [
        ("Ка\u00adзахмыс!", "казахмыс", "Ка\u00adзахмыс"),
        ("\u200bза\u0301мок", "замок", "за\u0301мок"),
        ("a \ufb01ne day", "fine", "\ufb01ne"),
        ("die Straße", "strasse", "Straße"),
        ("редко-\nземы", "редкоземы", "редко-\nземы"),
        ("\U0001f600 KTZ", "ktz", "KTZ"),
    ],
)
def test_a_stretch_leads_back_to_the_received_text(received, folded, stretch):
    result = fold(received)
    start = result.text.index(folded)
    assert received[slice(*result.received(start, start + len(folded)))] == stretch


MIXED = st.text(st.sampled_from("aбЁİßﬁ\u0301\u00ad\u200b\u0308'’-\n _`中\ud800K7ё"), max_size=30) | st.text(
    max_size=30
)


@given(MIXED)
def test_folding_never_fails_and_always_knows_where_it_came_from(text):
    folded = fold(text)
    assert len(folded.text) == len(folded.cased)
    folded.text.encode()  # fails where a lone surrogate is left
    behind = 0
    for place in range(len(folded.text)):
        start, end = folded.received(place, place + 1)
        assert behind <= start < end <= len(text)
        behind = start


@given(MIXED)
def test_both_ways_of_folding_agree(text):
    # An invisible character in front makes it go the careful way.
    assert fold("\u200b" + text).text == fold(text).text or text[:1] in "\u0301\u0308"
