"""Every id, and how each is made. The same input gives the same id on every machine, so writing twice is harmless."""

import hashlib
import re
import uuid
from base64 import b32encode
from typing import NewType

from anyascii import anyascii

FeedId = NewType("FeedId", str)
StoryId = NewType("StoryId", str)
EntryKey = NewType("EntryKey", str)
"""What makes an entry the same entry within its feed."""
RuleId = NewType("RuleId", str)
AlertId = NewType("AlertId", str)
DeliveryId = NewType("DeliveryId", str)
ReceiverName = NewType("ReceiverName", str)
SessionId = NewType("SessionId", str)
"""One run of one worker; leases belong to it."""

_NAMESPACE = uuid.UUID("5d0d9a4e-6f0b-5e0e-8c9a-6a3c1b1f7e21")


def digest(*parts: str) -> str:
    """Sixteen lower-case letters and digits that stand for the parts (80 bits of BLAKE2b)."""
    raw = hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=10).digest()
    return b32encode(raw).decode().lower()


def feed_id(url: str) -> FeedId:
    """The id of the feed at an address."""
    return FeedId(digest("feed", url))


def story_id(feed: FeedId, key: EntryKey) -> StoryId:
    """The id of the story that an entry of a feed tells; its revisions share it."""
    return StoryId(digest("story", feed, key))


def alert_id(story: StoryId, revision: int) -> AlertId:
    """The id of the alert that a story's revision first led to."""
    return AlertId(digest("alert", story, str(revision)))


def delivery_id(alert: AlertId, channel: str, target: str) -> DeliveryId:
    """The id of an alert on its way to one address or channel: its idempotency key everywhere."""
    return DeliveryId(digest("delivery", alert, channel, target))


def client_message_id(delivery: DeliveryId) -> str:
    """The UUID that goes to Slack with every post of a delivery."""
    return str(uuid.uuid5(_NAMESPACE, delivery))


def rule_id(name: str) -> RuleId:
    """An ASCII slug of a rule's name, in any script.

    Source: INTERFACES, "On the wire" (`X-Monitor-Rule` is ASCII).
    """
    slug = re.sub(r"[^a-z0-9]+", "-", anyascii(name).lower()).strip("-")
    return RuleId(slug[:60] or digest("rule", name))


def new_session() -> SessionId:
    """An id for this run of this process; never the same twice."""
    return SessionId(uuid.uuid4().hex)
