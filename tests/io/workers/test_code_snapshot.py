"""The code of a command's runs is kept as it was read, and workers import it from there."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from experiments.frozen import FrozenModules
from planner.io.workers.code_digest import Code, read_experiment
from planner.io.workers.code_snapshot import keep_code
from planner.paths import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("from mine.signs import SIGN\n")
    (tmp_path / "mine" / "signs.py").write_text("SIGN = 1\n")
    (tmp_path / "experiments" / "made.py").write_text("from mine import SIGN\n")
    return Home(tmp_path)


def kept(home: Home) -> Path:
    folder = keep_code(home, read_experiment(home.experiments, "made"))
    assert folder is not None
    return folder


def test_every_module_is_kept_as_it_was_with_the_place_of_its_own_file(home: Home) -> None:
    folder = kept(home)
    index = json.loads((folder / "modules.json").read_text())
    assert set(index) >= {"experiments.made", "mine", "mine.signs"}
    assert index["mine.signs"] == str(home.root / "mine" / "signs.py")
    assert (folder / "mine.signs.py").read_text() == "SIGN = 1\n"


def test_a_module_is_imported_as_it_was_kept_under_its_own_name_and_file(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = kept(home)
    (home.root / "mine" / "signs.py").write_text("SIGN = -1\n")
    monkeypatch.setattr(sys, "meta_path", [FrozenModules(folder), *sys.meta_path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    module = importlib.import_module("mine.signs")
    assert (module.SIGN, module.__name__, module.__package__) == (1, "mine.signs", "mine")
    assert module.__file__ == str(home.root / "mine" / "signs.py")
    assert sys.modules["mine"].__path__ == [str(home.root / "mine")]
    assert FrozenModules(folder).find_spec("json", None) is None


def test_the_same_code_is_kept_once_and_what_was_left_half_written_is_removed(home: Home) -> None:
    folder = kept(home)
    half = folder.parent / "0123-77.part"
    half.mkdir()
    written = (folder / "modules.json").stat().st_mtime_ns
    assert kept(home) == folder
    assert (folder / "modules.json").stat().st_mtime_ns == written
    assert not half.exists()


def test_a_home_that_was_copied_imports_its_own_files(
    home: Home, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kept(home)
    copy = Home(tmp_path_factory.mktemp("copies") / "a copy")
    shutil.copytree(home.root, copy.root)
    index = json.loads((kept(copy) / "modules.json").read_text())
    assert index["mine.signs"] == str(copy.root / "mine" / "signs.py")


def test_programs_that_keep_their_code_at_once_do_not_take_each_others(home: Home) -> None:
    for number in range(6):
        (home.experiments / f"made_{number}.py").write_text(f"from mine import SIGN\nNUMBER = {number}\n")
    codes = [read_experiment(home.experiments, f"made_{number}") for number in range(6)] * 5
    with ThreadPoolExecutor(6) as pool:
        folders = list(pool.map(lambda code: keep_code(home, code), codes))
    assert len(set(folders)) == 6
    for code, folder in zip(codes, folders, strict=True):
        assert folder is not None
        assert set(json.loads((folder / "modules.json").read_text())) == set(code.modules)


def test_a_command_has_no_modules_to_keep(home: Home) -> None:
    assert keep_code(home, Code("0123")) is None
    assert [path.name for path in home.code("0123").glob("*.py")] == []
