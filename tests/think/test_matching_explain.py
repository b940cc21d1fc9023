import pytest

from monitor.matching.bare import bare_story
from monitor.matching.explain import explain
from monitor.matching.matcher import Matcher
from tests.think.rules_kit import rules

TAIL = "It denies it. It names licences.\nLatest news\nKTZ buys wagons\nKcell grows fast\nKTZ again too"

CASES = [
    ("gold", {"title": "gold falls"}, True, "found 'gold'"),
    ("[gold, iron]", {"title": "silver"}, False, "nothing of: gold, iron"),
    ("[a1, b1, c1, d1, e1, f1, g1]", {"title": "x"}, False, "nothing of: a1, b1, c1, d1, e1 and 2 more"),
    ("{any: gold, all: price}", {"title": "gold"}, False, "found 'gold'; nothing of: price"),
    ("{headline: gold}", {"text": "gold"}, False, "nothing in the headline of: gold"),
    ("{all: [gold AND price, rise]}", {"title": "gold rise"}, False, "found 'gold', 'rise'; this does not hold: gold AND price"),
    ("{any: gold, none: [coin]}", {"title": "gold coin"}, False, "found 'gold'; 'coin' must be absent (line 2)"),
    ("{any: gold, languages: ru}", {"title": "gold", "language": "en"}, False,
     "found 'gold'; the story's language is en, the rule is for ru"),
    ("{any: gold, sources: orda.kz}", {"title": "gold", "source": "The News"}, False,
     "found 'gold'; the story's source is The News, the rule is for orda.kz"),
    ("{any: Kazakhmys, hide: FC Kazakhmys}", {"title": "FC Kazakhmys wins"}, False,
     "nothing of: Kazakhmys; 'Kazakhmys' stands only inside a phrase of hide"),
    ("KTZ", {"text": TAIL}, False, "nothing of: KTZ; 'KTZ' stands only in the page's list of other stories"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "story", "alerts", "words"), CASES)
def test_an_explanation_says_what_was_found_what_failed_and_what_stopped_it(rule, story, alerts, words):
    (only,) = rules(f"rules:\n  A: {rule}").rules
    matcher = Matcher((only,))
    told = bare_story(**story)
    explanation = explain(only, matcher, told)
    assert explanation.alerts is alerts
    assert explanation.in_words() == words
    assert bool(matcher.match(told)) is alerts


def test_every_rule_of_a_matcher_can_be_explained():
    book = rules("rules: {A: gold, B: {any: gold, none: coin}, C: silver}")
    matcher = Matcher(book.rules)
    story = bare_story(title="gold coin")
    assert [explain(rule, matcher, story).alerts for rule in book.rules] == [True, False, False]
