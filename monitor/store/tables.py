"""The tables, for both databases. Instants are UTC and stored as whole microseconds since 1970; lists as JSON."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

HEAD = "0002"
"""The schema that this program reads and writes; the newest file in migrations/versions has the same number."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime as a BIGINT of microseconds: exact, ordered, the same on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=int(value))


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)

workers = Table(
    "workers",
    metadata,
    Column("session", Text, primary_key=True),
    Column("pid", Integer, nullable=False),
    Column("host", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("renewed_at", Instant, nullable=False),
    Column("ended_at", Instant),
)

feeds = Table(
    "feeds",
    metadata,
    Column("id", Text, primary_key=True),
    Column("url", Text, nullable=False),  # masked: for people, never for asking
    Column("name", Text),
    Column("title", Text),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("body_hash", Text),
    Column("next_at", Instant),
    Column("polled_at", Instant),
    Column("good_at", Instant),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("outcome", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Column("slow", Integer, nullable=False, server_default="0"),
)

sightings = Table(
    "sightings",
    metadata,
    Column("feed", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("story", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
)

stories = Table(
    "stories",
    metadata,
    Column("id", Text, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("feed", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("link", Text),
    Column("authors", JSON, nullable=False),
    Column("categories", JSON, nullable=False),
    Column("language", Text),
    Column("published_at", Instant),
    Column("seen_at", Instant, nullable=False),
    Column("reference_at", Instant, nullable=False),
    Column("first_answer", Boolean, nullable=False),
    Column("offered_at", Instant),
    Column("decided_at", Instant),
    Column("verdict", Text),
    Column("reason", Text),
    Index("ix_stories_undecided", "offered_at", sqlite_where=text("decided_at IS NULL"),
          postgresql_where=text("decided_at IS NULL")),
    Index("ix_stories_seen_at", "seen_at"),
    Index("ix_stories_link", "link"),
)  # fmt: skip

matches = Table(
    "matches",
    metadata,
    Column("story", Text, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("desk", Text, nullable=False),
    Column("note", Text),
    Column("evidence", JSON, nullable=False),
    ForeignKeyConstraint(["story", "revision"], ["stories.id", "stories.revision"], ondelete="CASCADE"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("story", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("priority", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("ix_alerts_created_at", "created_at"),
)

alert_stories = Table(
    "alert_stories",
    metadata,
    Column("story", Text, primary_key=True),  # a story belongs to one alert, whatever its revisions say
    Column("alert", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("link", Text),
    Column("joined_at", Instant, nullable=False),
    ForeignKeyConstraint(["alert"], ["alerts.id"], ondelete="CASCADE"),
    Index("ix_alert_stories_alert", "alert"),
)

claims = Table(
    "claims",
    metadata,
    Column("key", Text, primary_key=True),
    Column("alert", Text, nullable=False),
    Column("feed", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("story", Text, nullable=False),
    Column("claimed_at", Instant, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("alert", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("receiver", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("urgency", Integer, nullable=False),  # 0 goes first
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_at", Instant),
    Column("reason", Text, nullable=False, server_default=""),
    Column("plain", Boolean, nullable=False, server_default=text("false")),
    Column("session", Text),
    Column("claimed_at", Instant),
    Column("tried_at", Instant),  # the first attempt
    Column("counted_at", Instant),  # the first attempt that counted
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("reference", Text),
    UniqueConstraint("alert", "channel", "target"),
    ForeignKeyConstraint(["alert"], ["alerts.id"], ondelete="CASCADE"),
    Index("ix_deliveries_due", "state", "next_at"),
    Index("ix_deliveries_target", "channel", "target", "state"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("key", LargeBinary),
    Column("value", LargeBinary),
    Column("story", Text),
    Column("revision", Integer),
    Column("reason", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)
