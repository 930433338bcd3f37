"""A dry run says why runs that are there would be made again, before an hour of computing is spent on it."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from planner.io.workers.code_digest import Code, read_command, read_experiment
from tests.support.small_homes import QUICK, cli, put_into_experiment

pytestmark = pytest.mark.slow
HELPER = "SHIFT = 0.0\n"
SCRIPT = """
import json, pathlib, sys
score = 1.0 if "better" in sys.argv[1] else 0.0
pathlib.Path(sys.argv[3], "metrics.json").write_text(json.dumps({"score": score}))
"""
COMMAND = f"""
program: scripted
question: Is a larger shift better?
command: [{sys.executable}, train.py, "{{params}}", "{{seed}}", "{{out}}"]
metrics:
  score: {{unit: points, better: higher}}
arms:
  base: {{kind: base}}
  better: {{kind: better}}
phases:
  first:
    question: Is it better?
    arms: [base, better]
    factor: kind
    criteria:
      higher: {{metric: score, arm: better, versus: base, better_by: 0.2}}
    gate: [higher]
"""


@pytest.fixture
def home(fresh_home: Callable[..., Path]) -> Path:
    """A home with six runs of an experiment that imports a module beside it and reads a file."""
    home = fresh_home(QUICK)
    (home / "helpers.py").write_text(HELPER)
    (home / "rows.csv").write_text("one")
    file = put_into_experiment(home, "\n    from helpers import SHIFT\n    noise += SHIFT")
    described = 'Data(name="made up", digest="made-up", sizes={"train": 2})'
    rows = repr(str(home / "rows.csv"))
    by_file = f'Data(name="made up", digest=open({rows}).read(), sizes={{"train": 2}}, files=({rows},))'
    text = file.read_text()
    assert described in text
    file.write_text(text.replace(described, by_file))
    reply = cli("advance", "quick", "--json", "--jobs", "1", home=home)
    assert reply.code == 0, reply.err
    return home


def made_again(home: Path, name: str) -> list[dict[str, Any]]:
    reply = cli("advance", name, "--dry-run", "--json", home=home)
    assert reply.code == 0, reply.err
    again: list[dict[str, Any]] = reply.json["again"]
    return again


def tagged_by_an_earlier_version(home: Path, code: Code) -> None:
    """Gives the runs of a home the identity that a version gave them which left files out.

    Their fingerprints were others too. The first digit always becomes another one: a run whose digit stayed
    the same would still be the planned run, and would rightly not be made again.
    """
    (earlier,) = code.earlier
    another = "CASE substr(value, 1, 1) WHEN 'a' THEN 'b' ELSE 'a' END || substr(value, 2)"
    with closing(sqlite3.connect(home / "mlruns" / "mlflow.db")) as db, db:
        db.execute("UPDATE tags SET value = ? WHERE key = 'planner.code_digest'", (earlier,))
        db.execute(f"UPDATE tags SET value = {another} WHERE key = 'planner.fingerprint'")
        db.execute("DELETE FROM tags WHERE key = 'planner.identity'")
    (home / "mlruns" / "journal.db").unlink()


def test_nothing_is_said_where_nothing_changed(home: Path) -> None:
    assert made_again(home, "quick") == []


def test_the_file_that_was_edited_is_named(home: Path) -> None:
    (home / "helpers.py").write_text("SHIFT = 0.5\n")
    assert made_again(home, "quick") == [{"runs": 6, "why": "code", "files": ["helpers.py"]}]
    assert (
        "6 runs are there and made again: the code has changed (helpers.py)\n"
        in cli("advance", "quick", "--dry-run", home=home).out
    )


def test_the_data_file_that_changed_is_named(home: Path) -> None:
    (home / "rows.csv").write_text("two")
    (one,) = made_again(home, "quick")
    assert (one["runs"], one["why"]) == (6, "data")
    assert [Path(file).name for file in one["files"]] == ["rows.csv"]


def test_a_module_that_an_earlier_version_left_out_of_the_identity_is_named(home: Path) -> None:
    tagged_by_an_earlier_version(home, read_experiment(home / "experiments", "quick"))
    assert made_again(home, "quick") == [{"runs": 6, "why": "identity", "files": ["helpers.py"]}]


def test_a_script_that_an_earlier_version_left_out_of_the_identity_is_named(
    fresh_home: Callable[..., Path],
) -> None:
    home = fresh_home(COMMAND)
    (home / "train.py").write_text(SCRIPT)
    reply = cli("advance", "scripted", "--json", "--jobs", "1", home=home)
    assert reply.code == 0, reply.err
    words = (sys.executable, "train.py", "{params}", "{seed}", "{out}")
    tagged_by_an_earlier_version(home, read_command(home, words))
    assert made_again(home, "scripted") == [{"runs": 6, "why": "identity", "files": ["train.py"]}]
    said = cli("advance", "scripted", "--dry-run", home=home).out
    assert "made again: earlier versions left out of a run's identity: train.py\n" in said
