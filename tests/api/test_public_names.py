"""The front of the package: what it names, what it imports, and that nothing stands in its way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import planner

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("mlflow", "torch", "langgraph", "scipy", "sklearn", "numpy", "pandas", "matplotlib", "pydantic")
FUNCTIONS = {"calibrate", "check", "explain", "judge", "load_program", "open_home", "plan", "what_if"}
TYPES = {"Program", "Verdict", "Decision", "Override", "Experiment", "MetricLog"}


def in_a_new_process(code: str) -> str:
    """What code prints in a process that has imported nothing yet."""
    words = [sys.executable, "-c", code]
    return subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()


def test_the_public_names_are_those_that_the_page_on_them_lists() -> None:
    page = (ROOT / "docs" / "public.md").read_text()
    assert [name for name in planner.__all__ if f"`{name}`" not in page] == []
    assert set(planner.__all__) >= FUNCTIONS | TYPES | {"testing"}
    assert planner.__all__ == sorted(planner.__all__)


@pytest.mark.parametrize("name", planner.__all__)
def test_a_public_name_leads_somewhere_and_dir_shows_it(name: str) -> None:
    assert getattr(planner, name) is not None
    assert name in dir(planner)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'planner' has no attribute 'jugde'"):
        planner.jugde  # noqa: B018 - the access is what is tested


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = f"import sys, planner; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert in_a_new_process(code) == "[]"


def test_judging_a_list_of_rows_imports_neither_stores_nor_pandas_nor_torch() -> None:
    code = (
        "import sys, planner\n"
        "program = planner.load_program('tests/programs/dropout.yaml')\n"
        "rows = [{'arm': a, 'seed': s, 'val_accuracy': v + s / 100}\n"
        "        for a, v in (('plain', 0.9), ('dropout', 0.95)) for s in range(3)]\n"
        "program.judge(rows)\n"
        "print([n for n in ('mlflow', 'torch', 'langgraph', 'sklearn', 'pandas') if n in sys.modules])"
    )
    assert in_a_new_process(code) == "[]"


def test_no_room_or_module_beside_the_rooms_has_the_name_of_something_public() -> None:
    """Importing one would set an attribute of the package, and take the public name's place."""
    folder = ROOT / "planner"
    modules = {path.stem for path in folder.glob("*.py")} | {p.name for p in folder.iterdir() if p.is_dir()}
    assert modules & set(planner.__all__) == {"testing"}


def test_the_functions_are_still_there_when_every_room_has_been_imported() -> None:
    code = (
        "import importlib, pkgutil, planner\n"
        "for module in pkgutil.iter_modules(planner.__path__):\n"
        "    importlib.import_module(f'planner.{module.name}')\n"
        f"print(sorted(n for n in {sorted(FUNCTIONS)!r} if not callable(getattr(planner, n))))"
    )
    assert in_a_new_process(code) == "[]"
