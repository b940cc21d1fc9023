"""What a feed has said lately, for people who ask."""

from sqlalchemy import Connection, select

from monitor.store import tables
from monitor.store.history import Judged, judged
from monitor.stories.ids import FeedId


def stories_of(connection: Connection, feed: FeedId, limit: int) -> tuple[Judged, ...]:
    """The last revisions of a feed's stories and what became of them, newest first."""
    table = tables.stories
    rows = connection.execute(
        select(table)
        .where(table.c.feed == feed)
        .order_by(table.c.seen_at.desc(), table.c.published_at.desc(), table.c.id, table.c.revision.desc())
        .limit(limit)
    ).all()
    return tuple(judged(connection, row) for row in rows)
