import pytest

from monitor.located import Place, Scalar
from monitor.rules.query import read_line, read_phrases
from monitor.rules.tree import And, Field, Leaf, Not, Or
from monitor.rules.written import written

PLACE = Place("a.yaml", 3, 7)


def scalar(text, style=None):
    return Scalar(text, PLACE, PLACE, style)


def shape(node):
    """A tree as text: c. for cased words, * for beginnings."""
    match node:
        case Leaf(words):
            marks = {"cased": "c.{}", "prefix": "{}*", "folded": "{}"}
            return " ".join(marks[word.mode].format(word.text) for word in words)
        case And(parts):
            return "(" + " & ".join(map(shape, parts)) + ")"
        case Or(parts):
            return "(" + " | ".join(map(shape, parts)) + ")"
        case Not(part):
            return "!" + shape(part)


def shape_of(text):
    line = read_line(scalar(text))
    assert not line.problems, line.problems
    return shape(line.tree)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rare earth", "rare earth"),
        ("Kazakhmys", "Kazakhmys"),
        ('"rare earth"', "rare earth"),
        ("“rare earth”", "rare earth"),
        ("«rare earth»", "rare earth"),
        ("„rare earth“", "rare earth"),
        ("REE", "c.REE"),
        ("КТЖ", "c.КТЖ"),
        ("ҚТЖ", "c.ҚТЖ"),
        ("U.S.", "c.U c.S"),
        ("UNESCO", "UNESCO"),
        ("REE metals", "REE metals"),
        ('"REE"', "REE"),
        ("G20", "G20"),
        ("=Orange", "c.Orange"),
        ("=Orange juice", "c.Orange juice"),
        ('="Business Objects"', "c.Business c.Objects"),
        ("neodym*", "neodym*"),
        ("REE*", "REE*"),
        ("медн* руд*", "медн* руд*"),
        ("COVID-19", "(COVID 19 | COVID19)"),
        ("rare‑earth metal", "(rare earth metal | rareearth metal)"),
        ("Усть-Каменогорск*", "(Усть Каменогорск* | УстьКаменогорск*)"),
        ("O’Neil's mine", "O'Neil mine"),
        ("AT&T", "AT T"),
        ("Johnson & Johnson", "Johnson Johnson"),
        ("Who is next?", "Who is next"),
        ("a1, b1, c1", "(a1 | b1 | c1)"),
        ("gold AND price", "(gold & price)"),
        ("gold AND price AND rise", "(gold & price & rise)"),
        ("gold OR silver OR iron", "(gold | silver | iron)"),
        ("gold NOT coin", "(gold & !coin)"),
        ("gold AND NOT coin", "(gold & !coin)"),
        ("gold NOT coin NOT ring", "(gold & !coin & !ring)"),
        ("NOT coin AND gold", "(!coin & gold)"),
        ("(gold OR silver) AND price", "((gold | silver) & price)"),
        ("(gold, silver) AND (price, cost)", "((gold | silver) & (price | cost))"),
        ("gold OR (silver AND price)", "(gold | (silver & price))"),
        ("gold, (silver AND price)", "(gold | (silver & price))"),
        ("(COVID-19) AND vaccine", "((COVID 19 | COVID19) & vaccine)"),
        ("COVID-19, flu", "((COVID 19 | COVID19) | flu)"),
        ("((gold))", "gold"),
        ("NOT (gold OR silver) AND iron", "(!(gold | silver) & iron)"),
        ("KazМұнайGas", "KazМұнайGas"),
        ("稀土", "稀 土"),
        ("Kazakhmys: copper", "Kazakhmys copper"),
        ('"gold and silver"', "gold and silver"),
        ('"and"', "and"),
    ],
)
def test_what_a_line_means(text, expected):
    assert shape_of(text) == expected


