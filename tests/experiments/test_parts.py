"""Which part may import which: studies do not know each other, and what they share knows no study."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ROOT / "experiments" / "parts"
STUDIES = sorted(path.parent.name for path in PARTS.glob("*/__init__.py"))
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in (ROOT / "experiments").rglob("*.py")
    if path.name != "__init__.py"
}


def imported(module: str) -> set[str]:
    """The modules of ``experiments`` that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names & set(MODULES)


def study_of(module: str) -> str | None:
    """The study that a part belongs to; none for one that studies share."""
    return next((study for study in STUDIES if module.startswith(f"experiments.parts.{study}.")), None)


def test_every_study_is_named_like_its_experiment_and_holds_at_most_20_modules() -> None:
    assert STUDIES
    for study in STUDIES:
        assert f"experiments.{study}" in MODULES
        assert len(list((PARTS / study).glob("*.py"))) <= 20


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.startswith("experiments.parts.")))
def test_a_part_imports_its_own_study_what_studies_share_and_the_contract(module: str) -> None:
    for name in imported(module):
        assert name == "experiments.contract" or name.startswith("experiments.parts."), name
        assert study_of(name) in (None, study_of(module)), name


@pytest.mark.parametrize("study", STUDIES)
def test_an_experiment_imports_the_parts_of_its_own_study_alone(study: str) -> None:
    assert {study_of(name) for name in imported(f"experiments.{study}")} <= {None, study}


def test_no_modules_import_each_other_in_a_circle() -> None:
    list(TopologicalSorter({module: imported(module) for module in MODULES}).static_order())
