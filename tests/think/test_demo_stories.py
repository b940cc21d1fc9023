"""The sample stories are whole, and what must become of them is well-formed."""

from collections import Counter

from monitor.demo.outlets import BY_KEY, OUTLETS, Format, Manner
from monitor.demo.stories import SEED, sample_stories, story_at

NAMED = {"Kazakhmys", "Rare earths", "KazTransOil", "KTZ", "Kcell"}


def test_the_seed_story_comes_first_and_at_once():
    seed = sample_stories()[0]
    assert (seed.key, seed.after) == (SEED, 0)
    assert seed.title == "Kazakhmys Denies Allegations of Hidden Rare Earth Metal Exports"
    assert seed.told_for == {"Kazakhmys", "Rare earths"}
    assert {"KazTransOil", "Kcell", "KTZ"} <= set(" ".join(seed.tail).split())


def test_there_are_about_45_stories_in_three_languages_within_a_minute():
    count = Counter(story.language for story in sample_stories())
    assert min(count[language] for language in ("en", "ru", "kk")) >= 12
    assert 40 <= count.total() <= 55
    assert all(story.after >= 0 and story.last_change <= 60 for story in sample_stories())


def test_every_story_has_its_own_link_and_an_outlet_that_can_be_read():
    links = [story.link for story in sample_stories()]
    assert len(set(links)) == len(links)
    assert all(BY_KEY[story.outlet].healthy for story in sample_stories())
    assert all(story_at(story.link) is story for story in sample_stories())


def test_each_named_rule_has_a_story_of_its_own_in_each_language():
    for language in ("en", "ru", "kk"):
        told = {rule for story in sample_stories() if story.language == language for rule in story.told_for}
        assert told >= NAMED, language


def test_copies_repeat_a_story_that_exists_under_its_title():
    keys = {story.key: story for story in sample_stories()}
    copies = [story for story in sample_stories() if story.copy_of]
    assert copies
    assert all(
        keys[copy.copy_of].title == copy.title and keys[copy.copy_of].after < copy.after for copy in copies
    )


def test_every_story_without_a_rule_says_why():
    assert all(bool(story.remark) is not bool(story.rules) for story in sample_stories())


def test_every_format_and_every_manner_has_an_outlet():
    assert len(OUTLETS) >= 12
    assert {outlet.format for outlet in OUTLETS} == set(Format)
    assert {outlet.manner for outlet in OUTLETS} == set(Manner)
    assert any(outlet.encoding == "windows-1251" for outlet in OUTLETS)
