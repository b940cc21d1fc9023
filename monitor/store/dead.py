"""Stories whose judging failed: which there are, and the way back once the cause is mended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, delete, select, update

from monitor.alerts.decide import Verdict
from monitor.store import tables
from monitor.stories.ids import StoryId


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadStory:
    """A revision whose judging failed."""

    story: StoryId
    revision: int
    title: str
    reason: str
    died_at: datetime


def listing(connection: Connection, story: str | None = None, *, limit: int = 100_000) -> Sequence[DeadStory]:
    """Every revision whose judging failed, or those of one story, the last first."""
    table, letters = tables.stories, tables.dead_letters
    # The letters are few and the stories are many: that order reads only the few.
    found = (
        select(table.c.id, table.c.revision, table.c.title, table.c.reason, table.c.decided_at)
        .join_from(
            letters, table, and_(table.c.id == letters.c.story, table.c.revision == letters.c.revision)
        )
        .where(table.c.verdict == Verdict.DEAD.value)
        .distinct()
        .order_by(table.c.decided_at.desc())
        .limit(limit)
    )
    if story is not None:
        found = found.where(table.c.id == story)
    return [
        DeadStory(
            story=row.id, revision=row.revision, title=row.title, reason=row.reason, died_at=row.decided_at
        )
        for row in connection.execute(found)
    ]


def clear_other_letters(connection: Connection) -> Sequence[str]:
    """Drop messages with which no dead story came, so that nothing is left to judge again; gives why each was kept."""
    stories, letters = tables.stories, tables.dead_letters
    died = select(stories.c.id).where(
        stories.c.id == letters.c.story,
        stories.c.revision == letters.c.revision,
        stories.c.verdict == Verdict.DEAD.value,
    )
    gone = connection.execute(delete(letters).where(~died.exists()).returning(letters.c.reason))
    return gone.scalars().all()


def revive(connection: Connection, dead: Sequence[DeadStory]) -> None:
    """Have them judged again: the running service offers them within seconds, or the next one at its start."""
    stories, letters = tables.stories, tables.dead_letters
    for one in dead:
        connection.execute(
            update(stories)
            .where(
                stories.c.id == one.story,
                stories.c.revision == one.revision,
                stories.c.verdict == Verdict.DEAD.value,
            )
            .values(decided_at=None, verdict=None, reason=None, offered_at=None)
        )
        connection.execute(
            delete(letters).where(letters.c.story == one.story, letters.c.revision == one.revision)
        )
