"""The memo, rendered from records made by hand."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from planner.lineage.staleness import Validity
from planner.memo.brief import next_step
from planner.memo.mlflow_notes import decision_note, person_note
from planner.memo.render import Picture, render_memo
from planner.records.person import Exclusion, Keep, Retry, Revocation
from planner.records.verdict import ClaimResult
from tests.support.hand_made import (
    OUTCOMES,
    PROGRAM,
    criterion,
    decision,
    guard,
    make_program,
    override,
    row,
    trace,
    verdict,
)

HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(1)> [a](javascript:alert(1)) ![b](http://x/y.png) "
    "| cell | `code` **bold** \\| \n\n# heading\n\n- item\n<!-- "
)
HEADINGS = [
    "Question",
    "TL;DR",
    "What ran",
    "Results",
    "Guards",
    "Criteria",
    "What would change the verdict",
    "Decision",
    "Next step",
    "Runs and cost",
]


def headings(text: str) -> list[str]:
    return [line[3:] for line in text.splitlines() if line.startswith("## ")]


def assert_harmless(text: str) -> None:
    """Read as markdown, the text holds no HTML, no image from elsewhere and no link."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    inner = [child for token in tokens for child in token.children or ()]
    for token in (*tokens, *inner):
        assert not token.type.startswith("html"), token.content
        assert token.type != "link_open", token.attrs
        assert token.type != "image" or str(token.attrs["src"]).startswith("figures/"), token.attrs


def assert_tables_stand_apart(text: str) -> None:
    """Every table has a blank line before and after it, a rule below its heads, and even rows."""
    lines = ["", *text.splitlines(), ""]
    begins = [i for i, line in enumerate(lines) if line.startswith("|") and not lines[i - 1].startswith("|")]
    assert begins
    for begin in begins:
        end = next(i for i in range(begin, len(lines)) if not lines[i].startswith("|"))
        assert (lines[begin - 1], lines[end]) == ("", "")
        assert re.fullmatch(r"\|(:?-+:?\|)+", lines[begin + 1])
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in lines[begin:end]}
        assert len(cells) == 1, lines[begin:end]


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("phase", ["early", "late"])
@pytest.mark.parametrize("decided", ["stop", "wait", "take_option", "add_seeds", None])
def test_every_outcome_can_be_rendered(outcome: str, phase: str, decided: str | None) -> None:
    next_is = None if decided is None else decision(phase, decided, choice="retry", target="early")
    row_of = {"case": "B"} if phase == "early" else {"tier": "1.5", "means": "the score alone"}
    for given in ({}, row_of, {"confidence": "provisional", "cause": "budget", "caveats": ("few seeds",)}):
        text = render_memo(trace(verdict(phase, outcome, **given), next_is))
        assert outcome.upper() in text
        assert [h for h in headings(text) if h != "Claims"] == HEADINGS
        assert_tables_stand_apart(text)
        assert "None" not in text


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_verdict_without_any_run_can_be_rendered(outcome: str) -> None:
    unknown = criterion(
        outcome="undecided",
        answer=None,
        treatment=None,
        observed=None,
        margin=None,
        interval=None,
        n=0,
        run_ids=(),
        flips_at=None,
        cause="missing",
        reason="arm 'new' has no usable run",
    )
    empty = verdict(
        "early", outcome, criteria=(unknown,), table=(), run_ids=(), seeds=0, seconds=0.0, claims=()
    )
    text = render_memo(trace(empty, decision("early")))
    assert "No run counts." in text
    assert "nan" not in text.lower().replace("seconds", "")
    assert_tables_stand_apart(text)


def test_a_phase_that_was_not_judged_has_no_memo() -> None:
    with pytest.raises(ValueError, match="not been judged"):
        render_memo(trace(None))


@pytest.mark.parametrize(
    ("changes", "before", "after"),
    [
        ({"table": (row("plain", "score", [7.25, 7.25]),)}, "1.5", "7.25"),
        ({"table": (row("plain", "score", [7.0, 8.5]),)}, "[1.4, 1.6]", "[7, 8.5]"),
        ({"criteria": (criterion(observed=7.654),)}, "| 1.234 [", "| 7.654 ["),
        ({"criteria": (criterion(threshold=0.777),)}, "better by 0.5", "better by 0.777"),
        ({"criteria": (criterion(margin=0.0456),)}, "+0.734", "+0.0456"),
        ({"criteria": (criterion(flips_at=0.0789),)}, "beyond 0.321", "beyond 0.0789"),
        ({"criteria": (criterion(n=29),)}, "3, bounds", "29, bounds"),
        ({"guards": (guard(reason="29 seeds per arm"),)}, "3 seeds per arm", "29 seeds per arm"),
        ({"seconds": 98.6}, "12 s", "99 s"),
        ({"run_ids": tuple("abcde")}, "2 runs", "5 runs"),
    ],
)
def test_a_number_in_the_memo_is_the_records_number(changes: dict, before: str, after: str) -> None:
    old = render_memo(trace(verdict("early")))
    new = render_memo(trace(verdict("early", **changes)))
    assert before in old
    assert before not in new
    assert after in new


def test_an_arm_of_which_only_a_step_was_read_is_listed() -> None:
    reading = row("new", "score", [1.0, 2.0]).model_copy(update={"reads": "at step 1"})
    text = render_memo(trace(verdict("early", table=(), readings=(reading,))))
    assert "`new-score-0` (seed 0)" in text


def test_the_memo_names_every_run_with_its_seed() -> None:
    text = render_memo(trace(verdict("early")))
    for arm in ("plain", "new"):
        assert all(f"`{arm}-score-{seed}` (seed {seed})" in text for seed in range(3))


def test_the_same_records_give_the_same_memo() -> None:
    assert render_memo(trace(verdict(), decision())) == render_memo(trace(verdict(), decision()))


