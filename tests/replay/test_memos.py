"""Memos come out of the runs again, to the last digit, and a changed digit is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.memo.render import render_memo
from planner.memo.verify import count_numbers, find_discrepancies
from planner.replay.archive import Log
from planner.replay.memo_traces import dates_of, judged_last, rederive_traces
from planner.replay.replay import derive
from tests.replay.lives import LIVES, Life, archive_of, plain, whole_program
from tests.support.rotation import a_fifth_of
from tests.support.worlds import World

pytestmark = pytest.mark.in_turn


def verified(world: World) -> list[tuple[str, str, list[str]]]:
    """(phase, the memo on its page, what it may have been written as) of every phase and fidelity."""
    archive = archive_of(world)
    log = Log(archive.records.entries, archive.runs, repeats=archive.repeats)
    derived = derive(world.program, log)
    held = world.records.held(world.program)
    memos = []
    for entry in judged_last(log):
        traces = rederive_traces(world.program, log, derived, entry.record)
        rendered = [
            render_memo(t, (), recorded_at) for t in traces for recorded_at in dates_of(log, entry.record)
        ]
        memos.append((entry.record.phase, world.records.memo(held.get(entry.record.id, "")) or "", rendered))
    return memos


DECIDED = [life for life in LIVES if "dies" not in life.__name__]


@pytest.mark.parametrize("life", DECIDED, ids=lambda life: life.__name__)
def test_every_memo_comes_out_byte_for_byte(life: Life, lived: Callable[[Life], World]) -> None:
    memos = verified(lived(life))
    assert memos
    assert [phase for phase, memo, rendered in memos if memo not in rendered] == []


def test_a_memo_that_was_refreshed_says_what_superseded_it_and_still_comes_out(
    lived: Callable[[Life], World],
) -> None:
    phase, memo, rendered = verified(lived(whole_program))[0]
    assert (phase, "superseded" in memo.lower()) == ("phase_6a", True)
    assert memo in rendered


def test_an_edited_metric_changes_the_numbers_that_rest_on_it_and_each_is_named(tmp_path: Path) -> None:
    world = plain(tmp_path)
    run = next(r for r in world.runs.finished.values() if (r.arm, r.seed) == ("new", 0))
    changed = {"metrics": {"score": 0.25}, "series": {"score": ((0, 0.25),)}}
    world.runs.finished[run.id] = run.model_copy(update=changed)
    _, memo, rendered = verified(world)[0]
    discrepancies = min((find_discrepancies(memo, one) for one in rendered), key=len)
    assert {"TL;DR", "Results", "Criteria"} <= {discrepancy.section for discrepancy in discrepancies}
    assert "third" not in str(discrepancies)


# --- any digit -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def memos(lived: Callable[[Life], World]) -> list[str]:
    return [memo for _, memo, _ in verified(lived(whole_program))]


@settings(max_examples=a_fifth_of(300))
@given(st.data())
def test_any_one_changed_digit_is_named_with_its_line(memos: list[str], data: st.DataObject) -> None:
    memo = data.draw(st.sampled_from(memos))
    digits = [i for i, letter in enumerate(memo) if letter.isdigit()]
    where = data.draw(st.sampled_from(digits))
    digit = data.draw(st.sampled_from([d for d in "0123456789" if d != memo[where]]))
    (discrepancy,) = find_discrepancies(memo[:where] + digit + memo[where + 1 :], memo)
    assert discrepancy.kind == "number"
    assert discrepancy.line == memo.count("\n", 0, where) + 1
    assert (
        len([1 for one, other in zip(discrepancy.says, discrepancy.gives, strict=True) if one != other]) == 1
    )
    assert discrepancy.gives in memo.split("\n")[discrepancy.line - 1]


def test_a_changed_digit_is_named_in_every_section(memos: list[str]) -> None:
    sections = set()
    for memo in memos:
        for line in dict.fromkeys(line for line in memo.split("\n") if any(map(str.isdigit, line))):
            digit = next(letter for letter in line if letter.isdigit())
            changed = line.replace(digit, str(9 - int(digit)), 1)
            sections |= {
                discrepancy.section for discrepancy in find_discrepancies(memo.replace(line, changed), memo)
            }
    assert {"", "TL;DR", "What ran", "Results", "Guards", "Criteria", "Decision", "Runs and cost"} <= sections


@given(st.text("ab1 \n|", max_size=30), st.text("ab1 \n|", max_size=30))
def test_there_is_a_discrepancy_exactly_where_the_texts_differ(one: str, other: str) -> None:
    assert bool(find_discrepancies(one, other)) == (one != other)
    assert all(1 <= discrepancy.line <= one.count("\n") + 1 for discrepancy in find_discrepancies(one, other))


def test_what_is_left_out_and_what_is_added_are_named(memos: list[str]) -> None:
    memo = memos[0]
    lines = memo.split("\n")
    (gone,) = find_discrepancies("\n".join(lines[:6] + lines[7:]), memo)
    assert (gone.says, gone.gives) == ("", lines[6])
    (added,) = find_discrepancies("\n".join([*lines[:6], "a word", *lines[6:]]), memo)
    assert (added.kind, added.line, added.says, added.gives) == ("text", 7, "a word", "")
    assert count_numbers("a 1 b [2.5, x3] 4") == 4
