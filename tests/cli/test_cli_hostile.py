"""Words on the command line, files and folders that mean harm: one sentence, and nothing is touched."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from planner.io.programs.loader import MOST_BYTES
from tests.promises.fuzz.commands import run_here
from tests.promises.fuzz.hostile import TEXTS
from tests.promises.fuzz.judge import faults_of
from tests.support.small_homes import QUICK, contents, make_home

WORDS = [t.encode("utf-8", "replace").decode() for t in TEXTS if t and "\x00" not in t]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home in which nothing has run; whatever lies around it stays as it is."""
    made = make_home(tmp_path / "home", QUICK)
    (tmp_path / "beside").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("PHASEGATE_HOME", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield made
    assert list((tmp_path / "beside").iterdir()) == []
    assert list((tmp_path / "here").iterdir()) == []


IN_TURN = [pytest.mark.slow, pytest.mark.in_turn]


@pytest.mark.parametrize(
    "word",
    [word if i % 6 == 5 else pytest.param(word, marks=IN_TURN) for i, word in enumerate(WORDS)],
)
def test_no_word_does_more_than_be_refused(home: Path, word: str) -> None:
    before = contents(home)
    for words in (
        ("status", word),
        ("check", word),
        ("memo", "quick", word),
        ("explain", "quick", "--phase", word),
        ("explain", "quick", "--decision", word),
        ("explain", "quick", "--why-not", word),
        ("explain", "quick", "--format", word),
        ("graph", word),
        ("override", "quick", word, "--choose", word, "--reason", word),
        ("override", "quick", "--revoke", word, "--reason", "r"),
        ("override", "quick", "first", "--choose", "x", "--reason", "r", "--expires", word),
        ("exclude", f"{word}!", "--reason", word),
        ("init", word),
    ):
        reply = run_here(words, home)
        assert list(faults_of(words, reply)) == [], (words, reply.err)
        assert reply.code in (0, 2, 65), (words, reply.err)
        if word not in ("con", "null", "true", "nan", "inf", "phase", "decision", "run"):  # names of programs
            assert contents(home) == before or words[0] == "init", words
        before = contents(home)


@pytest.mark.parametrize(
    "words",
    [
        ("graph", "quick", "--out"),
        ("graph", "quick", "--format", "svg", "--out"),
        ("knowledge", "quick", "--format", "mermaid", "--out"),
        ("knowledge", "quick", "--format", "png", "--out"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("target", ["", ".", "none/x", "knowledge", "experiments/quick.py/x"])
def test_a_file_that_cannot_be_written_is_told_in_a_sentence(
    home: Path, words: tuple[str, ...], target: str
) -> None:
    before = contents(home)
    reply = run_here((*words, str(home / target) if target else ""), home)
    assert reply.code == 2
    assert list(faults_of(words, reply)) == []
    assert "--out" in reply.err
    assert contents(home) == before


def put(home: Path, kind: str) -> None:
    path = home / "knowledge" / "programs" / "odd.yaml"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "circle":
        path.symlink_to(path)
    elif kind == "nowhere":
        path.symlink_to(home / "none.yaml")
    elif kind == "outside":
        path.symlink_to("/etc/passwd")
    elif kind == "large":
        path.write_bytes(b"x: 1\n" * (MOST_BYTES // 2))
    elif kind == "deep":
        path.write_bytes(b"[" * 100_000)
    elif kind == "laughs":
        lines = [b"a: &a [x, x]", *(b"b%d: &b%d [*a, *a]" % (i, i) for i in range(99))]
        path.write_bytes(b"\n".join(lines))
    elif kind == "bytes":
        path.write_bytes(b"\xff\xfe\x00program: odd")
    else:
        path.write_bytes(b"program: odd\nquestion: \x00\x1b[2J")


@pytest.mark.parametrize(
    "kind",
    [
        *("pipe", "folder", "device", "circle", "nowhere", "outside"),
        *("large", "deep", "laughs", "bytes", "nul"),
    ],
)
def test_what_is_no_program_is_told_and_the_others_are_shown(home: Path, kind: str) -> None:
    put(home, kind)
    for words in (("status",), ("programs", "--json"), ("check",), ("status", "odd"), ("knowledge",)):
        reply = run_here(words, home)
        assert list(faults_of(words, reply)) == [], reply.err
        assert reply.code == 65, reply.err
        assert "odd.yaml" in reply.err
    assert "quick" in run_here(("status",), home).out


def test_a_home_of_which_no_folder_can_have_the_name_is_not_there(home: Path) -> None:
    for name in ("a" * 5000, "a/" * 3000):
        reply = run_here(["status", "--home", name], home)
        assert reply.code == 2
        assert "is not there" in reply.err


def test_a_rules_file_may_be_anything(home: Path) -> None:
    for kind in ("pipe", "folder", "device", "outside", "deep"):
        put(home, kind)
        path = home / "knowledge" / "programs" / "odd.yaml"
        words = ("replay", "quick", "--rules", str(path))
        reply = run_here(words, home)
        assert reply.code == 65, reply.err
        assert list(faults_of(words, reply)) == []
        path.rmdir() if path.is_dir() else path.unlink()


def test_a_formula_in_a_text_is_drawn_as_text(home: Path) -> None:
    path = home / "knowledge" / "programs" / "quick.yaml"
    program = yaml.safe_load(path.read_text())
    program["question"] = program["phases"]["first"]["question"] = "$\\frac{ costs_{ $5 or ^$?"
    program["metrics"]["score"]["unit"] = "$\\x_{"
    path.write_text(yaml.safe_dump(program, sort_keys=False))
    for words in (("graph", "quick"), ("knowledge", "quick")):
        reply = run_here((*words, "--format", "svg", "--out", str(home / "drawn.svg")), home)
        assert reply.code == 0, reply.err
        assert "costs" in (home / "drawn.svg").read_text() or (home / "drawn.svg").stat().st_size > 1000


# --- a journal that was tampered with --------------------------------------------------------------


@pytest.mark.parametrize("body", ["", "{", "[]", "5", "null", "[" * 100_000, '{"id": "v-1"}', "\x1b[2J\n\n"])
def test_a_damaged_record_is_told_in_a_sentence(home: Path, body: str) -> None:
    from planner.io.journal.journal import Journal

    Journal(home / "mlruns" / "journal.db").note_described({})
    with closing(sqlite3.connect(home / "mlruns" / "journal.db")) as db, db:
        db.execute(
            "INSERT INTO records (id, kind, program, phase, fidelity, at, body) "
            "VALUES ('v-1', 'verdict', 'quick', 'first', 'standard', '2026-01-01', ?)",
            (body,),
        )
    for words in (("status", "quick"), ("explain", "quick", "--json"), ("graph", "quick")):
        reply = run_here(words, home)
        assert reply.code == 65, reply.err
        assert list(faults_of(words, reply)) == [], reply.err


@pytest.mark.parametrize(
    "body", ["", "5", "[]", "{", "[" * 100_000, '{"stamps": 5}', '{"stamps": {"a\\u0000": 1}}']
)
def test_what_the_journal_says_of_an_experiment_counts_only_where_it_can_be_read(
    home: Path, body: str
) -> None:
    from planner.io.commands.open_home import code_of
    from planner.io.journal.journal import Journal
    from planner.io.programs.loader import load_program
    from planner.io.workers.descriptions import known_descriptions
    from planner.paths import Home
    from planner.records.base import digest_of

    program = load_program(home / "knowledge" / "programs" / "quick.yaml")
    journal, code = Journal(home / "mlruns" / "journal.db"), code_of(Home(home), program)
    good = json.dumps({"config": {}, "data_name": "x", "data_digest": "y"})
    keys = {
        arm: digest_of([code, "quick", program.params("first", arm), "standard"]) for arm in ("base", "worse")
    }
    journal.note_described({keys["base"]: good, keys["worse"]: body})
    assert set(known_descriptions(program, code, journal)) == {
        (phase, arm, "standard") for phase, arm in (("first", "base"), ("second", "base"))
    }
