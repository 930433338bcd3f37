"""The code of runs is written down as files that a person can read, without what is not for others."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from planner.io.workers.code_digest import read_command, read_experiment, with_files
from planner.io.workers.code_snapshot import keep_code
from planner.io.workers.readable_code import MANIFEST, write_readable
from planner.paths import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    (home.experiments).mkdir(parents=True)
    (home.root / "helpers.py").write_text("SIGN = 1\n")
    (home.experiments / "made.py").write_text(
        "from experiments.contract import Config\nfrom helpers import SIGN\n"
    )
    return home


def written(home: Home, *depends: str) -> tuple[Path, dict[str, object]]:
    code = with_files(home.root, read_experiment(home.experiments, "made"), depends)
    folder = home.root.parent / "kept"
    write_readable(home.root, code, (), folder)
    return folder, json.loads((folder / MANIFEST).read_text())


def test_each_module_has_the_name_that_it_has_in_the_home(home: Home) -> None:
    folder, manifest = written(home)
    assert (folder / "helpers.py").read_text() == "SIGN = 1\n"
    assert (folder / "experiments" / "made.py").read_bytes() == (home.experiments / "made.py").read_bytes()
    assert (folder / "experiments" / "contract.py").is_file()  # of the package, where the home has none
    assert set(manifest["files"]) == {  # type: ignore[call-overload]
        "helpers.py",
        "experiments/made.py",
        "experiments/contract.py",
    }
    assert manifest["left_out"] == {}


def test_what_git_ignores_settings_and_data_are_left_out_and_it_is_said_why(home: Home) -> None:
    (home.root / ".gitignore").write_text("private.json\n")
    for name in ("private.json", ".env", "sub/.env.local", "table.csv", "notes.json"):
        (home.root / name).parent.mkdir(exist_ok=True)
        (home.root / name).write_text("x")
    (home.root / "table.csv").write_bytes(b"0" * 1_000_001)
    subprocess.run(["git", "init", "-q", str(home.root)], check=True)
    folder, manifest = written(home, "*.json", ".env", "sub/.env.local", "*.csv")
    assert (folder / "notes.json").is_file()
    left_out = manifest["left_out"]
    assert isinstance(left_out, dict)
    assert set(left_out) == {"private.json", ".env", "sub/.env.local", "table.csv"}
    assert left_out["private.json"] == "git ignores it"
    assert not any((folder / name).exists() for name in left_out)


def test_a_home_that_git_ignores_as_a_whole_keeps_its_code(home: Home) -> None:
    outer = home.root.parent
    (outer / ".gitignore").write_text("home/\n")
    subprocess.run(["git", "init", "-q", str(outer)], check=True)
    assert written(home)[1]["left_out"] == {}


def test_secrets_of_the_environment_are_masked(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_API_KEY", "hunter2hunter2")
    (home.root / "helpers.py").write_text("SIGN, KEY = 1, 'hunter2hunter2'\n")
    folder, _ = written(home)
    assert (folder / "helpers.py").read_text() == "SIGN, KEY = 1, '***'\n"


def test_a_command_is_kept_with_its_files_and_words(home: Home) -> None:
    (home.root / "train.py").write_text("print('{}')\n")
    words = ("python", "train.py", "--api-key", "hunter2hunter2", "{params}")
    code = read_command(home.root, words)
    assert keep_code(home, code, words) is None
    folder = home.readable_code(code.digest)
    assert (folder / "train.py").read_text() == "print('{}')\n"
    assert json.loads((folder / MANIFEST).read_text())["command"][2:4] == ["--api-key", "***"]


def test_code_that_an_earlier_version_kept_is_made_readable(home: Home) -> None:
    code = read_experiment(home.experiments, "made")
    keep_code(home, code)
    readable = home.readable_code(code.digest)
    for path in sorted(readable.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    readable.rmdir()
    keep_code(home, code)
    assert (readable / "experiments" / "made.py").is_file()
