"""Figures of a memo, drawn from records made by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.io.pictures.memo_figures import figures_of, save_figure
from planner.io.pictures.memo_files import MemoFiles
from planner.language.program import Program
from planner.paths import Home
from planner.records.verdict import Verdict
from tests.support.hand_made import evidence, make_program, row, trace, verdict


def drawn(folder: Path, program: Program, judged: Verdict, **scores: list[float]) -> dict[str, bytes]:
    """File name -> PNG of each figure."""
    folder.mkdir(exist_ok=True)
    pictures = {}
    for name, _, figure in figures_of(program, judged, evidence(judged.phase, scores or None)):
        save_figure(figure, folder / f"{name}.png")
        pictures[name] = (folder / f"{name}.png").read_bytes()
    assert sorted(p.name for p in folder.iterdir()) == sorted(f"{name}.png" for name in pictures)
    return pictures


def test_declared_curves_and_the_results_by_arm_are_drawn(tmp_path: Path) -> None:
    figures = drawn(tmp_path, make_program(), verdict())
    assert list(figures) == ["curves", "results"]
    for data in figures.values():
        assert data.startswith(b"\x89PNG")
        assert len(data) > 5000


def test_the_same_records_give_the_same_figures_byte_for_byte(tmp_path: Path) -> None:
    assert drawn(tmp_path, make_program(), verdict()) == drawn(tmp_path, make_program(), verdict())


def test_other_numbers_give_other_figures(tmp_path: Path) -> None:
    before = drawn(tmp_path, make_program(), verdict())
    judged = verdict(table=(row("plain", "score", [0.1, 0.2]), row("new", "score", [5.0, 6.0])))
    after = drawn(tmp_path, make_program(), judged, plain=[0.1, 0.2], new=[5.0, 6.0])
    assert before["curves"] != after["curves"]
    assert before["results"] != after["results"]


def test_a_figure_whose_metrics_no_run_has_is_left_out(tmp_path: Path) -> None:
    program = make_program(figures={"curves": {"shows": ["score"], "against": "loss"}})
    nothing = verdict(table=(), run_ids=())
    assert figures_of(program, nothing, evidence(scores={"plain": []})) == []
    declared = make_program(figures={"eta_by_arm": {"shows": ["eta"]}})
    assert drawn(tmp_path, declared, verdict()) == {}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300, 1e9, 0.0])
def test_values_that_cannot_be_drawn_or_dwarf_the_rest_do_no_harm(tmp_path: Path, value: float) -> None:
    figures = drawn(tmp_path, make_program(), verdict(), plain=[0.1, value], new=[1.4, 1.5])
    assert list(figures) == ["curves", "results"]


def test_one_seed_is_drawn_without_an_interval(tmp_path: Path) -> None:
    judged = verdict(table=(row("plain", "score", [0.1]), row("new", "score", [1.0])))
    assert "results" in drawn(tmp_path, make_program(), judged, plain=[0.1], new=[1.0])


def test_the_memo_and_its_figures_are_files_of_the_home(tmp_path: Path) -> None:
    path, note, figures = MemoFiles(Home(tmp_path)).write(trace(verdict()), evidence(), "2026-01-02")
    assert path == tmp_path / "knowledge" / "memos" / "study" / "late.md"
    text = path.read_text()
    assert [f.name for f in figures] == ["late-curves.png", "late-results.png"]
    for figure in figures:
        assert f"]({figure.relative_to(path.parent)})" in text
        assert figure.stat().st_size > 0
    assert "](figures/" not in note
    assert {p.name for p in path.parent.rglob("*") if p.is_file()} == {"late.md", *(f.name for f in figures)}


def test_a_memo_of_another_fidelity_has_files_of_its_own(tmp_path: Path) -> None:
    files = MemoFiles(Home(tmp_path))
    first, _, _ = files.write(trace(verdict()), evidence(), "2026-01-02")
    second, _, figures = files.write(trace(verdict(fidelity="smoke")), evidence(), "2026-01-02")
    assert (first.name, second.name) == ("late.md", "late.smoke.md")
    assert [f.name for f in figures] == ["late.smoke-curves.png", "late.smoke-results.png"]