def test_pictures_are_linked_where_there_are_any() -> None:
    text = render_memo(trace(verdict()), [Picture("Curves | and <more>", "figures/late-curves.png")])
    assert "](figures/late-curves.png)" in text
    assert_harmless(text)
    assert_tables_stand_apart(text)


def test_hostile_text_in_records_stays_text() -> None:
    claim = ClaimResult(
        id="c", says=HOSTILE, status="refuted", rests_on=("helps",), caveats=(HOSTILE, HOSTILE)
    )
    judged = verdict(
        claims=(claim,),
        means=HOSTILE,
        tier="1.5",
        caveats=(f"lr: run r logged {HOSTILE}",),
        guards=(guard(reason=HOSTILE), guard("late.helps", "not_met", HOSTILE)),
        criteria=(
            criterion(reason=HOSTILE),
            criterion("both", kind="combined", observed=None, reason=HOSTILE),
        ),
    )
    chosen = decision(
        action="take_option",
        choice="drop",
        reason=HOSTILE,
        rule="late.triage.drop",
        rejected=[{"choice": "retry", "reason": HOSTILE, "flips_if": HOSTILE}],
    )
    text = render_memo(trace(judged, chosen, [override(HOSTILE, by=HOSTILE[:80])]))
    assert_harmless(text)
    assert_tables_stand_apart(text)
    assert [h for h in headings(text) if h != "Claims"] == HEADINGS


def test_hostile_text_in_a_program_stays_text() -> None:
    phases = {name: {**phase, "question": HOSTILE} for name, phase in PROGRAM["phases"].items()}
    phases["early"]["with"] = {"note": HOSTILE}
    program = make_program(
        question=HOSTILE,
        phases=phases,
        metrics={**PROGRAM["metrics"], "score": {"unit": "a|b <i>", "better": "higher"}},
        arms={"plain": {"kind": HOSTILE}, "new": {"kind": "new"}},
    )
    judged = verdict("early", criteria=(criterion(unit="a|b <i>"),))
    ahead = decision("early", "run_phase", choice="late", target="late")
    text = render_memo(trace(judged, ahead, program=program))
    assert_harmless(text)
    assert_tables_stand_apart(text)
    assert [h for h in headings(text) if h != "Claims"] == HEADINGS


def test_what_a_phase_supersedes_is_named_with_its_confounds() -> None:
    text = render_memo(trace(verdict(), decision(), validity=Validity({"early": "late"}, {})))
    assert "supersedes `early`, Case B" in text
    assert "**clamping**: gradients were clamped" in text
    assert "supersedes" not in render_memo(trace(verdict(), decision()))


def test_a_superseded_verdict_says_by_what() -> None:
    text = render_memo(trace(verdict("early", "fail", case="B"), validity=Validity({"early": "late"}, {})))
    assert "superseded by late" in text.splitlines()[2]


def test_an_override_leaves_the_recommendation_visible() -> None:
    chosen_override = override("The surrogate is fine.")
    chosen = decision(
        action="take_option",
        choice="drop",
        rule="late.triage.drop",
        rejected=[{"choice": "retry", "reason": "recommended by the rules, overridden"}],
        recommended="retry",
        override_id=chosen_override.id,
    )
    text = render_memo(trace(verdict(), chosen, [chosen_override]))
    assert "The rules recommend **retry**" in text
    assert "Override by ana, 2026-01-02: drop. Reason: The surrogate is fine." in text
    assert re.search(r"\| `drop` \| chosen \|.*\| 1 to 2 h \|", text)
    assert re.search(r"\| `retry` \|  \| recommended by the rules, overridden \| time \|", text)


@pytest.mark.parametrize(
    ("fields", "begins"),
    [
        (
            {"action": "wait", "choice": "retry", "target": "early", "needs_person": "to_act"},
            "A person acts on `retry`: `phasegate override study late --done retry --reason TEXT`. It opens",
        ),
        (
            {"action": "wait", "choice": "retry", "target": "early", "needs_person": "to_approve"},
            "A person approves `retry`: `phasegate advance study --accept`. It opens",
        ),
        (
            {"action": "wait", "choice": None, "target": None, "needs_person": "to_act"},
            "A person looks at the verdict and decides what follows: "
            "`phasegate override study late --choose retry --reason TEXT` or ",
        ),
        (
            {
                "action": "stop",
                "choice": None,
                "target": None,
                "due": ({"holder": "late", "option": "retry"},),
            },
            "Nothing: the program ends here. Deferred, and due by now: `retry`.",
        ),
    ],
)
def test_the_next_step_says_who_acts_and_what_to_type(fields: dict, begins: str) -> None:
    text = next_step(make_program(), decision("late", **fields))
    assert text.startswith(begins)


def test_the_notes_of_what_people_did_hold_who_and_why_and_no_markup() -> None:
    who = {"program": "study", "by": "ana <b>", "at": "2026-01-02", "reason": HOSTILE}
    notes = [
        person_note(override(HOSTILE)),
        person_note(override(HOSTILE, choose=None, verdict="reject")),
        person_note(override(HOSTILE, choose=None, done="retry", expires="2027-01-01")),
        person_note(Revocation(phase="late", override_id="o-1", **who)),
        person_note(Exclusion(run_id="r1", **who)),
        person_note(Exclusion(run_id="r1", undone=True, **who)),
        person_note(Keep(old=("a",), new="b", **who)),
        person_note(Retry(run_ids=("r1",), **who)),
        decision_note(
            decision(reason=HOSTILE, rejected=[{"choice": "retry", "reason": HOSTILE, "flips_if": HOSTILE}])
        ),
    ]
    for note in notes:
        assert "alert(1)" in note
        assert_harmless(note)
