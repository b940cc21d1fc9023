import pytest

from monitor.matching.bare import bare_story
from monitor.matching.filters import like
from monitor.matching.matcher import MAX_EVIDENCE, Matcher
from tests.think.rules_kit import matcher


def met(rule, **story):
    """What of a story met the one rule, as texts; None where the rule does not hold."""
    matches = matcher(f"rules:\n  A: {rule}").match(bare_story(**story))
    return [item.text for item in matches[0].evidence] if matches else None


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("rare earth", "Rare-earth exports"),
        ("rare earth", "RARE\nEARTH"),
        ("rare earth", "“rare” earth"),
        ("rare earth", "rare, earth"),
        ("rare-earth", "rareearth"),
        ("COVID-19", "covid 19"),
        ("COVID-19", "COVID19"),
        ("Kazakhmys", "kazakhmys's"),
        ("Kazakhmys", "(Kazakhmys)"),
        ("Kazakhmys", "Kazakhmys-led"),
        ("Kazakhmys", "#Kazakhmys_news"),
        ("нашел", "нашёл"),
        ("Қазақмыс", "«ҚАЗАҚМЫС»"),
        ("Казахстан", "Казахстaн"),
        ("КТЖ", "КТЖ-ға"),
        ("U.S.", "the U.S. Senate"),
        ("neodym*", "neodymium"),
        ("медн* руд*", "медной рудой"),
        ("=Orange", "Orange buys a mast"),
        ("稀土", "中国稀土出口"),
        ("'\"rare earth\"'", "Rare Earth"),
    ],
)
def test_a_phrase_is_found(line, title):
    assert met(line, title=title) is not None


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("rare earth", "rare earthworm"),
        ("rare earth", "rare good earth"),
        ("earth", "unearthed"),
        ("Kazakhmys", "Kazakhmysov"),
        ("REE", "ree"),
        ("КТЖ", "ктж"),
        ("=Orange", "an orange"),
        ("U.S.", "tell us so"),
        ("neodym*", "a neody"),
        ("earth*", "unearthed"),
        ("don", "don't"),
        ("мед*", "едмед"),
    ],
)
def test_another_word_is_not(line, title):
    assert met(line, title=title) is None


@pytest.mark.parametrize(
    ("rule", "title", "holds"),
    [
        ("gold AND price", "price of gold", True),
        ("gold AND price", "price of iron", False),
        ("gold NOT coin", "gold falls", True),
        ("gold NOT coin", "gold coin falls", False),
        ("(gold, iron) AND (price, cost)", "iron cost", True),
        ("(gold, iron) AND (price, cost)", "iron falls", False),
        ("{any: [gold, iron], all: [price, rise]}", "iron price rise", True),
        ("{any: [gold, iron], all: [price, rise]}", "iron price", False),
        ("{any: gold, none: [coin, ring]}", "gold ring", False),
        ("{any: gold, none: [coin, ring]}", "gold bar", True),
        ("{any: Kazakhmys, hide: FC Kazakhmys}", "FC Kazakhmys wins", False),
        ("{any: Kazakhmys, hide: FC Kazakhmys}", "FC Kazakhmys wins, Kazakhmys pays", True),
        ("{any: gold, none: coin, hide: coin collector}", "gold for a coin collector", True),
        ("{any: gold, hide: go*}", "gold", False),
    ],
)
def test_keys_and_operators(rule, title, holds):
    assert (met(rule.replace("go*", "gol*"), title=title) is not None) == holds


def test_a_headline_line_looks_at_the_headline_only():
    rule = "{headline: rare earth}"
    assert met(rule, title="Rare earth") == ["Rare earth"]
    assert met(rule, title="Rare", summary="earth", text="rare earth") is None


def test_no_phrase_reaches_from_one_field_into_the_next():
    assert met("rare earth", title="rare", summary="earth") is None
    assert met("rare earth", text="It is rare\nRead also: x\nearth is here.") is None


