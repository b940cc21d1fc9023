"""When two stories of different feeds are the same story told twice."""

import re
import unicodedata

from monitor.stories.ids import digest
from monitor.stories.story import Story

TITLE_LEAST_CHARACTERS = 10
TITLE_LEAST_WORDS = 4
TEXT_LEAST_CHARACTERS = 80

_WORDS = re.compile(r"\w+")


def folded_title(title: str) -> str:
    """The title's words, letter case and punctuation aside."""
    return " ".join(_WORDS.findall(unicodedata.normalize("NFKC", title).casefold().replace("ё", "е")))


def title_key(story: Story) -> str | None:
    """What stories with the same title share, or None where the title says too little to tell by.

    `Weather today` stands over a new story every day; a title needs four words and ten letters to count.
    """
    folded = folded_title(story.title)
    if len(folded) < TITLE_LEAST_CHARACTERS or folded.count(" ") + 1 < TITLE_LEAST_WORDS:
        return None
    return "title:" + digest(folded)


def text_key(story: Story) -> str | None:
    """What stories with the very same words share: a feed that gives its entries new ids tells nothing new."""
    folded = folded_title(" ".join((story.title, story.summary, story.text)))
    return None if len(folded) < TEXT_LEAST_CHARACTERS else "text:" + digest(folded)


def keys(story: Story) -> tuple[str, ...]:
    """Every key that an alert on this story claims."""
    return tuple(key for key in (title_key(story), text_key(story)) if key)
