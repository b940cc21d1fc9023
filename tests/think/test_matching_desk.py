import tempfile
from pathlib import Path

import pytest

from monitor.matching import samples
from monitor.matching.bare import bare_story
from monitor.matching.desk import load
from monitor.shipped import shipped
from tests.think.rules_kit import rules

SHIPPED = load([shipped("rules")])


def test_the_desks_that_come_with_monitor_say_nothing_wrong():
    assert SHIPPED.problems == ()
    assert len(SHIPPED.files) > 5


def test_every_rule_that_comes_with_monitor_shows_what_it_ignores():
    assert [rule.name for rule in SHIPPED.rules if all(sample.alerts for sample in rule.samples)] == []
    assert [rule.name for rule in SHIPPED.rules if rule.to] == []


@pytest.mark.parametrize("rule", SHIPPED.rules, ids=lambda rule: rule.id)
def test_a_sample_that_must_be_ignored_raises_no_other_alert_by_its_rule(rule):
    for sample in rule.samples:
        names = {match.rule.name for match in SHIPPED.matcher.match(samples.story_of(sample))}
        assert (rule.name in names) == sample.alerts


SEED = """Kazakhmys denies that rare earth metals leave the country inside its copper concentrate, as the Aq Zhol party \
alleged in a parliamentary inquiry.
SGS Kazakhstan analyses each batch independently. Licences come from the Ministry of Industry and Construction.
The company does not extract rare earths separately.
Latest news
KazTransOil prepares a new route
Kcell names the towns
KTZ adds wagons"""


def test_the_page_of_a_story_alerts_only_for_what_the_story_says():
    title = "Kazakhmys Denies Allegations of Hidden Rare Earth Metal Exports"
    matches = SHIPPED.matcher.match(bare_story(title=title, text=SEED, language="en"))
    assert {match.rule.name for match in matches} == {"Kazakhmys", "Rare earths"}


@pytest.mark.parametrize("line", [line for line in SEED.split("\n")[-3:]])
def test_each_headline_of_the_list_alerts_as_a_story_of_its_own(line):
    (match,) = SHIPPED.matcher.match(bare_story(title=line))
    assert match.rule.name == line.split()[0]


def test_a_failed_sample_keeps_a_desk_from_being_used():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.yaml").write_text(
            "rules:\n  Gold:\n    any: gold\n    tests:\n      alert: [gold rises, silver rises]\n      ignore: gold coin\n"
        )
        desk = load([Path(folder)], relative_to=Path(folder))
    assert not desk.usable
    assert [str(problem) for problem in desk.problems] == [
        "a.yaml:5:27: test failed: rule 'Gold' is silent on 'silver rises' - nothing of: gold",
        "a.yaml:6:15: test failed: rule 'Gold' alerts on 'gold coin' - found 'gold'",
    ]


def test_a_folder_without_rules_is_a_warning_and_a_missing_file_an_error():
    with tempfile.TemporaryDirectory() as folder:
        assert [problem.severity for problem in load([Path(folder)]).problems] == ["warning"]
        assert [problem.severity for problem in load([Path(folder, "none.yaml")]).problems] == ["error"]


def test_hidden_files_of_editors_and_mounts_are_not_read():
    with tempfile.TemporaryDirectory() as folder:
        for name in (".#a.yaml", "a.yaml~", "..data/b.yaml", "sub/c.yml", "notes.txt"):
            Path(folder, name).parent.mkdir(exist_ok=True)
            Path(folder, name).write_text("rules: {Gold: gold}")
        desk = load([Path(folder)])
    assert [file.name for file in desk.files] == ["c.yml"]


def test_results_say_what_was_expected_and_what_came():
    results = samples.run(rules("rules: {A: {any: gold, tests: {alert: [gold], ignore: [gold, iron]}}}"))
    assert [(result.expected, result.met, result.passed) for result in results] == [
        (True, True, True), (False, True, False), (False, False, True),
    ]  # fmt: skip
