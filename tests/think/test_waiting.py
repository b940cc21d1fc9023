"""Who cannot be told just now, as `status` shows it."""

from monitor.cli.waiting import Waiting, waiting
from monitor.store.deliveries import DeliveryRow
from tests.build import NOON


def a_row(target: str, reason: str = "") -> DeliveryRow:
    return DeliveryRow(
        id="d", state="pending", channel="slack", target=target, receiver="metals", rule="copper", story="s", title="Copper",
        alert="a", attempts=0, next_at=NOON, reason=reason, created_at=NOON, ended_at=None, reference=None,
    )  # fmt: skip


def test_targets_that_failed_are_counted_with_their_reason_and_those_that_only_wait_are_not():
    rows = [a_row("C0ONE", "gone"), a_row("C0TWO", "slow down"), a_row("C0TWO", "slow down"), a_row("C0WELL")]
    assert waiting(rows) == (
        Waiting(channel="slack", target="C0TWO", reason="slow down", deliveries=2),
        Waiting(channel="slack", target="C0ONE", reason="gone", deliveries=1),
    )
