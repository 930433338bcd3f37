"""The house as it stands: rooms, floors, fence, page and names, each held against the tree."""

from __future__ import annotations

import ast
import importlib.util
import re
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLANNER = ROOT / "planner"
MOST_MODULES = 20
LONGEST_FUNCTION = 40
LONGEST_FILE = 250
LONG_FILES = {
    "planner/language/program.py": "every key of a program file, with its checks, in one place",
    "planner/language/criterion.py": "every kind of criterion: its keys, its checks, its arms",
    "planner/records/verdict.py": "one record and its parts, most of it what their fields mean",
    "planner/deciding/walk.py": "one walk over the phases",
    "planner/deciding/triage.py": "one table of what follows from a verdict",
    "planner/io/journal/journal.py": "one port: every method of the journal",
    "planner/io/mlflow/client.py": "the one door to MLflow's client",
    "planner/io/store/run_store.py": "one port: every method of the store of runs",
    "planner/io/store/record_store.py": "one port: every method of the store of records",
    "planner/io/commands/session.py": "one port: everything that the loop does to the world",
    "planner/io/commands/person.py": "what a person may write down, with the same checks",
    "planner/io/doctor/records.py": "both copies of a record, compared and mended",
}
"""Files over the limit, with the reason."""
NO_IDENTIFIERS = frozenset({"told", "found", "place", "way", "known", "asked"})
SERIALIZED = frozenset({"asked"})
"""Fields of records under their serialized names: attributes may have them, variables may not."""
PART_OF_AN_IDENTITY = frozenset(
    {"experiments/contract.py", "experiments/parts/tables.py", "experiments/parts/watchdog.py"}
)
"""Users' own experiments import these: their syntax is part of what those experiments' runs are known by."""


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


architecture = _load(ROOT / "docs" / "make_architecture.py")
HOUSE = architecture.read_house()
MODULES: list[Path] = architecture.module_files()


def _functions(paths: Iterable[Path]) -> Iterator[tuple[str, int]]:
    """(where, lines) of every function, its docstring left out: that takes nobody time to follow."""
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                text = node.body[0] if ast.get_docstring(node) is not None else None
                lines = (node.end_lineno or 0) - node.lineno + 1
                documented = (text.end_lineno or 0) - text.lineno + 1 if text is not None else 0
                yield f"{path.relative_to(ROOT)}:{node.name}", lines - documented


def test_every_module_of_the_planner_lies_in_a_room_of_a_floor() -> None:
    rooms = {architecture.room_of(path) for path in MODULES} - {"__init__", *architecture.LOOSE}
    assert rooms == set(HOUSE.rooms)


def test_imports_go_down_only() -> None:
    floors = {room: HOUSE.floor_of(room) for room in HOUSE.rooms}
    upward = [(a, b) for a, b in HOUSE.arrows if floors[a] <= floors[b]]
    assert upward == []


@pytest.mark.parametrize("room", HOUSE.rooms)
def test_the_fence_of_a_room_is_what_the_floors_say(room: str) -> None:
    assert (PLANNER / room / "ruff.toml").read_text() == architecture.fence_of(HOUSE, room)


@pytest.mark.parametrize("room", HOUSE.rooms)
def test_a_room_says_what_it_promises_its_public_names_and_what_it_never_imports(room: str) -> None:
    text = ast.get_docstring(ast.parse((PLANNER / room / "__init__.py").read_text())) or ""
    heading, _, rest = text.partition("\n\n")
    promise, _, ends = rest.partition("\n\n")
    names = re.findall(r"``(\w+)``", ends.partition("Never imports:")[0])
    assert ": " in heading
    assert promise
    assert ends.startswith("Public names: ")
    assert "Never imports: " in ends
    assert 1 <= len(names) <= 4
    assert set(names) <= _defined_in(PLANNER / room)


def _defined_in(folder: Path) -> set[str]:
    names: set[str] = set()
    for path in folder.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                names.add(node.name)
            elif isinstance(node, ast.Assign):
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def test_no_folder_holds_more_modules_than_one_sees_at_a_glance() -> None:
    folders = Counter(path.parent for path in MODULES if path.stem != "__init__")
    assert {str(folder): n for folder, n in folders.items() if n > MOST_MODULES} == {}


def test_the_page_and_its_picture_show_the_house_as_it_stands() -> None:
    page = architecture.PAGE.read_text()
    assert page == architecture.page_with_tables(page, HOUSE)
    picture = architecture.PICTURE.read_text()
    assert [room for room in HOUSE.rooms if f">{room}<" not in picture] == []


def test_no_two_public_classes_of_the_planner_share_a_name() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def test_functions_and_files_are_small() -> None:
    lengths = dict(_functions(MODULES))
    experiments = dict(_functions((ROOT / "experiments").rglob("*.py")))
    everywhere = {**lengths, **experiments}
    assert {name: n for name, n in everywhere.items() if n > LONGEST_FUNCTION} == {}
    assert statistics.median(lengths.values()) <= 8
    long = {str(p.relative_to(ROOT)) for p in MODULES if len(p.read_text().splitlines()) > LONGEST_FILE}
    assert long == set(LONG_FILES)


def test_identifiers_are_words_of_the_field() -> None:
    used: dict[str, set[str]] = {}
    folders = ("planner", "experiments", "tests", "benchmarks")
    for path in (p for folder in folders for p in (ROOT / folder).rglob("*.py")):
        name = str(path.relative_to(ROOT))
        words = NO_IDENTIFIERS & set(_identifiers(ast.parse(path.read_text())))
        if words and name not in PART_OF_AN_IDENTITY:
            used[name] = words
    assert used == {}


def _identifiers(tree: ast.AST) -> Iterator[str]:
    fields = {
        id(field.target)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for field in node.body
        if isinstance(field, ast.AnnAssign)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            if not (id(node) in fields and node.id in SERIALIZED):
                yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Attribute):
            if node.attr not in SERIALIZED:
                yield node.attr
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
