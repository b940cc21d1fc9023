"""The program with a fault in its matcher: `python -m tests.chaos.breaking WORDS` and what `monitor` takes.

Judging raises at every story whose title has these words, as a bug that only some text meets would.
"""

import sys

from monitor.cli import main
from monitor.matching.matcher import Matcher


def break_at(words: str) -> None:
    """Raise for some stories."""
    whole = Matcher.match

    def match(self, story):
        if words in story.title:
            raise RuntimeError(f"nobody expected {words}")
        return whole(self, story)

    Matcher.match = match


if __name__ == "__main__":
    break_at(sys.argv.pop(1))
    main()
