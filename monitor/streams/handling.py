"""What becomes of each message: handed on, left to the sweep, or buried. Whatever it is, the stream goes on."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog

from monitor.errors import RemoteError, StoreError
from monitor.stories.ids import StoryId
from monitor.streams import codec

log = structlog.get_logger(__name__)

MAX_REASON = 1000


class Message(Protocol):
    """A message as it came off the stream; Faust's own has this shape."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that could not be worked on, and why. `story` and `revision` are known where it could be read."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    reason: str
    story: StoryId | None = None
    revision: int | None = None


OnStory = Callable[[StoryId, int], Awaitable[None]]
OnNudge = Callable[[str], None]
OnDead = Callable[[DeadLetter], Awaitable[None]]
_Read = TypeVar("_Read")


async def take_offer(message: Message, on_story: OnStory, on_dead: OnDead) -> None:
    """Hand an offer to intake. Returns when the message may be acknowledged; raises only when cancelled."""
    offer = await _read(codec.decode_offer, message, on_dead)
    if offer is None:
        return
    story = StoryId(offer.story)
    try:
        await on_story(story, offer.revision)
    except (StoreError, RemoteError) as error:
        log.warning("story_left_to_sweep", story=story, revision=offer.revision, reason=_reason(error))
    except Exception as error:
        log.exception("intake_broke", story=story, revision=offer.revision)
        await _bury(message, _reason(error), on_dead, story, offer.revision)


async def take_nudge(message: Message, on_nudge: OnNudge, on_dead: OnDead) -> None:
    """Wake the sender of a target. Returns when the message may be acknowledged; raises only when cancelled."""
    nudge = await _read(codec.decode_nudge, message, on_dead)
    if nudge is None:
        return
    try:
        on_nudge(nudge.target)
    except Exception as error:
        log.exception("nudge_broke", target=nudge.target)
        await _bury(message, _reason(error), on_dead)


async def _read(decode: Callable[[bytes | None], _Read], message: Message, on_dead: OnDead) -> _Read | None:
    """What the message says; None where that is not for us to know, and all that can be done was done."""
    try:
        return decode(message.value)
    except codec.UnknownVersion as error:
        log.warning("message_passed_over", **_place(message), reason=str(error))
    except codec.Poison as error:
        await _bury(message, str(error)[:MAX_REASON], on_dead)
    return None


async def _bury(
    message: Message, reason: str, on_dead: OnDead, story: StoryId | None = None, revision: int | None = None
) -> None:
    letter = DeadLetter(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        reason=reason,
        story=story,
        revision=revision,
    )
    try:
        await on_dead(letter)
    except StoreError as error:
        log.warning("message_not_buried", **_place(message), reason=reason, refused=_reason(error))
    except Exception:
        # Acknowledged all the same: a message that never is would hold back every commit behind it.
        log.exception("message_not_buried", **_place(message), reason=reason)
    else:
        log.warning("message_buried", **_place(message), reason=reason)


def _place(message: Message) -> dict[str, str | int]:
    return {"topic": message.topic, "partition": message.partition, "offset": message.offset}


def _reason(error: Exception) -> str:
    name, text = type(error).__name__, str(error)
    return (f"{name}: {text}" if text else name)[:MAX_REASON]
