"""Leaving out of a document the items that were read before: the cheapest reading is the one not done.

The rest of the document stays in its place, so what is read of the others is the same as without the cut.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from monitor.fetch.prefilter import Prepared
from monitor.stories.identity import keys
from monitor.stories.story import Entry

PRINT_BYTES = 8
"""And as many for the name that an item's entry has, behind the print."""


def prints(prepared: Prepared) -> tuple[bytes, ...]:
    """What each item is known by: its own text, and the attributes around it, which give it language and base."""
    around = hashlib.blake2b(prepared.context.encode(), digest_size=16).digest()
    return tuple(
        hashlib.blake2b(prepared.text[start:end].encode(), digest_size=PRINT_BYTES, key=around).digest()
        for start, end in prepared.items
    )


def name(entry: Entry) -> bytes:
    """What an entry goes by as long as no other in its document goes by the same."""
    return hashlib.blake2b(keys((entry,))[0].encode(), digest_size=PRINT_BYTES).digest()


def joined(found: Sequence[bytes], names: Sequence[bytes]) -> bytes:
    """Prints and names of a document's items, for the next reading.

    Nothing where two have one name: what tells such entries apart are all the others, so all must be read.
    """
    if len(set(names)) < len(names):
        return b""
    return b"".join(part for item in zip(found, names, strict=True) for part in item)


def split(memory: bytes) -> Mapping[bytes, bytes]:
    """Prints that were joined, with the names of their entries."""
    parts = [memory[at : at + PRINT_BYTES] for at in range(0, len(memory), PRINT_BYTES)]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def without(prepared: Prepared, seen: Iterable[bool]) -> Prepared:
    """The document without the items that were seen; where the others stand is not said any more."""
    kept: list[str] = []
    behind = 0
    for (start, end), is_seen in zip(prepared.items, seen, strict=True):
        kept.append(prepared.text[behind : start if is_seen else end])
        behind = end
    return replace(prepared, text="".join((*kept, prepared.text[behind:])), items=())
