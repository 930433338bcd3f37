"""What a notebook shows: the point first, every text as text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

import planner
from planner.records.person import Revocation
from planner.testing import MemoryHome, example_program, example_table
from planner.text.html import card, escape, items, table
from tests.support import hand_made

ATTACK = '<img src=x onerror="alert(1)"> & \x1b]0;title\x07 ‮ $\\href{javascript:alert(1)}{x}$ </pre></td>'
OURS = {"div", "strong", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "pre"}


class Tags(HTMLParser):
    """Every tag and attribute of a page, and whether each is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes |= set(attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def tags_of(page: str) -> Tags:
    """The tags of a page, which must be closed in order."""
    parser = Tags()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def hostile_program() -> planner.Program:
    """A program whose every free text attacks."""
    raw = example_program().model_dump(mode="json", by_alias=True, exclude_unset=True)
    raw["question"] = ATTACK
    raw["metrics"]["val_accuracy"] = {"unit": ATTACK, "better": "higher", "means": ATTACK}
    first = raw["phases"]["first_look"]
    first["question"] = ATTACK
    first["criteria"]["two_points_better"]["says"] = ATTACK
    first["cases"] = {
        "better": {"means": ATTACK, "when": ["two_points_better"]},
        "not_better": {"means": ATTACK, "unless": ["two_points_better"]},
    }
    first["claims"] = {"helps": {"says": ATTACK, "supported": ["two_points_better"]}}
    first["triage"] = {
        "options": [{"option": "again", "rationale": ATTACK, "risk": ATTACK, "opens": "second"}]
    }
    raw["phases"]["second"] = {"question": ATTACK, "same_as": "first_look", "triage": None}
    return planner.load_program(raw)


def shown() -> dict[str, Any]:
    """Everything that shows itself, made from texts that attack."""
    program = hostile_program()
    low = [
        {**row, "val_accuracy": 0.9 + i * row["seed"] / 1e5, "run_id": f"{ATTACK}{i}"}
        for i, row in enumerate(example_table())
    ]
    verdict = planner.judge(program, low, phase="first_look")
    home = MemoryHome(program, lambda run: {"val_accuracy": 0.9})
    home.advance("first_look")
    override = home.override("first_look", choose="again", reason=ATTACK, by=ATTACK)
    revocation = Revocation(
        program="p", phase="first_look", override_id=override.id, by=ATTACK, at="2000-01-01", reason=ATTACK
    )
    return {
        "program": program,
        "verdict": verdict,
        "plan": planner.plan(program, low),
        "decision": home.decisions["first_look"],
        "override": override,
        "revocation": revocation,
        "explanation": planner.explain(verdict, program, full=True),
        "made by hand": hand_made.decision("late", "take_option", choice="retry", reason=ATTACK),
    }


SHOWN = shown()


@pytest.mark.parametrize("name", SHOWN)
def test_texts_of_programs_and_people_are_shown_and_do_nothing(name: str) -> None:
    page = SHOWN[name]._repr_html_()
    tags = tags_of(page)
    assert tags.tags <= OURS
    assert tags.attributes <= {("class", "tex2jax_ignore mathjax_ignore")}
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", page)
    assert "&lt;img src=x" in page or name in ("decision",)


def test_a_verdict_shows_its_answer_first_and_then_what_it_rests_on() -> None:
    page = example_program().judge(example_table())._repr_html_()
    assert "<strong>dropout / first_look: pass, provisional</strong>" in page
    assert page.index("two_points_better") < page.index("caveats") < page.index("6 runs at fidelity standard")


def test_a_program_shows_its_question_its_phases_and_its_metrics() -> None:
    page = example_program()._repr_html_()
    order = ["Does dropout help?", "first_look", "plain, dropout", "val_accuracy", "fraction"]
    assert [page.index(text) for text in order] == sorted(page.index(text) for text in order)


def test_a_plan_shows_what_is_to_be_run() -> None:
    page = planner.plan(example_program())._repr_html_()
    assert "ready at first_look" in page
    assert "<td>dropout</td><td>3</td>" in page


def test_mathematics_in_dollars_is_left_as_it_was_written() -> None:
    assert 'class="tex2jax_ignore mathjax_ignore"' in card("$x$")


def test_what_is_empty_takes_no_room() -> None:
    assert (table(("a",), []), items("none", [])) == ("", "")
    assert escape('"<&>') == "&quot;&lt;&amp;&gt;"
