import pytest

from monitor.language.codes import meant, primary
from monitor.language.scripts import stray_letters, unmixed


@pytest.mark.parametrize(
    ("word", "repaired", "letters"),
    [
        ("Казахстaн", "Казахстан", "a"),
        ("Kazаkhmys", "Kazakhmys", "а"),
        ("бiлiм", "білім", "i"),
        ("Aуылдағы", "Ауылдағы", "A"),
    ],
)
def test_a_slip_of_the_keyboard_is_found(word, repaired, letters):
    assert stray_letters(word) == (repaired, letters)


@pytest.mark.parametrize("word", ["Казахстан", "Kazakhstan", "KazМұнайGas", "5G", "", "中国"])
def test_what_is_meant_so_is_no_slip(word):
    assert stray_letters(word) is None


def test_the_text_decides_where_both_alphabets_are_possible():
    assert unmixed("Это текст: оp") == "Это текст: ор"
    assert unmixed("This is a text: оp") == "This is a text: op"


@pytest.mark.parametrize(
    ("tag", "language"), [("ru-RU", "ru"), ("kaz", "kk"), ("EN_gb", "en"), ("kk", "kk"), ("de", "de")]
)
def test_the_language_of_a_tag(tag, language):
    assert primary(tag) == language


def test_the_code_of_a_country_is_not_the_language():
    assert meant("kz") == "kk"
    assert meant("zz") is None
