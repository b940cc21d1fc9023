import pytest

from monitor.located import Place
from monitor.rules.rule import Priority
from monitor.rules.tree import Field, Hide
from monitor.rules.written import leaves, written
from tests.think.rules_kit import book, rules, said


def only(text):
    (rule,) = rules(text).rules
    return rule


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("[Kazakhmys, Казахмыс]", "Kazakhmys, Казахмыс"),
        ("Kazakhmys", "Kazakhmys"),
        ("copper AND price NOT coin", "copper AND price AND NOT coin"),
        ("{any: copper}", "copper"),
        ("{any: [copper, zinc], all: [price, rise]}", "(copper, zinc) AND price AND rise"),
        ("{any: copper, none: [coin, ring]}", "copper AND NOT coin AND NOT ring"),
        ("{headline: [copper, zinc], any: price}", "price AND (copper, zinc)"),
        ("{headline: copper}", "copper"),
    ],
)
def test_every_form_of_a_rule_ends_in_one_tree(text, condition):
    assert written(only(f"rules:\n  Copper: {text}").tree) == condition


def test_a_headline_line_looks_at_the_headline_only():
    tree = only("rules:\n  Copper: {headline: copper, any: price}").tree
    assert {written(leaf): leaf.field for leaf in leaves(tree)} == {
        "copper": Field.HEADLINE,
        "price": Field.ANYWHERE,
    }


def test_hide_stands_around_the_whole_tree():
    tree = only("rules:\n  Kazakhmys: {any: Kazakhmys, hide: [FC Kazakhmys, ФК Казахмыс]}").tree
    assert isinstance(tree, Hide)
    assert [written(phrase) for phrase in tree.phrases] == ["FC Kazakhmys", "ФК Казахмыс"]


def test_a_rule_says_everything_that_is_written():
    rule = only(
        """
desk: Metals and mining
rules:
  Редкие земли:
    any: [neodym*]
    to: [metals, ops, metals]
    languages: [en, ru-RU, kk]
    sources: ["*.kz", The News]
    note: Copper, mostly
    priority: urgent
    tests:
      alert:
        - Neodymium found
        - {headline: Neodymium, summary: found, text: in the steppe, source: orda.kz, language: en}
        - headline: Neodymium again
      ignore: Nothing found
"""
    )
    assert (rule.id, rule.name, rule.desk) == ("redkie-zemli", "Редкие земли", "Metals and mining")
    assert rule.place == Place("a.yaml", 4, 3)
    assert rule.to == ("metals", "ops")
    assert rule.languages == ("en", "ru", "kk")
    assert rule.sources == ("*.kz", "The News")
    assert (rule.note, rule.priority) == ("Copper, mostly", Priority.URGENT)
    assert [sample.headline for sample in rule.samples] == [
        "Neodymium found", "Neodymium", "Neodymium again", "Nothing found",
    ]  # fmt: skip
    assert [sample.alerts for sample in rule.samples] == [True, True, True, False]
    assert (rule.samples[1].text, rule.samples[1].source, rule.samples[1].language) == (
        "in the steppe",
        "orda.kz",
        "en",
    )
    assert rule.samples[0].place == Place("a.yaml", 13, 11)


def test_the_file_names_the_desk_where_nobody_did():
    assert only("rules: {Copper: copper}").desk == "a"


def test_a_colon_in_a_line_or_a_headline_is_text():
    rule = only(
        "rules:\n  A:\n    any:\n      - Kazakhmys: copper\n    tests:\n      alert:\n        - Kazakhmys: copper\n"
        '        - Minister says: "Kazakhmys: copper"\n'
    )
    assert written(rule.tree) == "Kazakhmys copper"
    assert rule.samples[0].headline == "Kazakhmys: copper"
    assert rule.samples[1].headline == 'Minister says: "Kazakhmys: copper"'


def test_words_that_yaml_takes_for_something_else_stay_words():
    rule = only("rules:\n  A: {any: [no, 2026, true, 1e3], languages: [no]}")
    assert written(rule.tree) == "no, 2026, true, 1e3"
    assert rule.languages == ("no",)


