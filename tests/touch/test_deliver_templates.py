"""Templates from a folder: tried in a child before they are in force; what fails there never reaches an alert."""

from pathlib import Path

import pytest

from monitor.deliver import channels, trial
from monitor.deliver.press import Press
from monitor.deliver.render import HTML, NAMES, PRINT, SLACK, SUBJECT, TEXT, Templates, read_sources
from monitor.deliver.samples import letter
from monitor.deliver.view import view
from monitor.settings import Email, Slack
from tests.build import a_letter, a_story


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


async def test_the_templates_that_come_with_monitor_pass_the_trial(tmp_path):
    for name in NAMES:
        written(tmp_path, name, read_sources(None)[0][name])
    tried = await trial.load(tmp_path)
    assert tried.problems == ()
    assert not tried.templates.refused


async def test_a_users_template_is_used_and_the_others_stay_built_in(tmp_path):
    written(tmp_path, PRINT, "MINE {{ headline }}")
    press = Press((await trial.load(tmp_path)).templates)
    assert channels.preview(a_letter(a_story("Copper"), channel="print"), press) == "MINE Copper"
    assert "The News" in channels.preview(a_letter(a_story("Copper")), press)


async def test_a_template_may_include_another_of_the_folder(tmp_path):
    written(tmp_path, PRINT, '{% include "mine/foot.j2" %}')
    written(tmp_path, "mine/foot.j2", "foot {{ outlet }}")
    tried = await trial.load(tmp_path)
    assert tried.problems == ()
    assert channels.preview(a_letter(channel="print"), Press(tried.templates)) == "foot The News"


@pytest.mark.parametrize(
    ("name", "source", "line", "says"),
    [
        pytest.param(SLACK, "{{ section() }}\n{{ headlin }}", 2, "headlin", id="unknown variable"),
        pytest.param(TEXT, "ok\n\n{% if headline %}", 3, "endif", id="not closed"),
        pytest.param(HTML, "{{ headline | nosuch }}", 1, "nosuch", id="unknown filter"),
        pytest.param(SUBJECT, "{{ summary[0].text }}", 1, "", id="fails on a bare story only"),
        pytest.param(PRINT, "{% if copies %}x{% endif %}", 1, "nothing", id="writes nothing for some"),
        pytest.param(TEXT, "{{ ''.__class__.__mro__ }}", 1, "unsafe", id="out of the sandbox"),
        pytest.param(TEXT, "{{ 'a' * 1000000000 }}", 1, "small numbers", id="a large text"),
        pytest.param(
            TEXT, "{% for i in range(99999) %}{{ headline }}{% endfor %}", 1, "90000", id="too long"
        ),
        pytest.param(
            HTML,
            "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}x",
            1,
            "0.25 s",
            id="slow",
        ),
    ],
)
async def test_a_bad_template_is_not_put_in_force_and_its_place_is_named(tmp_path, name, source, line, says):
    path = written(tmp_path, name, source)
    tried = await trial.load(tmp_path)
    (problem,) = tried.problems
    assert (problem.place.file, problem.place.line) == (str(path), line)
    assert says in problem.message
    assert tried.templates.refused == {name}


async def test_two_bad_templates_are_two_problems(tmp_path):
    written(tmp_path, SLACK, "{{ a }}")
    written(tmp_path, PRINT, "{{ b }}")
    assert len((await trial.load(tmp_path)).problems) == 2


async def test_a_child_that_hangs_is_killed_and_the_others_are_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(trial, "CHILD_WALL_S", 3)
    sort = "{% set x = range(99999) | list %}{% for a in range(9) %}{% endfor %}{{ (x + x + x + x) | join('-') | length }}"
    written(tmp_path, SLACK, "{% for i in range(99999) %}" + sort + "{% endfor %}")
    written(tmp_path, PRINT, "{{ b }}")
    tried = await trial.load(tmp_path)
    assert {Path(problem.place.file).parent.name for problem in tried.problems} == {"slack", "print"}
    assert "time" in tried.problems[1].message or "0.25 s" in tried.problems[1].message


async def test_while_a_template_is_broken_the_version_before_it_stays(tmp_path):
    written(tmp_path, PRINT, "ONE {{ headline }}")
    first = await trial.load(tmp_path)
    written(tmp_path, PRINT, "{{ broken")
    second = await trial.load(tmp_path, first.templates)
    assert second.problems
    assert (
        channels.preview(a_letter(a_story("Copper"), channel="print"), Press(second.templates))
        == "ONE Copper"
    )


async def test_without_a_version_before_it_the_plain_form_delivers_and_says_so(tmp_path):
    written(tmp_path, PRINT, "{{ broken")
    press = Press((await trial.load(tmp_path)).templates)
    shown = channels.preview(a_letter(a_story("Copper"), channel="print", language="ru"), press)
    assert shown.startswith("Copper\n")
    assert "print/alert.j2" in shown
    assert "шаблон" in shown


async def test_a_folder_that_is_not_there_means_the_built_in_templates(tmp_path):
    tried = await trial.load(tmp_path / "none")
    assert (tried.problems, tried.templates.refused) == ((), frozenset())


async def test_a_story_is_never_read_as_a_template():
    hostile = "{{ 7 * 7 }}{% for x in range(9) %}"
    shown = channels.preview(a_letter(a_story(hostile, summary=hostile), channel="print"), Press())
    assert hostile in shown


def test_html_of_a_story_is_only_letters():
    story = a_story(
        "<script>alert(1)</script>",
        source='"><img src=x>',
        link="javascript:alert(1)",
        summary="<b onload=x>",
    )
    html = channels.rendering(a_letter(story, channel="email"), Press(), sender="a@news.example")["html"]
    assert "<script" not in html
    assert "<img" not in html
    assert "<b onload" not in html
    assert "javascript:" not in html


def test_a_template_can_change_no_value():
    templates = Templates({PRINT: "{{ rules.clear() }}x"})
    values = view(letter())
    assert templates.render_or_none(PRINT, values) is None
    assert values["rules"]


def test_only_channels_that_are_set_up_exist():
    assert set(channels.build(Slack(), Email(), press=Press())) == {"print"}
