import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.stories.zones import stretches

STORY = "Kazakhmys denies the claims.\nIt names independent analysis. Exports run under licences."
LIST = "KazTransOil prepares a new route\nKcell names the towns\nKTZ adds wagons"


def told(text):
    return "|".join(text[start:end].strip() for start, end in stretches(text))


CUES = [
    "Latest news", "LATEST NEWS:", "Read also", "Most read", "Related stories", "You may also like", "See also",
    "Последние новости", "Читайте также:", "Лента новостей", "Самое читаемое", "Ещё по теме", "Материалы по теме",
    "Соңғы жаңалықтар", "Тағы оқыңыз", "Оқи отырыңыз", "Ұқсас жаңалықтар", "Новости", "Танымал",
]  # fmt: skip


@pytest.mark.parametrize("cue", CUES)
def test_a_list_under_its_heading_is_not_the_story(cue):
    assert told(f"{STORY}\n\n{cue}\n{LIST}") == STORY


@pytest.mark.parametrize("cue", ["Latest news", "Читайте также", "Соңғы жаңалықтар"])
def test_a_sure_heading_needs_only_one_line_where_that_ends_the_page(cue):
    assert told(f"{STORY}\n{cue}\nKTZ adds wagons") == STORY


def test_the_story_may_go_on_behind_a_list():
    rest = "The company says so.\nMore will follow in May.\nNobody was hurt.\nThe mine is open."
    assert told(f"One. Two.\nRead also\n{LIST}\n{rest}") == f"One. Two.|{rest}"


def test_teasers_with_dates_and_sentences_belong_to_the_list():
    teasers = "\n12:40\nKTZ adds wagons\nThe railway bought them abroad.\n13:05\nKcell names towns\nA third of them."
    assert told(f"{STORY}\nПоследние новости{teasers}") == STORY


@pytest.mark.parametrize(
    "line",
    [
        "Read also: KTZ adds wagons",
        "Читайте также: КТЖ добавил вагоны",
        "Тағы оқыңыз: ҚТЖ вагон қосты",
        "Subscribe to our channel for KTZ news",
        "Подписывайтесь на наш Telegram-канал о КТЖ",
    ],
)
def test_a_line_that_leads_elsewhere_is_left_out(line):
    assert told(f"First sentence.\n{line}\nSecond sentence.") == "First sentence.|Second sentence."


def test_bulleted_headlines_that_close_a_page_are_left_out():
    bullets = "\n".join(f"- {line}" for line in (*LIST.split("\n"), "Theatre opens early"))
    assert told(f"{STORY}\n{bullets}") == STORY


def test_a_page_that_scrolls_on_is_cut_at_the_next_headline_and_its_date():
    assert told(f"{STORY}\nKTZ adds wagons\n12.03.2026, 14:05\nThe railway says so. It is a lot.") == STORY


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{STORY} Latest news KTZ adds wagons", id="one line"),
        pytest.param(
            "The latest news from the mine is good.\nKTZ adds wagons\nKcell too\nMore wagons",
            id="in a sentence",
        ),
        pytest.param(
            f"{STORY}\nThe plan names four towns:\n- Aksu town\n- Abai town\n- Kulan town\n- Oral town",
            id="colon",
        ),
        pytest.param(f"Latest news\n{LIST}", id="a digest is all list"),
        pytest.param("", id="nothing"),
        pytest.param("\n\n", id="blank lines"),
        pytest.param(
            "Новости\nСегодня в городе тихо. Снег растаял.\nЗавтра будет солнце.", id="a heading of the story"
        ),
    ],
)
def test_the_rest_is_story(text):
    assert stretches(text) == ((0, len(text)),)


@given(
    st.lists(
        st.sampled_from(["Latest news", "Новости", "KTZ adds wagons", "- Kcell names towns", "A sentence.", "", "12:40",
                         "12.03.2026 14:05", "Read also: KTZ", "It says:"]),
        max_size=14,
    ).map("\n".join)
)  # fmt: skip
def test_stretches_are_whole_lines_in_order_and_never_nothing(text):
    found = stretches(text)
    assert found
    behind = -1
    for start, end in found:
        assert behind < start <= end <= len(text)
        assert start == 0 or text[start - 1] == "\n"
        assert end == len(text) or text[end] == "\n"
        behind = end
    if text.strip():
        assert any(text[start:end].strip() for start, end in found)
