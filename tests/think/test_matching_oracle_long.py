"""The matcher against the plainest code that says the same, on rules and stories made at random."""

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.language.fold import fold
from monitor.language.words import places
from monitor.located import Place
from monitor.matching.bare import bare_story
from monitor.matching.matcher import MAX_EVIDENCE, Matcher
from monitor.rules.rule import Rule
from monitor.rules.tree import And, Field, Hide, Leaf, Mode, Not, Or, Word
from monitor.stories.ids import RuleId
from monitor.stories.zones import stretches

VOCABULARY = [
    "rare",
    "Rare",
    "earth",
    "earths",
    "REE",
    "ree",
    "медь",
    "Медь",
    "мед",
    "медь-руда",
    "ҚТЖ",
    "қтж",
    "ё",
    "е",
    "19",
    "中",
]
GLUE = [" ", " ", " ", "-", ", ", " «", "» ", ". ", "\n", "\u00ad", "’s ", "\u0301 ", "_", "\ud800", ""]


def words():
    text = st.sampled_from(["rare", "Rare", "earth", "REE", "медь", "мед", "руда", "ҚТЖ", "е", "19", "中"])
    modes = st.sampled_from([Mode.FOLDED, Mode.FOLDED, Mode.CASED, Mode.PREFIX])
    return st.builds(Word, text, modes)


def leaf(fields=(Field.ANYWHERE, Field.ANYWHERE, Field.HEADLINE)):
    phrases = st.lists(words(), min_size=1, max_size=3).map(tuple)
    places = st.integers(1, 9).map(lambda line: Place("a.yaml", line))
    return st.builds(Leaf, phrases, places, st.sampled_from(fields))


def parts(inner):
    return st.lists(inner, min_size=1, max_size=3).map(tuple)


TREES = st.recursive(
    leaf(),
    lambda inner: st.builds(And, parts(inner)) | st.builds(Or, parts(inner)) | st.builds(Not, inner),
    max_leaves=6,
)
RULES = st.lists(
    TREES | st.builds(Hide, TREES, st.lists(leaf((Field.ANYWHERE,)), min_size=1, max_size=2).map(tuple)),
    min_size=1, max_size=5,
)  # fmt: skip
LINES = st.sampled_from(["Latest news\n", "\nRead also: rare earth\n", "\nЧитайте также\nмедь ҚТЖ\n"])
TEXT = st.lists(st.sampled_from(VOCABULARY) | st.sampled_from(GLUE) | LINES, max_size=12).map("".join)


def tokens(story):
    """Each searched word: (field, number of its stretch, start, end, folded, cased)."""
    found = []
    for order, field in enumerate(("title", "summary", "text")):
        text = getattr(story, field)
        for part, (begin, stop) in enumerate(((0, len(text)),) if field == "title" else stretches(text)):
            folded = fold(text[begin:stop])
            for start, end in places(folded.text):
                here, after = folded.received(start, end)
                found.append(
                    (
                        (order, part),
                        here + begin,
                        after + begin,
                        folded.text[start:end],
                        folded.cased[start:end],
                    )
                )
    return found


def is_word(word, token):
    _, _, _, folded, cased = token
    if word.mode is Mode.CASED:
        return cased == word.text
    wanted = fold(word.text).text
    return folded.startswith(wanted) if word.mode is Mode.PREFIX else folded == wanted


def standing(leaf, found):
    """Where a phrase stands, as numbers of its first and last word."""
    size = len(leaf.words)
    for first in range(len(found) - size + 1):
        run = found[first : first + size]
        if len({token[0] for token in run}) > 1 or (leaf.field is Field.HEADLINE and run[0][0][0] != 0):
            continue
        if all(is_word(word, token) for word, token in zip(leaf.words, run, strict=True)):
            yield first, first + size - 1


def true(node, found, hidden):
    """Whether a condition holds, and the (first, last, line) that make it so."""
    match node:
        case Leaf():
            left = {
                (first, last, node.place.line)
                for first, last in standing(node, found)
                if not any(begin <= first and last <= end for begin, end in hidden)
            }
            return bool(left), left
        case And(parts):
            every = [true(part, found, hidden) for part in parts]
            return all(holds for holds, _ in every), set().union(*(met for _, met in every))
        case Or(parts):
            held = [met for holds, met in (true(part, found, hidden) for part in parts) if holds]
            return bool(held), set().union(*held)
        case Not(part):
            return not true(part, found, hidden)[0], set()
        case Hide(part, phrases):
            return true(part, found, [place for phrase in phrases for place in standing(phrase, found)])


@settings(max_examples=20000, deadline=None)
@given(RULES, TEXT, TEXT, TEXT)
def test_the_matcher_agrees_with_the_plainest_code(trees, title, summary, text):
    rules = [
        Rule(id=RuleId(str(n)), name=str(n), desk="d", place=Place("a.yaml"), tree=tree)
        for n, tree in enumerate(trees)
    ]
    story = bare_story(title=title, summary=summary, text=text)
    found = tokens(story)
    expected = {}
    for rule in rules:
        holds, met = true(rule.tree, found, ())
        if holds:
            names = ("title", "summary", "text")
            expected[rule.name] = [
                (names[found[first][0][0]], found[first][1], found[last][2], line)
                for first, last, line in sorted(met)
            ][:MAX_EVIDENCE]
    matches = Matcher(rules).match(story)
    assert {
        match.rule.name: [(e.field, e.start, e.end, e.line) for e in match.evidence] for match in matches
    } == expected
    for match in matches:
        for item in match.evidence:
            assert getattr(story, item.field)[item.start : item.end] == item.text
