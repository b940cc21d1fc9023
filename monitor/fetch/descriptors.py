"""How many requests may be under way where a process may have only so many files and connections open."""

import resource

MOST_AT_ONCE = 200
KEPT = 48
"""For the database, the processes that read, Slack, mail, the console and what the interpreter opens for a moment."""

LEAST_AT_ONCE = 4


def requests_at_once() -> int:
    """As many as there is room for in this process, and no more than a network is good for."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_AT_ONCE if limit == resource.RLIM_INFINITY else room(limit)


def room(limit: int) -> int:
    """How many requests fit under a limit of open files."""
    return max(LEAST_AT_ONCE, min(limit - KEPT, MOST_AT_ONCE))
