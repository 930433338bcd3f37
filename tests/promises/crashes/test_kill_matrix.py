"""Killed for real at any durable step, the next advance ends where an unbroken one would have."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

import cli
from tests.promises.crashes.endings import (
    assert_ended_well,
    began,
    read_records,
    read_store,
    results_to_adopt,
)
from tests.promises.crashes.mortal_homes import (
    PROGRAM,
    copy_of,
    die_at,
    mortal_home,
    names_of,
    said,
    start,
    until_gone,
)
from tests.promises.crashes.points import LIVES, POINTS, Point
from tests.support.rotation import SHARES_OF_KILLS, in_turn
from tests.support.small_homes import contents

pytestmark = pytest.mark.slow

WRITES = ("journal.", "mlflow.", "file.", "worker.")
"""What makes one durable change; other names are of stretches in which several are made."""
ADVANCE = ("advance", PROGRAM, "--all", "--jobs", "1")
ACCEPT = (*ADVANCE, "--accept")
FRESH = [next(point for point in POINTS if point.life == life) for life in LIVES]
"""The points at which a fresh interpreter dies: one of each life, as a person would have started it."""
SAY = ("override", PROGRAM, "second", "--choose", "costly", "--reason", "it may help", "--by", "ana")


@dataclass(frozen=True)
class Life:
    """What is killed, and how one goes on.

    Attributes:
        make: makes the home in a folder.
        words: the command that is killed.
        again: the commands that go on; the last one is an advance.
    """

    make: Callable[[Path], Path]
    words: tuple[str, ...] = ADVANCE
    again: tuple[tuple[str, ...], ...] = (ADVANCE,)


@dataclass
class Lives:
    """The homes that a kill begins from, and those that it is compared with; each made once."""

    folder: Path

    def one(self, name: str, make: Callable[[Path], Path]) -> Path:
        """A home under a name, made when it is first asked for."""
        home = self.folder / name
        return home if home.exists() else make(home)

    def waiting(self) -> Path:
        """A home in which ``advance --all`` has come to where a person is waited for."""
        return self.one("waiting", lambda home: advanced(mortal_home(home)))

    def life(self, name: str) -> Life:
        """The life of that name."""
        waiting = self.waiting()
        kinds = {
            "beginning": Life(mortal_home),
            "running": Life(lambda home: copy_of(self.one("described", described), home)),
            "accepting": Life(lambda home: copy_of(waiting, home), ACCEPT, (ACCEPT,)),
            "saying": Life(lambda home: copy_of(waiting, home), SAY, (SAY, ADVANCE)),
            "rebuilding": Life(lambda home: without_journal(copy_of(waiting, home))),
            "adopting": Life(lambda home: copy_of(self.one("complete", complete), home)),
            "ending orphans": Life(lambda home: copy_of(self.one("unknown", unknown), home)),
            "reaping": Life(lambda home: copy_of(self.one("cut off", cut_off), home)),
        }
        return kinds[name]

    def unbroken(self, name: str) -> Path:
        """Where a life of that name leads if nobody is killed."""
        if name not in ("accepting", "saying"):
            return self.waiting()
        life = self.life(name)
        return self.one(
            f"unbroken {name}", lambda home: advanced(life.make(home), life.words, *life.again[-1:])
        )


def advanced(home: Path, *commands: tuple[str, ...]) -> Path:
    """The home after these commands (default: ``advance --all``), each of which must end well."""
    for words in commands or (ADVANCE,):
        assert start(home, *words).wait(timeout=900) == 0, said(home)
    return home


def without_journal(home: Path) -> Path:
    for file in (home / "mlruns").glob("journal.db*"):
        file.unlink()
    return home


def described(home: Path) -> Path:
    """A home whose store is made and whose experiment has been asked; nothing else has happened."""
    assert die_at(mortal_home(home), "after journal.note_described", 1, *ADVANCE) == -signal.SIGKILL
    return home


def complete(home: Path) -> Path:
    """A home whose planner died when the second run had left its result."""
    assert die_at(mortal_home(home), "before launch > runs.finish", 2, *ADVANCE) == -signal.SIGKILL
    return home


def unknown(home: Path) -> Path:
    """A home whose planner died when MLflow knew of the second run, by then over, and the journal did not."""
    point = "after launch > runs.start > mlflow.create_run"
    assert die_at(mortal_home(home), point, 2, *ADVANCE, after_results=True) == -signal.SIGKILL
    return home


def cut_off(home: Path) -> Path:
    """A home whose planner died with its worker in the middle of the second run."""
    assert start(mortal_home(home), *ADVANCE, dies="both half -1.0 0").wait(timeout=900) == -signal.SIGKILL
    return home


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Lives:
    return Lives(tmp_path_factory.mktemp("lives"))


def may_be_made_again(home: Path) -> int:
    """How many runs may be begun once more: those that left no result, or of which MLflow knows nothing."""
    begun = began(home).total()
    store = read_store(home) if begun else None
    ended = [*store.finished, *store.repeats, *results_to_adopt(home)] if store else []
    left = begun - len(ended)
    return min(1, max(0, left))


def go_on(home: Path, life: Life) -> None:
    """The same commands as before, by the plain command line; a person says only what was not heard."""
    for words in life.again:
        heard = words is SAY and any(kind == "override" for kind, *_ in read_records(home))
        if not heard:
            advanced(home, words)


def assert_settled(home: Path) -> None:
    """A further advance does nothing."""
    shutil.rmtree(home / "mlruns" / "logs")
    before = contents(home)
    with redirect_stdout(StringIO()):
        assert not cli.app(["--home", str(home), *ADVANCE], standalone_mode=False)
    shutil.rmtree(home / "mlruns" / "logs", ignore_errors=True)
    after = contents(home)
    assert [name for name in {*before, *after} if before.get(name) != after.get(name)] == []


@pytest.mark.parametrize("point", in_turn(POINTS, SHARES_OF_KILLS), ids=str)
def test_killed_there_the_next_advance_ends_as_if_nothing_had_happened(
    lives: Lives, tmp_path: Path, point: Point
) -> None:
    life, unbroken = lives.life(point.life), lives.unbroken(point.life)
    home = life.make(tmp_path / "home")
    code = die_at(home, point.name, point.nth, *life.words, fresh=point in FRESH)
    assert code == -signal.SIGKILL, said(home)
    assert until_gone(home) == []
    allowed = may_be_made_again(home)
    go_on(home, life)
    assert_ended_well(home, unbroken, allowed)
    assert_settled(home)


@pytest.mark.in_turn
@pytest.mark.parametrize("where", ["began", "half", "measured", "result"])
@pytest.mark.parametrize("who", ["planner", "worker", "both"])
def test_planner_or_worker_or_both_killed_in_the_middle_of_a_run(
    lives: Lives, tmp_path: Path, who: str, where: str
) -> None:
    home = mortal_home(tmp_path / "home")
    code = start(home, *ADVANCE, dies=f"{who} {where} -1.0 0").wait(timeout=900)
    assert code == (0 if who == "worker" else -signal.SIGKILL), said(home)
    assert until_gone(home) == []
    advanced(home)
    assert_ended_well(home, lives.waiting(), 0 if where == "result" else 1)
    assert_settled(home)


@pytest.mark.parametrize("name", LIVES)
def test_every_sort_of_write_has_a_point_at_which_the_planner_was_killed(
    lives: Lives, tmp_path: Path, name: str
) -> None:
    life = lives.life(name)
    names = names_of(life.make(tmp_path / "home"), *life.words)
    sorts = {point.partition(" ")[2] for point in names}
    written = {sort for sort in sorts if sort.rpartition(" > ")[2].startswith(WRITES)}
    assert written - {point.sort for point in POINTS} == set()
