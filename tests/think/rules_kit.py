"""Rule files from text, for tests about what stands in them."""

import tempfile
from pathlib import Path

from monitor.matching.matcher import Matcher
from monitor.rules.book import Book, read


def book(text, *more, receivers=None):
    """Read a file `a.yaml` that holds the text, and `b.yaml`, `c.yaml` that hold more."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in zip("abc", (text, *more), strict=False):
            data = content if isinstance(content, bytes) else content.encode()
            Path(folder, f"{name}.yaml").write_bytes(data)
        return read([Path(folder)], receivers=receivers, relative_to=Path(folder))


def said(text, *more, receivers=None):
    """What is said about rule files, warnings about missing samples aside."""
    problems = book(text, *more, receivers=receivers).problems
    return [str(problem) for problem in problems if "has no sample" not in problem.message]


def rules(text) -> Book:
    """Rules without any error, or the test fails with them."""
    found = book(text)
    assert found.usable, "\n".join(map(str, found.problems))
    return found


def matcher(text):
    """A matcher of the rules of a file."""
    return Matcher(rules(text).rules)