REFUSED = [
    ("", 0, "this line is empty", "write"),
    ("a NEAR/5 b", 2, "monitor does not know NEAR", "AND"),
    ("gold NEAR price", 5, "monitor does not know NEAR", "AND"),
    ("gold NEAR5 price", 5, "monitor does not know NEAR", "AND"),
    ("gold NOT NEAR/3 (band, album)", 5, "monitor does not know NEAR", "AND"),
    ("gold BEFORE/3 price", 5, "monitor does not know BEFORE", "AND"),
    ("gold w/5 price", 5, "monitor does not know w", "AND"),
    ("gold /5 price", 5, "monitor does not know /5", "AND"),
    ("ATLEAST/3 (gold, silver)", 0, "monitor does not know ATLEAST", "phrase"),
    ("2 OF (gold, silver, iron)", 0, "monitor does not know OF", "AND"),
    ("headline:gold", 0, "monitor does not know 'headline:' inside a line", "key headline:"),
    ("title:(gold OR silver)", 0, "monitor does not know 'title:' inside a line", "key headline:"),
    ("gold AND lead:silver", 9, "monitor does not know 'lead:' inside a line", "searched"),
    ("source:bbc", 0, "monitor does not know 'source:' inside a line", "key sources:"),
    ("$kazakhstan, gold", 0, "monitor does not know lists such as $kazakhstan", "write the words out"),
    ("gold | silver", 5, "monitor does not know |", "OR"),
    ("gold; silver", 4, "a semicolon joins nothing", "comma"),
    ("-gold silver", 0, "monitor does not know - before a word", "NOT gold"),
    ("+gold silver", 0, "monitor does not know + before a word", "AND gold"),
    ("gold~2", 0, "monitor does not know 'gold~2'", "spellings"),
    ("gold OR silver AND price", 15, "AND and OR together need brackets", "brackets"),
    ("gold AND silver OR price", 16, "AND and OR together need brackets", "brackets"),
    ("gold, silver AND price", 0, "commas and AND, OR, NOT in one line need brackets", "(gold, silver) AND price"),
    ("gold, NOT silver", 0, "commas and AND, OR, NOT in one line need brackets", "brackets"),
    ("(gold", 0, "this bracket is never closed", ")"),
    ("gold)", 4, "this closing bracket has no opening one", "out"),
    ("()", 0, "nothing stands in these brackets", None),
    ('"gold', 0, "this quotation mark is never closed", "close"),
    ('""', 0, "no word stands between these quotation marks", None),
    ("gold,", 4, "nothing stands behind this comma", "out"),
    (", gold", 0, "nothing stands before this comma", "out"),
    ("gold,, silver", 5, "nothing stands before this comma", "out"),
    ("AND gold", 0, "AND needs something before it", None),
    ("AND NOT gold", 0, "AND NOT needs something before it", None),
    ("gold AND", 5, "AND needs something after it", None),
    ("gold OR AND silver", 5, "OR needs something after it", None),
    ("NOT", 0, "NOT needs something after it", None),
    ("NOT NOT gold", 0, "NOT needs something after it", None),
    ('"rare earth" metals', 13, "what joins this to the words before it?", "comma"),
    ("ФК «Казахмыс»", 3, "what joins this to the words before it?", "quotation marks"),
    ("gold (silver)", 5, "what joins this to the words before it?", "comma"),
    ("re*", 0, "'re*' would match far too much", "3 letters"),
    ("gold re*", 5, "'re*' would match far too much", "3 letters"),
    ("*", 0, "a wildcard alone matches everything", None),
    ("*gold", 0, "a wildcard can stand only at the end of a word", "spellings"),
    ("col*r", 3, "a wildcard can stand only at the end of a word", "spellings"),
    ("wom?n", 3, "a wildcard can stand only at the end of a word", "spellings"),
    ("=Gold*", 0, "= and * cannot stand at one word", "=Gold"),
    ("Казахстaн", 0, "'Казахстaн' mixes Latin and Cyrillic letters (a is Latin)", "one alphabet"),
    ("шахта Кaзахмыс", 6, "'Кaзахмыс' mixes Latin and Cyrillic letters (a is Latin)", "one alphabet"),
    ('"Kаzakhmys"', 1, "'Kаzakhmys' mixes Latin and Cyrillic letters (а is Cyrillic)", "one alphabet"),
    ("!!!", 0, "'!!!' holds no letters", None),
    ("(" * 30 + "gold" + ")" * 30, 20, "more than 20 brackets inside each other", "simply"),
    ("gold " * 51, 0, "this phrase has more than 50 words", "few words"),
    ("gold " * 2_001, 0, "this line is longer than 10,000 characters", "several"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "at", "message", "hint"), REFUSED)
def test_what_cannot_be_read_is_refused_at_its_place(text, at, message, hint):
    (problem,) = [problem for problem in read_line(scalar(text)).problems if problem.severity == "error"]
    assert problem.message.startswith(message)
    assert problem.place == PLACE.right(at)
    assert (hint in (problem.hint or "")) if hint else problem.hint is None


@pytest.mark.parametrize(
    ("text", "at", "word", "operator"),
    [
        ("gold and silver", 5, "and", "AND"),
        ("gold or silver", 5, "or", "OR"),
        ("золото ИЛИ серебро", 7, "ИЛИ", "OR"),
        ("алтын НЕМЕСЕ күміс", 6, "НЕМЕСЕ", "OR"),
    ],
)
def test_a_word_that_looks_like_an_operator_is_a_warning(text, at, word, operator):
    line = read_line(scalar(text))
    (problem,) = line.problems
    assert problem.severity == "warning"
    assert problem.place == PLACE.right(at)
    assert word in problem.message
    assert operator in problem.hint
    assert line.tree is not None


def test_a_single_letter_is_a_warning():
    (problem,) = read_line(scalar("a")).problems
    assert problem.severity == "warning"


def test_a_headline_line_is_read_for_the_headline_throughout():
    tree = read_line(scalar("(gold OR COVID-19) AND NOT silver"), Field.HEADLINE).tree
    assert "ANYWHERE" not in repr(tree)


def test_every_phrase_knows_its_place():
    tree = read_line(scalar("gold, rare earth")).tree
    assert [leaf.place.column for leaf in tree.parts] == [7, 13]


def test_a_block_knows_only_where_it_begins():
    tree = read_line(scalar("gold,\nrare earth", style="|")).tree
    assert {leaf.place for leaf in tree.parts} == {PLACE}


def test_hide_takes_phrases_and_commas_only():
    leaves, problems = read_phrases(scalar("Kazakhmys Barys, COVID-19 album"))
    assert [written(leaf) for leaf in leaves] == ["Kazakhmys Barys", "COVID 19 album", "COVID19 album"]
    assert not problems
    leaves, (problem,) = read_phrases(scalar("gold AND silver"))
    assert not leaves
    assert problem.message == "AND, OR and NOT cannot stand here"
