"""Experiments and commands that misbehave, run for real: each ends in a word, and the others go on."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.promises.fuzz.judge import CONTROL, active, faults_of
from tests.support.small_homes import cli, make_home

pytestmark = pytest.mark.slow

BAD = '''
"""Misbehaves in a way that the arm names."""
import os
import sys
from pathlib import Path

from experiments.contract import Config as BaseConfig
from experiments.contract import Data, Interrupted


class Config(BaseConfig):
    action: str = "measure"


PRESETS = {}


def describe(config):
    return Data(name="made up", digest="made-up")


def run(config, seed, log):
    actions[config.action](log)
    log.metric("score", 1.0 + seed / 10)


def shout(log):
    sys.stdout.write("\\x1b[31mx" * 1_000_000)
    sys.stderr.write("\\x1b]0;owned\\x07" * 1_000_000)


def name(log):
    log.metric("<script>|\\x1b[31m", 1.0)


def step(log):
    log.metric("score", 1.0, 10**30)


def escape(log):
    log.artifact("../../../../../owned").write_text("owned")


def links(log):
    place = log.artifact("kept.txt")
    place.write_text("kept")
    place.with_name("secret").symlink_to("/etc/passwd")
    place.with_name("circle").symlink_to(place.parent)
    os.mkfifo(place.with_name("pipe"))
    place.with_name(os.fsdecode(b"\\xff\\x1b.txt")).write_text("x")


def speak(log):
    raise ValueError("\\x1b[2J\\u202e<img src=x onerror=alert(1)> ![x] (http://127.0.0.1:9/)\\n\\n# loud")


def ramble(log):
    raise Interrupted("x" * 3_000_000)


def junk(log):
    (log.folder / "metrics.jsonl").write_text("[[[[\\n5\\n" + '["a|b", 0, 1]\\n')


def measure(log):
    pass


actions = {f.__name__: f for f in (shout, name, step, escape, links, speak, ramble, junk, measure)}
'''
ENDS = {
    **{"measure": "ok", "shout": "ok", "links": "ok", "junk": "ok"},
    **{"name": "code_error", "step": "code_error", "escape": "code_error", "speak": "code_error"},
    "ramble": "killed",
}


def program(measured_by: str, arms: dict[str, str]) -> str:
    lines = "\n".join(f"  {arm}: {{action: {action}}}" for arm, action in arms.items())
    return f"""
program: bad
question: Does anything get through?
{measured_by}
metrics:
  score: {{unit: points, better: higher}}
arms:
{lines}
phases:
  first:
    question: Does anything get through?
    arms: [{", ".join(arms)}]
    seeds: 1
    on_confound: caveat
    criteria:
      fine: {{metric: score, arm: measure, above: 0.5, treatment: point}}
    gate: [fine]
"""


def outcomes(home: Path) -> dict[str, str]:
    with closing(sqlite3.connect(home / "mlruns" / "mlflow.db")) as db:
        query = (
            "SELECT a.value, o.value FROM tags a JOIN tags o ON a.run_uuid = o.run_uuid "
            "WHERE a.key = 'planner.arm' AND o.key = 'planner.outcome'"
        )
        return dict(db.execute(query).fetchall())


def test_an_experiment_that_misbehaves_ends_in_a_word_and_touches_nothing(tmp_path: Path) -> None:
    home = make_home(tmp_path / "a" / "home", program("experiment: bad", {action: action for action in ENDS}))
    (home / "experiments" / "bad.py").write_text(BAD.lstrip())
    reply = cli("advance", "bad", "--jobs", "1", home=home, cwd=tmp_path)
    assert reply.code == 0, reply.err
    assert outcomes(home) == ENDS
    assert not CONTROL.search(reply.err + reply.out)
    assert max(map(len, reply.err.splitlines())) < 1500
    assert not list(tmp_path.rglob("*owned*"))
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    kept = {path.name for path in (home / "mlruns" / "artifacts").rglob("*") if path.is_file()}
    assert "kept.txt" in kept
    assert not kept & {"secret", "pipe"}
    for words in (
        ("memo", "bad"),
        ("explain", "bad", "--full"),
        ("status", "bad"),
        ("explain", "bad", "--json"),
    ):
        shown = cli(*words, home=home)
        assert list(faults_of(words, shown)) == []
        assert shown.code == 0, shown.err
    with closing(sqlite3.connect(home / "mlruns" / "mlflow.db")) as db:
        notes = [row[0] for row in db.execute("SELECT value FROM tags WHERE key = 'mlflow.note.content'")]
    assert len(notes) > 4
    assert [fault for note in notes for fault in active(note)] == []


SCRIPT = """
import json, os, sys
params, out = json.load(open(sys.argv[1])), sys.argv[2]
texts = {
    "measure": '{"score": 1.0}', "nan": '{"score": NaN}', "huge": '{"score": 1' + "0" * 400 + "}",
    "twice": '{"score": 1.0, "score": 2.0}', "nested": '{"score": [1.0, [2.0]]}', "deep": "[" * 100_000,
}
if params["action"] == "pipe":
    os.mkfifo(out + "/metrics.json")
else:
    open(out + "/metrics.json", "w").write(texts[params["action"]])
"""
COMMAND_ENDS = {
    **{"measure": "ok", "nan": "bad_metric", "huge": "bad_metric"},
    **{"twice": "code_error", "nested": "code_error", "deep": "code_error", "pipe": "code_error"},
}


def test_a_command_that_reports_nonsense_ends_in_a_word(tmp_path: Path) -> None:
    words = json.dumps(["python3", "measure.py", "{params}", "{out}", "; touch owned", "$(touch owned)"])
    arms = {action: action for action in COMMAND_ENDS}
    home = make_home(tmp_path / "home", program(f"command: {words}", arms))
    (home / "measure.py").write_text(SCRIPT)
    reply = cli("advance", "bad", "--jobs", "1", home=home, cwd=tmp_path)
    assert reply.code == 0, reply.err
    assert outcomes(home) == COMMAND_ENDS
    assert not list(tmp_path.rglob("owned"))
    assert list(faults_of(("memo", "bad"), cli("memo", "bad", home=home))) == []
