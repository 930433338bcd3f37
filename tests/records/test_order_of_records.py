"""Records stand in the order in which they were written, whatever the clocks of the homes say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from planner.records.journal_entry import Stand, in_order

MOMENTS = st.integers(0, 59).map(lambda second: f"2026-01-01T00:00:{second:02}+00:00")
KINDS = st.sampled_from(["verdict", "decision", "override", "another"])
STANDS = st.lists(st.builds(Stand, st.integers(0, 9), MOMENTS, KINDS, st.uuids().map(str)), max_size=12)


@given(STANDS)
def test_positions_never_decrease_and_nothing_is_lost(stands: list[Stand]) -> None:
    ordered = in_order(stands)
    positions = [stand.position for stand in ordered if stand.position]
    assert positions == sorted(positions)
    assert sorted(ordered) == sorted(stands)


@given(STANDS)
def test_the_order_in_which_a_store_lists_its_pages_is_of_no_account(stands: list[Stand]) -> None:
    assert in_order(stands) == in_order(reversed(stands))


@given(st.lists(MOMENTS, max_size=9, unique=True))
def test_the_clock_orders_what_has_no_position(moments: list[str]) -> None:
    stands = [Stand(0, moment, "verdict", moment) for moment in moments]
    assert [stand.written_at for stand in in_order(stands)] == sorted(moments)


def test_a_record_without_a_position_comes_after_the_last_that_is_not_later() -> None:
    first, back = Stand(1, "2026-01-02", "verdict", "a"), Stand(2, "2026-01-01", "decision", "b")
    lost = Stand(0, "2026-01-01", "override", "c")
    assert in_order([lost, back, first]) == [first, back, lost]
