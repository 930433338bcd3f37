"""Claims with their evidence and what rests on what; as JSON, text, mermaid and picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from planner.errors import UsageError
from planner.io.pictures.claims import write_charts
from planner.io.programs.loader import load_program
from planner.judging.rules_digest import rules_digest
from planner.knowledge.build import Knowledge, KnownClaim, build_knowledge
from planner.knowledge.chart import COLOURS, build_chart
from planner.knowledge.chart_layout import build_chart_layout
from planner.knowledge.in_json import as_json
from planner.knowledge.in_mermaid import as_mermaid
from planner.knowledge.in_text import as_text
from planner.language.program import Program
from planner.lineage.dependencies import build_dependencies
from planner.lineage.program_state import build_program_state
from planner.phase_graph.graph import rests_on
from planner.records.journal_entry import JournalEntry
from planner.records.verdict import ClaimResult, Verdict
from tests.support.cli_schemas import assert_fits
from tests.support.hand_made import PROGRAM, criterion, decision, make_program, override, verdict

DRAFTS = sorted((Path(__file__).parents[1] / "programs").glob("*.yaml"))
NOW = "2026-01-05T00:00:00+00:00"


def claim(name: str, *rests: str, status: str = "supported", says: str = "So it is.") -> ClaimResult:
    fields = {"id": name, "says": says, "status": status, "rests_on": rests, "reason": "as measured"}
    return ClaimResult.model_validate(fields)


def study() -> Program:
    """``late`` rests on ``early``: opened by it, supersedes its case B, and names its criterion."""
    early = {**PROGRAM["phases"]["early"], "prediction": {"case": "B", "probability": 0.9}}
    early["claims"] = {"first_sight": {"says": "It helps at first sight.", "supported": ["helps"]}}
    late = {**PROGRAM["phases"]["late"]}
    late["claims"] = {
        "it_helps": {"says": "It helps.", "supported": ["both"]},
        "again": {"says": "It helps once more.", "supported": ["helps", "early.helps"]},
    }
    rivals = {"decided_by": "early", "rivals": {"A": "It is the score.", "B": "It is the clamp."}}
    return make_program(phases={"early": early, "late": late}, hypotheses=rivals)


STUDY = study()


def judged(phase: str, outcome: str, *claims: ClaimResult, **changes: Any) -> Verdict:
    digest = rules_digest(STUDY, phase)
    return verdict(phase, outcome, claims=claims, rules_digest=digest, **changes)


EARLY = judged("early", "fail", claim("first_sight", "helps", status="refuted"), case="B", hypothesis="B")
LATE = judged(
    "late",
    "pass",
    claim("it_helps", "both"),
    claim("again", "helps", "early.helps"),
    rests_on=("early",),
    confidence="provisional",
)
OPENED = decision("early", "run_phase", choice="late", target="late", verdict_id=EARLY.id)
ENDED = decision("late", verdict_id=LATE.id)


def knowledge_of(*records: Any, program: Program = STUDY) -> Knowledge:
    entries = [JournalEntry(i, record, NOW, None, False) for i, record in enumerate(records)]
    return build_knowledge(build_program_state(program, entries, NOW), entries, NOW)


BOTH = knowledge_of(EARLY, OPENED, LATE, ENDED)


def named(of: Knowledge, name: str) -> KnownClaim:
    return next(one for one in of.claims if one.id == name)


def links(linked: Any) -> list[tuple[str, str, str]]:
    return [(link.kind, link.name, link.why) for link in linked]


# --- what is known -----------------------------------------------------------------------------


def test_a_claim_has_its_status_its_verdict_and_its_evidence() -> None:
    refuted = named(knowledge_of(EARLY, OPENED), "first_sight")
    assert (refuted.status, refuted.judged_status, refuted.because) == ("refuted", "refuted", "")
    assert refuted.verdict == EARLY
    assert [(e.id, e.observed, e.interval, e.n) for e in refuted.evidence] == [
        ("helps", 1.234, (1.111, 1.357), 3)
    ]
    assert refuted.evidence[0].run_ids == EARLY.criteria[0].run_ids


def test_superseded_and_stale_claims_say_what_replaced_them_and_by_which_path() -> None:
    first = named(BOTH, "first_sight")
    assert (first.status, first.judged_status, first.because) == (
        "superseded",
        "refuted",
        "superseded by late",
    )
    changed = EARLY.model_copy(update={"rules_digest": "other"}).identified("v")
    stale = named(
        knowledge_of(changed, OPENED, LATE.model_copy(update={"outcome": "inconclusive"}), ENDED), "again"
    )
    assert (stale.status, stale.judged_status) == ("stale", "supported")
    assert stale.because == "it rests on early, which is stale"


def test_a_claim_of_which_no_verdict_speaks_is_proposed() -> None:
    proposed = named(knowledge_of(EARLY, OPENED), "it_helps")
    assert (proposed.status, proposed.judged_status, proposed.verdict, proposed.evidence) == (
        "proposed",
        None,
        None,
        (),
    )
    assert proposed.caveats == ("late has not been judged",)
    assert ("criterion", "late.both", "not judged") in links(proposed.rests_on)
    without = judged("late", "pass", claim("it_helps", "both"))
    assert named(knowledge_of(EARLY, OPENED, without), "again").caveats == ("late was judged without it",)


def test_a_claim_rests_on_criteria_with_their_parts_and_on_phases() -> None:
    assert links(named(BOTH, "it_helps").rests_on) == [
        ("criterion", "late.both", "met"),
        ("criterion", "late.helps", "met, part of both"),
        ("criterion", "late.loss_falls", "met, part of both"),
        ("phase", "late", "judged by it"),
        ("phase", "early", "late was opened by it"),
        ("phase", "early", "late uses its criterion helps"),
        ("phase", "early", "late supersedes it"),
    ]


def test_on_a_claim_rest_claims_and_phases_that_use_its_criteria() -> None:
    assert links(named(BOTH, "first_sight").rested_on_by) == [
        ("claim", "late.again", "rests on early.helps"),
        ("phase", "late", "opened by it"),
        ("phase", "late", "uses its criterion helps"),
        ("phase", "late", "supersedes it"),
    ]
    assert named(BOTH, "again").rested_on_by == ()


def test_what_rests_on_a_claim_says_so_itself() -> None:
    by_name = {f"{one.phase}.{one.id}": one for one in BOTH.claims}
    for one in BOTH.claims:
        for link in one.rested_on_by:
            if link.kind == "claim":
                below = {other.name for other in by_name[link.name].rests_on}
                assert below & {f"{one.phase}.{name}" for name in one.own_criteria}
            else:
                above = [other for other in BOTH.claims if other.phase == link.phase]
                assert all(one.phase in {l.phase for l in other.rests_on} for other in above)  # noqa: E741


def test_a_claim_of_a_phase_that_the_program_no_longer_has_is_stale() -> None:
    gone = verdict("gone", "pass", claims=(claim("old", "helps"),))
    stale = named(knowledge_of(EARLY, OPENED, gone), "old")
    assert (stale.status, stale.because) == ("stale", "the phase is no longer in the program")


@pytest.mark.parametrize("path", DRAFTS, ids=lambda path: path.stem)
def test_dependencies_are_those_of_the_phase_graph(path: Path) -> None:
    program = load_program(path)
    edges = {(a, b) for a, b in rests_on(program).edges}
    replaced = {p.supersedes.phase: name for name, p in program.phases.items() if p.supersedes}
    dependencies = build_dependencies(program, {}, replaced)
    assert {(g.phase, g.on) for g in dependencies} <= edges
    opened = {(a, b) for a, b, why in rests_on(program).edges(data="why") if why[0].startswith("opened")}
    assert edges - opened <= {(g.phase, g.on) for g in dependencies}


# --- how it is rendered ----------------------------------------------------------------------------


def test_json_is_as_promised_and_keeps_every_run_id() -> None:
    agreed = override(phase="early", choose="late", recommended="late")
    reply = as_json([knowledge_of(EARLY, OPENED, agreed, LATE, ENDED)])
    assert_fits({**reply, "errors": []}, "knowledge")
    assert [(c["id"], c["status"]) for c in reply["claims"]] == [
        ("first_sight", "superseded"),
        ("it_helps", "supported"),
        ("again", "supported"),
    ]
    assert reply["claims"][0]["evidence"][0]["run_ids"] == list(EARLY.criteria[0].run_ids)
    assert [part["id"] for part in reply["claims"][1]["evidence"][0]["parts"]] == ["helps", "loss_falls"]
    assert reply["predictions"][0]["came"] is True
    assert reply["score"]["score"] == pytest.approx(0.01)
    assert [h["status"] for h in reply["hypotheses"]] == ["does not hold", "holds"]
    assert reply["overrides_score"] == {"right": 0, "wrong": 0, "open": 0, "agreed": 1}


def test_text_holds_claims_evidence_links_and_scores() -> None:
    text = as_text([BOTH])
    assert "claims: 1 superseded, 2 supported" in text
    assert "early: fail, Case B, hypothesis B, confirmed, superseded by late" in text
    assert "  first_sight: superseded (was refuted) · So it is." in text
    assert (
        "+ helps: met · new is better than plain by 1.234 (n 3; runs r0000000, r0000001, r0000002 and 3"
        in text
    )
    assert "rested on by: claim late.again (rests on early.helps), phase late (opened by it; uses" in text
    assert "caveat: provisional, as the verdict of late is (3 seeds)" in text
    score = "predictions: Brier score 0.01 over 1 settled, 0 open (0 is best; always saying 50% scores 0.25)"
    assert score in text
    assert "  early: case B (0.9); it came true, scores 0.01" in text
    assert "  B: holds · It is the clamp." in text
    assert as_text([BOTH, BOTH]).endswith(f"all programs: {score[13:].replace('1 settled', '2 settled')}")


def test_a_program_without_anything_can_be_rendered() -> None:
    nothing = knowledge_of(program=make_program())
    assert "predictions: none registered" in as_text([nothing])
    assert_fits({**as_json([nothing]), "errors": []}, "knowledge")
    assert_fits({**as_json([]), "errors": []}, "knowledge")


def test_arrows_lead_from_claims_to_criteria_from_criteria_to_phases_and_from_phases_to_phases() -> None:
    arrows = {(arrow.upper, arrow.lower, arrow.kind) for arrow in build_chart(BOTH).arrows}
    assert {
        ("claim late again", "criterion early helps", "names"),
        ("claim late again", "criterion late helps", "names"),
        ("criterion early helps", "phase early", "judged"),
        ("phase late", "phase early", "opened"),
        ("phase late", "phase early", "criterion"),
        ("phase late", "phase early", "supersedes"),
    } <= arrows
    assert ("claim late it_helps", "criterion late loss_falls", "names") not in arrows
    early = build_chart(BOTH).lanes[0]
    assert (early.claims[0].status, early.claims[0].dashed, early.phase.dashed) == ("superseded", True, True)
    assert early.criteria[0].lines == ("met", "1.234 [1.111, 1.357], n 3; asked better by 0.5")


def test_mermaid_has_every_node_and_labels_that_cannot_break_out() -> None:
    hostile = judged("early", "fail", claim("first_sight", "helps", says='"]<script>#;`|{}'), case="B")
    text = as_mermaid([knowledge_of(hostile, OPENED), BOTH])
    nodes = re.findall(r'^ +(n\d_\d+)(?:\(\["|\["|\{\{")(.*)(?:"\]\)|"\]|"\}\}):::(\w+)$', text, re.MULTILINE)
    placed = build_chart_layout(build_chart(BOTH)).placed
    assert len(nodes) == len({name for name, _, _ in nodes}) == 2 * len(placed)
    assert {status for _, _, status in nodes} <= COLOURS.keys()
    for _, label, _ in nodes:
        assert not re.search(r'["<>`|{}\[\]]', label.replace("<br/>", ""))
    arrows = re.findall(r"^ +(n\d_\d+) \S*>(?:\|.*\|)? (n\d_\d+)$", text, re.MULTILINE)
    assert len(arrows) == len(build_chart(knowledge_of(hostile, OPENED)).arrows) + len(
        build_chart(BOTH).arrows
    )
    assert {end for arrow in arrows for end in arrow} <= {name for name, _, _ in nodes}
    assert "subgraph program1" in text


@pytest.mark.parametrize("path", DRAFTS, ids=lambda path: path.stem)
def test_nodes_of_a_chart_do_not_overlap_and_stay_in_their_lane(path: Path) -> None:
    chart = build_chart(knowledge_of(program=load_program(path)))
    layout = build_chart_layout(chart)
    nodes = list(layout.placed.values())
    for i, one in enumerate(nodes):
        for other in nodes[:i]:
            apart = [
                one.corner[k] >= other.corner[k] + other.size[k]
                or other.corner[k] >= one.corner[k] + one.size[k]
                for k in (0, 1)
            ]
            assert any(apart), (one.node.key, other.node.key)
    for lane, (bottom, top) in zip(chart.lanes, layout.bands, strict=True):
        for node in (*lane.claims, *lane.criteria, lane.phase):
            placed = layout.placed[node.key]
            assert bottom < placed.corner[1]
            assert placed.corner[1] + placed.size[1] < top


def test_arcs_between_phases_end_at_different_heights() -> None:
    layout = build_chart_layout(build_chart(BOTH))
    arcs = [
        route for arrow, route in layout.routes.items() if arrow.kind in ("opened", "criterion", "supersedes")
    ]
    assert len({route[0] for route in arcs}) == len({route[-1] for route in arcs}) == len(arcs) == 3


def test_pictures_are_written_alike_twice(tmp_path: Path) -> None:
    for ending, begins in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        one, two = (write_charts([BOTH], ending, tmp_path / f"{n}.{ending}")[0] for n in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
        assert one.read_bytes().startswith(begins)
    assert write_charts([BOTH], "png", tmp_path / "three.jpg") == [tmp_path / "three.png"]
    with pytest.raises(UsageError, match="--out takes the picture of one program"):
        write_charts([BOTH, BOTH], "png", tmp_path / "both.png")


def test_text_of_a_combined_criterion_has_the_numbers_of_its_parts() -> None:
    parts = (criterion("helps", reason="by 1"), criterion("loss_falls", outcome="not_met", reason="by 2"))
    both = criterion("both", kind="combined", outcome="not_met", parts=parts)
    late = judged("late", "fail", claim("it_helps", "both"), criteria=(*parts, both))
    text = as_text([knowledge_of(EARLY, OPENED, late)])
    assert "      - both: not met\n        + helps: met · by 1" in text
    assert "        - loss_falls: not met · by 2" in text
