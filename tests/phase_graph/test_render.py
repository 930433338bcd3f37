"""The phase graph as text, as mermaid and as a picture."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from planner.errors import UsageError
from planner.io.pictures.phase_graph import write_graph
from planner.io.programs.loader import load_program
from planner.language.program import Program
from planner.phase_graph.layout import Size, build_labels, build_layout
from planner.phase_graph.render import WIDTH, PhaseState, as_mermaid, as_text

PROGRAMS = Path(__file__).parents[1] / "programs"
DRAFTS = sorted(p.stem for p in PROGRAMS.glob("*.yaml"))
STATES = {
    "phase_6a": PhaseState(
        state="judged", outcome="fail", case="B", confidence="provisional", superseded_by="samebatch"
    ),
    "samebatch": PhaseState(state="judged", outcome="pass", case="D", confidence="confirmed", stale=True),
    "snapshot_age": PhaseState(state="running"),
    "regularized": PhaseState(state="waiting", outcome="inconclusive"),
}


def draft(name: str) -> Program:
    return load_program(PROGRAMS / f"{name}.yaml")


def test_text_shows_state_answer_and_transitions() -> None:
    assert as_text(draft("credit_linesearch"), STATES).splitlines() == [
        "credit_linesearch: Does better credit give better loss decrease?",
        "",
        "  phase_6a       judged   fail, case B, provisional · superseded by samebatch",
        "    A -> stop   B, inconclusive -> samebatch   otherwise -> stop",
        "",
        "  samebatch      judged   pass, case D, confirmed · stale",
        "    A, B -> stop   C -> regularized   D -> snapshot_age   otherwise -> stop",
        "",
        "  snapshot_age   running",
        "    artifact -> stop   real -> regularized   otherwise -> stop",
        "",
        "  regularized    waiting  inconclusive",
        "    otherwise -> stop",
    ]


@pytest.mark.parametrize("name", DRAFTS)
def test_text_fits_a_terminal_and_names_every_phase(name: str) -> None:
    text = as_text(draft(name), {})
    assert max(map(len, text.splitlines())) <= WIDTH
    for phase in draft(name).phases:
        assert re.search(rf"^ +{re.escape(phase)} +locked$", text, re.MULTILINE)


def test_text_shows_what_triage_offers() -> None:
    text = " ".join(as_text(draft("gated_ctr"), {}).split())
    assert "resolve_infrastructure -> complete_five_epochs (to act)" in text
    assert "defer_tuning -> complete_five_epochs (deferred)" in text
    assert "otherwise -> back if triage opened it, else stop" in text


def test_mermaid_draws_states_and_arrows() -> None:
    lines = as_mermaid(draft("credit_linesearch"), STATES).splitlines()
    assert lines[0] == "flowchart TD"
    assert '  p0["phase_6a<br/>fail, case B, provisional<br/>superseded by samebatch"]:::fail' in lines
    assert '  p2["snapshot_age<br/>running"]:::running' in lines
    assert '  p3["regularized<br/>waiting: inconclusive"]:::waiting' in lines
    assert '  p0 -->|"B, inconclusive"| p1' in lines
    assert '  p1 -->|"A, B"| end_stop' in lines


def test_mermaid_draws_triage_dotted_and_with_two_heads_where_it_comes_back() -> None:
    lines = as_mermaid(draft("contrastive_retrieval"), {}).splitlines()
    assert '  p1 <-.->|"triage"| p3' in lines
    assert '  p1 <-.->|"diagnose"| p2' in lines


def test_mermaid_labels_cannot_break_out() -> None:
    states = {"first_look": PhaseState(state="judged", case='"]<script>#;`|{}', outcome="pass")}
    text = as_mermaid(draft("dropout"), states)
    label = re.search(r'p0\["(.*)"\]:::pass', text)
    assert label is not None
    inner = label[1].replace("<br/>", "")
    assert not re.search(r'["<>`|{}\[\]]', inner)
    assert "#34;" in inner


@pytest.mark.parametrize("name", DRAFTS)
def test_boxes_and_labels_of_a_picture_do_not_overlap(name: str) -> None:
    program, size = draft(name), Size()
    layout = build_layout(program, dict.fromkeys(program.phases, 0.8), size)
    boxes = [(x, y, size.width / 2, layout.heights[n] / 2) for n, (x, y) in layout.middles.items()]
    labels = build_labels(layout, dict.fromkeys(layout.routes, "some words"), size)
    boxes += [(x, y, 0.33, 0.08) for x, y in labels.values()]
    for i, (x1, y1, w1, h1) in enumerate(boxes):
        for x2, y2, w2, h2 in boxes[:i]:
            assert abs(x1 - x2) >= w1 + w2 - 1e-9 or abs(y1 - y2) >= h1 + h2 - 1e-9


def test_a_picture_is_written_twice_alike_and_without_a_date(tmp_path: Path) -> None:
    for ending in ("svg", "png"):
        one, two = tmp_path / f"one.{ending}", tmp_path / f"two.{ending}"
        for path in (one, two):
            write_graph(draft("credit_linesearch"), STATES, path)
        assert one.read_bytes() == two.read_bytes()
    assert "<dc:date>" not in (tmp_path / "one.svg").read_text()
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.png", "one.svg", "two.png", "two.svg"]


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.svg or \.png"):
        write_graph(draft("dropout"), {}, tmp_path / "graph.gif")
