"""Failures in a row → how long to wait. Draws no randomness of its own: the caller brings it."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Backoff:
    """A schedule of waits: the listed steps, then the last one for ever.

    Args:
        steps: Waits after the 1st, 2nd, ... failure.
        spread: 0.5 means between half and one and a half times the step.
    """

    steps: tuple[timedelta, ...]
    spread: float = 0.5

    def wait(self, failures: int, draw: float) -> timedelta:
        """How long to wait after so many failures in a row.

        Args:
            failures: At least 1.
            draw: A random number in [0, 1) that spreads the wait, so that many do not return at once.
        """
        step = self.steps[min(max(failures, 1), len(self.steps)) - 1]
        return step * (1 - self.spread + 2 * self.spread * draw)


def doubling(first: timedelta, most: timedelta, *, spread: float = 0.1) -> Backoff:
    """A schedule that doubles from `first` until it reaches `most`."""
    steps = [first]
    while steps[-1] * 2 < most:
        steps.append(steps[-1] * 2)
    if steps[-1] < most:
        steps.append(most)
    return Backoff(tuple(steps), spread)
