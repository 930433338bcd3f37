"""The digest of an experiment's code: what it does counts, what is said about it does not."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from experiments.watched import state_of
from planner.errors import ProgramError
from planner.io.workers.code_digest import read_command, read_experiment
from planner.records.base import digest_of

CODE = '''
"""What it measures."""
from experiments.parts import noise


def run(config, seed, log):
    """Runs."""
    log.metric("score", noise.of(seed))  # one value
'''


@pytest.fixture
def experiments(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").write_text("")
    (tmp_path / "parts" / "noise.py").write_text("def of(seed):\n    return seed\n")
    (tmp_path / "made.py").write_text(CODE)
    return tmp_path


def code_digest(experiments: Path, name: str) -> str:
    return read_experiment(experiments, name).digest


def rewritten(experiments: Path, old: str, new: str, file: str = "made.py") -> str:
    path = experiments / file
    path.write_text(path.read_text().replace(old, new))
    return read_experiment(experiments, "made").digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""What it measures."""', '"""Says something else."""'),
        ('    """Runs."""\n', ""),
        ("# one value", "# a single value"),
        ('"score"', "'score'"),
        ("\n\n\n", "\n\n\n\n\n"),
    ],
)
def test_comments_docstrings_and_layout_are_no_part_of_it(experiments: Path, old: str, new: str) -> None:
    before = read_experiment(experiments, "made").digest
    assert rewritten(experiments, old, new) == before


@pytest.mark.parametrize(("old", "new"), [("noise.of(seed)", "noise.of(seed) + 1"), ('"score"', '"loss"')])
def test_what_the_code_does_is_part_of_it(experiments: Path, old: str, new: str) -> None:
    before = read_experiment(experiments, "made").digest
    assert rewritten(experiments, old, new) != before


@pytest.mark.parametrize(
    "line",
    [
        "from experiments.parts import noise",
        "import experiments.parts.noise as noise",
        "from .parts import noise",
        "from experiments.parts.noise import of",
    ],
)
def test_the_parts_that_it_imports_are_part_of_it(experiments: Path, line: str) -> None:
    before = rewritten(experiments, "from experiments.parts import noise", line)
    assert rewritten(experiments, "return seed", "return seed + 1", "parts/noise.py") != before


def test_parts_that_it_does_not_import_are_no_part_of_it(experiments: Path) -> None:
    before = read_experiment(experiments, "made").digest
    (experiments / "other.py").write_text("print('hello')\n")
    assert read_experiment(experiments, "made").digest == before


def test_the_installed_package_of_parts_adds_no_code_to_experiments_that_bring_their_own() -> None:
    package = Path(__file__).parents[3] / "experiments" / "parts" / "__init__.py"
    assert ast.parse(package.read_text()).body == [], "a docstring here would make runs of every home stale"


def test_parts_that_import_each_other_end(experiments: Path) -> None:
    assert rewritten(experiments, "def of", "from experiments import made\n\n\ndef of", "parts/noise.py")


def test_a_missing_or_broken_experiment_is_named(experiments: Path) -> None:
    with pytest.raises(ProgramError, match="there is no experiments/gone.py"):
        read_experiment(experiments, "gone")
    (experiments / "made.py").write_text("def run(:\n")
    with pytest.raises(ProgramError, match="made.py is not valid Python"):
        read_experiment(experiments, "made")


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("import signs", "signs.py"),
        ("from signs import SIGN", "signs.py"),
        ("import mine.deep.signs", "mine/deep/signs.py"),
        ("from mine.deep import signs", "mine/deep/signs.py"),
        ("from mine.deep import signs", "mine/__init__.py"),
        ("from mine import inner", "mine/deep/signs.py"),
    ],
)
def test_modules_of_the_home_that_it_imports_are_part_of_it(tmp_path: Path, line: str, file: str) -> None:
    experiments = tmp_path / "experiments"
    (tmp_path / "mine" / "deep").mkdir(parents=True)
    experiments.mkdir()
    for name in ("signs.py", "mine/__init__.py", "mine/deep/__init__.py", "mine/deep/signs.py"):
        (tmp_path / name).write_text("SIGN = 1\n")
    (tmp_path / "mine" / "inner.py").write_text("from .deep import signs\n")
    (experiments / "made.py").write_text(f"{line}\n")
    before = read_experiment(experiments, "made").digest
    (tmp_path / file).write_text("SIGN = -1\n")
    assert read_experiment(experiments, "made").digest != before


@pytest.mark.parametrize("name", ["json", "numpy", "planner"])
def test_what_is_imported_from_elsewhere_is_no_part_of_it_though_the_home_has_the_name(
    tmp_path: Path, name: str
) -> None:
    experiments = tmp_path / "experiments"
    experiments.mkdir()
    (experiments / "made.py").write_text(f"import {name}\n")
    before = read_experiment(experiments, "made").digest
    (tmp_path / f"{name}.py").write_text("SIGN = 1\n")
    assert read_experiment(experiments, "made").digest == before


def test_a_command_is_its_words_and_the_files_below_the_home_that_they_name(tmp_path: Path) -> None:
    words = ["python", "src/train.py", "--lr", "0.1"]
    plain = read_command(tmp_path, words)
    assert plain.digest == digest_of(["command", *words])  # as earlier versions named it
    (tmp_path / "src").mkdir()
    script = tmp_path / "src" / "train.py"
    script.write_text("a = 1\n")
    first = read_command(tmp_path, words)
    assert first.files == {str(script): state_of(script)}
    script.write_text("a = 2\n")
    assert len({plain.digest, first.digest, read_command(tmp_path, words).digest}) == 3


@pytest.mark.parametrize("word", ["/etc/passwd", "../outside.py", "", "a" * 5000, "x\0y"])
def test_a_word_that_names_no_file_below_the_home_is_a_word(tmp_path: Path, word: str) -> None:
    (tmp_path / "outside.py").write_text("")
    home = tmp_path / "home"
    home.mkdir()
    assert read_command(home, ["python", word]).files == {}
