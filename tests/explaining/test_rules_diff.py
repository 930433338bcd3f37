"""What differs between two versions of a phase's rules."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from planner.explaining.rules_diff import RuleChange, changes
from planner.judging.rules_digest import phase_rules
from planner.records.base import canonical
from tests.support.worlds import small

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("abc", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3)
    ),
    max_leaves=12,
)
RULES = st.dictionaries(st.text("abc", min_size=1, max_size=3), VALUES, max_size=4)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value


@given(RULES)
def test_rules_do_not_differ_from_themselves_read_back(rules: dict[str, Any]) -> None:
    assert changes(rules, json.loads(canonical(rules))) == []


@given(RULES, RULES)
def test_there_is_a_change_where_the_rules_differ_and_it_reverses_with_them(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    forwards = changes(old, new)
    assert {(c.path, canonical(c.new), canonical(c.old)) for c in changes(new, old)} == {
        (c.path, canonical(c.old), canonical(c.new)) for c in forwards
    }
    if not forwards:
        assert canonical(without_nulls(old)) == canonical(without_nulls(new))


def test_a_changed_threshold_is_named_with_both_values() -> None:
    lower = {"metric": "score", "arm": "new", "versus": "base", "better_by": 0.25}
    old, new = small(), small(criteria={"higher": lower})
    assert changes(phase_rules(old, "first"), phase_rules(new, "first")) == [
        RuleChange(path="phase.criteria.higher.better_by", old=0.5, new=0.25)
    ]


def test_a_list_of_another_length_is_one_change_and_is_put_into_words() -> None:
    (change,) = changes({"gate": ["a"], "seeds": 3}, {"gate": ["a", "b"], "seeds": 3})
    assert str(change) == 'gate: ["a"] -> ["a","b"]'
    assert str(RuleChange(path="budget.runs", old=None, new=4)) == "budget.runs: nothing -> 4"