def test_rules_of_all_files_are_one_book():
    found = book("rules: {A1: gold}", "rules: {B1: silver}")
    assert [rule.name for rule in found.rules] == ["A1", "B1"]
    assert len(found.files) == 2


MESSAGES = [
    ("rulez: {}", ["a.yaml:1:1: there is no key 'rulez' - did you mean 'rules'?", "a.yaml:1:1: the key 'rules' is missing - put rules: above the rules"]),
    ("- gold", ["a.yaml:1:1: a rule file begins with desk: and rules: - put rules: above the rules"]),
    ("", ["a.yaml:1:1: warning: this file holds no rules - write rules: and a rule below it"]),
    ("rules:", ["a.yaml:1:1: warning: this file holds no rules - write a rule below rules:"]),
    ("rules: [gold]", ["a.yaml:1:8: 'rules' holds names with lines below them - write a name and a colon, and the lines below it"]),
    ("desk: [a]\nrules: {A: gold}", ["a.yaml:1:7: 'desk' must be text - write the desk's name"]),
    ("rules:\n  A:", ["a.yaml:2:3: the rule 'A' says nothing to look for - write a line below it"]),
    ("rules:\n  A: []", ["a.yaml:2:3: the rule 'A' says nothing to look for - write a line below it"]),
    ("rules:\n  A: {to: ops}", ["a.yaml:2:3: the rule 'A' says nothing to look for - add any: with what to look for"]),
    ("rules:\n  '': gold", ["a.yaml:2:4: this rule has no name - write its name in front of the colon"]),
    ("rules:\n  A: {anny: gold}", ["a.yaml:2:7: there is no key 'anny' - did you mean 'any'?"]),
    ("rules:\n  A: {any: gold, exclude: coin}", ["a.yaml:2:18: there is no key 'exclude' - did you mean 'none'?"]),
    ("rules:\n  A: {any: gold, at_least: 2}", ["a.yaml:2:18: there is no key 'at_least' - known here: any, all, none, headline, hide, to, languages, sources, note, priority, tests"]),
    ("rules:\n  A: {any: gold, id: a}", ["a.yaml:2:18: there is no key 'id' - known here: any, all, none, headline, hide, to, languages, sources, note, priority, tests"]),
    ("rules:\n  A: {none: gold}", ["a.yaml:2:3: the rule 'A' says only what must be absent - add any: with what to look for"]),
    ("rules:\n  A: NOT gold", ["a.yaml:2:10: the rule 'A' would hold for almost every story: this part says only what must be absent - put what must be absent under none:"]),
    ("rules:\n  A: [gold, NOT silver]", ["a.yaml:2:17: the rule 'A' would hold for almost every story: this part says only what must be absent - put what must be absent under none:"]),
    ("rules:\n  A: {all: [NOT gold]}", ["a.yaml:2:3: the rule 'A' would hold for almost every story: this part says only what must be absent - put what must be absent under none:"]),
    ("rules:\n  A:\n    any:\n      - {a: b, c: d}", ["a.yaml:4:9: 'any' holds words here, not a list or keys - put the text in quotation marks"]),
    ("rules:\n  A:\n    any: [[gold]]", ["a.yaml:3:11: 'any' holds words here, not a list or keys - write one line after each dash"]),
    ("rules:\n  A:\n    any:\n      - gold\n      -", ["a.yaml:5:8: this line is empty - write what to look for, or take the line out"]),
    ("rules:\n  A: {any: gold, languages: [kz]}", ["a.yaml:2:30: 'kz' is not the code of a language - did you mean 'kk'?"]),
    ("rules:\n  A: {any: gold, languages: [zzz]}", ["a.yaml:2:30: 'zzz' is not the code of a language - write two letters: en, ru, kk"]),
    ("rules:\n  A: {any: gold, priority: urgnt}", ["a.yaml:2:28: 'urgnt' is not a priority - did you mean 'urgent'?"]),
    ("rules:\n  A: {any: gold, priority: [low]}", ["a.yaml:2:28: 'priority' must be one word - one of: urgent, normal, low"]),
    ("rules:\n  A: {any: gold, note: [x]}", ["a.yaml:2:24: 'note' must be text - put the text in quotation marks"]),
    ("rules:\n  A: {any: gold, sources: 'https://www.orda.kz/feed'}", ["a.yaml:2:28: a source is an outlet's name or host, not an address - write orda.kz"]),
    ("rules:\n  A: {any: gold, hide: a1 AND b1}", ["a.yaml:2:24: AND, OR and NOT cannot stand here - write a phrase, or several with commas between"]),
    ("rules:\n  A: {any: gold, tests: gold}", ["a.yaml:2:25: 'tests' holds alert: and ignore: - write alert: and the headlines below it"]),
    ("rules:\n  A: {any: gold, tests: {alerts: gold}}", ["a.yaml:2:26: there is no key 'alerts' - did you mean 'alert'?"]),
    ("rules:\n  A: {any: gold, tests: {alert: [{title: gold}]}}", ["a.yaml:2:35: there is no key 'title' - did you mean 'headline'?"]),
    ("rules:\n  A: {any: gold, tests: {alert: [[gold]]}}", ["a.yaml:2:34: a sample is a headline, or headline: and text: - write one headline after each dash"]),
    ("rules:\n  A: gold\n  A: silver", ["a.yaml:3:3: 'A' stands here a second time - the first is on line 2 - keep one of them"]),
    ("rules:\n  A b: gold\n  A-B: silver", ["a.yaml:3:3: 'A-B' and 'A b' at a.yaml:2:3 would get the same id 'a-b' - give one of them a name that differs in more than marks and letter case"]),
    ("rules:\n  Казахмыс: gold\n  Kazakhmys: silver", ["a.yaml:3:3: 'Kazakhmys' and 'Казахмыс' at a.yaml:2:3 would get the same id 'kazakhmys' - give one of them a name that differs in more than marks and letter case"]),
    ("rules:\n  A: gold AND silver OR iron", ["a.yaml:2:22: AND and OR together need brackets, because search tools disagree on which goes first - put the OR part in brackets: (a OR b) AND c"]),
    ("rules:\n  A: Казахстaн", ["a.yaml:2:6: 'Казахстaн' mixes Latin and Cyrillic letters (a is Latin) - retype the word in one alphabet"]),
    ("rules:\n\tA: gold", ["a.yaml:2:1: YAML: found character that cannot start any token - this line holds a tab: indent with spaces"]),
    (b"rules:\n  A: \xe7\xee\xeb", ["a.yaml:2:1: this is not UTF-8 text - save the file as UTF-8"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "messages"), MESSAGES)
def test_every_message_has_its_place_and_a_way_out(text, messages):
    assert said(text) == messages


def test_all_problems_are_said_at_once_and_the_good_rules_are_read():
    found = book(
        "desc: x\nrules:\n  A: {any: re*, to: nobody}\n  B: gold\n  C: {prioritty: low}", receivers={"ops"}
    )
    assert [(p.place.line, p.place.column) for p in found.problems if p.severity == "error"] == [
        (1, 1), (3, 12), (3, 21), (5, 7),
    ]  # fmt: skip
    assert [rule.name for rule in found.rules] == ["B"]
    assert not found.usable


def test_the_same_name_in_two_files_is_an_error():
    assert said("rules: {Gold: gold}", "rules: {Gold: silver}") == [
        "b.yaml:1:9: 'Gold' stands here a second time - the first is at a.yaml:1:9 - give one of them another name"
    ]


def test_a_receiver_nobody_knows_is_an_error_only_where_receivers_are_known():
    text = "rules:\n  A: {any: gold, to: [metal-desk, ops]}"
    assert said(text) == []
    assert said(text, receivers={"metals-desk", "ops"}) == [
        "a.yaml:2:23: there is no receiver 'metal-desk' - did you mean 'metals-desk'?"
    ]
    assert said(text, receivers={"ops", "x"}) == [
        "a.yaml:2:23: there is no receiver 'metal-desk' - receivers are: ops, x"
    ]


def test_a_rule_without_a_sample_that_alerts_is_a_warning():
    found = book("rules:\n  A: {any: gold, tests: {ignore: [silver]}}")
    assert [str(problem) for problem in found.problems] == [
        "a.yaml:2:3: warning: the rule 'A' has no sample that must alert - add tests: and alert: with a headline below"
    ]
    assert found.usable