def test_evidence_is_in_reading_order_and_spans_the_whole_phrase():
    rules = matcher("rules:\n  A:\n    - earth*\n    - rare earth\n")
    (match,) = rules.match(bare_story(text="Earths.", title="A Ra\u00adre  “earth”", summary="the earth"))
    assert [(e.field, e.start, e.end, e.text, e.line) for e in match.evidence] == [
        ("title", 2, 15, "Ra\u00adre  “earth", 4),
        ("title", 10, 15, "earth", 3),
        ("summary", 4, 9, "earth", 3),
        ("text", 0, 6, "Earths", 3),
    ]


def test_evidence_behind_a_left_out_line_has_the_offsets_of_the_field():
    text = "One sentence.\nRead also: gold rises\nThe \U0001f600 gold. It is here."
    (match,) = matcher("rules: {A: gold}").match(bare_story(text=text))
    (item,) = match.evidence
    assert text[item.start : item.end] == "gold"
    assert item.start == text.rindex("gold")


def test_only_what_made_a_rule_true_is_evidence():
    assert met("{any: [gold, iron AND price], none: coin}", title="iron and gold") == ["gold"]
    assert met("{any: Kazakhmys, hide: FC Kazakhmys}", title="FC Kazakhmys, Kazakhmys") == ["Kazakhmys"]


def test_evidence_is_bounded():
    assert len(met("gold", text="gold " * 5_000)) == MAX_EVIDENCE


def test_a_page_tail_is_not_searched():
    text = "The company denies it. It names licences.\nLatest news\nKTZ buys wagons\nKcell grows\nKTZ again"
    assert met("KTZ", text=text) is None
    assert met("KTZ", summary=text) is None
    assert met("company", text=text) == ["company"]


@pytest.mark.parametrize(
    ("languages", "language", "holds"),
    [
        ("[ru]", "ru", True),
        ("[ru]", "ru-KZ", True),
        ("[ru]", "en", False),
        ("[ru, kk]", "kk", True),
        ("[ru]", None, True),
    ],
)
def test_a_language_filter_passes_stories_without_a_language(languages, language, holds):
    rule = f"{{any: gold, languages: {languages}}}"
    assert (met(rule, title="gold", language=language) is not None) == holds


@pytest.mark.parametrize(
    ("pattern", "source", "link", "holds"),
    [
        ("orda.kz", "", "https://www.orda.kz/x", True),
        ("www.orda.kz", "", "https://orda.kz/x", True),
        ("orda.kz", "", "https://en.orda.kz/x", False),
        ("'*.orda.kz'", "", "https://en.orda.kz/x", True),
        ("orda*", "Orda.kz", None, True),
        ("The News", "the news", "https://other.example/x", True),
        ("The News", "News", None, False),
        ("'*'", "", None, True),
        ("orda.kz", "", None, False),
    ],
)
def test_a_source_is_an_outlets_name_or_host(pattern, source, link, holds):
    rule = f"{{any: gold, sources: [{pattern}]}}"
    assert (met(rule, title="gold", source=source, link=link) is not None) == holds


@pytest.mark.parametrize(
    ("text", "pattern", "is_like"),
    [("abc", "abc", True), ("abc", "a*c", True), ("ab", "a*b*", True), ("a", "a*a", False), ("abab", "*ab", True),
     ("abc", "*b*", True), ("abc", "*d*", False), ("", "*", True), ("a.c", "abc", False)],
)  # fmt: skip
def test_a_star_stands_for_anything(text, pattern, is_like):
    assert like(text, pattern) == is_like


def test_rules_come_in_the_order_of_the_book():
    names = [
        match.rule.name
        for match in matcher("rules: {C: gold, A: gold, B: gold}").match(bare_story(title="gold"))
    ]
    assert names == ["C", "A", "B"]


def test_no_rules_match_nothing():
    assert Matcher(()).match(bare_story(title="gold")) == ()
    assert matcher("rules: {A: gold}").match(bare_story()) == ()


def test_lone_surrogates_part_words():
    assert met("rare earth", title="\ud800rare\udfff earth") == ["rare\udfff earth"]
