"""What a person writes down: it is checked first, and what is refused changes nothing."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planner.errors import UsageError
from planner.io.commands.person import (
    OverrideRequest,
    exclude_run,
    keep_code,
    list_overrides,
    override_phase,
    revoke_override,
)
from planner.io.store.record_store import MlflowRecords
from planner.io.store.run_store import MlflowRuns
from planner.paths import Home
from planner.records.person import Override
from tests.support.worlds import World, scores, small

pytestmark = pytest.mark.in_turn

EXPERIMENT = Path(__file__).parents[2] / "experiments_for_tests" / "tiny.py"


@pytest.fixture
def world(new_home: Callable[[], Home], monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose first phase is judged, with its program as a file and its records in real MLflow."""
    home = new_home()
    program = small()
    home.programs.mkdir(parents=True)
    home.experiments.mkdir()
    shutil.copy(EXPERIMENT, home.experiments / "made_up.py")
    text = program.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True)
    home.program("small").write_text(text)  # JSON is YAML
    runs = MlflowRuns(home)
    runs.experiment(program)
    made = World(home.root, program, scores(), records=MlflowRecords(runs))
    made.advance(every=False)
    return made


def record_bytes(world: World) -> str:
    """A digest of the journal's records and of what MLflow holds."""
    held = sorted(world.records._recorded(world.program), key=lambda raw: raw.info.run_id)
    rows = [(raw.info.run_id, sorted(raw.data.tags.items())) for raw in held]
    bodies = [(e.position, e.record.model_dump_json()) for e in world.journal.entries("small")]
    return hashlib.sha256(repr((rows, bodies)).encode()).hexdigest()


def choose(world: World, **fields: Any) -> Override:
    given: dict[str, Any] = {"choose": "repeat", "reason": "a hunch", "by": "ada", **fields}
    phase = given.pop("phase", "first")
    return override_phase(Home(world.folder), "small", phase, OverrideRequest(**given))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"choose": "nonsense"}, "offers no 'nonsense'; it offers turn, repeat, stop"),
        ({"reason": None}, "--reason is missing"),
        ({"reason": "  "}, "--reason is missing"),
        ({"reason": "bell\x07"}, "plain text"),
        ({"reason": "x" * 3000}, "up to 2000 characters"),
        ({"by": "\x00"}, "--by takes"),
        ({"phase": "second"}, "phase 'second' is not open: it has not been judged"),
        ({"phase": "nowhere"}, "no phase 'nowhere'; it has first, second, third"),
        ({"phase": None}, "which phase of small"),
        ({"verdict": "accept"}, "say one of"),
        ({"choose": None}, "say one of"),
        ({"choose": None, "verdict": "maybe"}, "accept or reject, not 'maybe'"),
        ({"choose": None, "done": "turn"}, "nothing waits for 'turn' to be done"),
        ({"choose": None, "done": "nonsense"}, "offers no 'nonsense'"),
        ({"expires": "tomorrow"}, "takes a date such as"),
        ({"expires": "2001-01-01"}, "is not in the future"),
    ],
)
def test_what_is_refused_is_said_and_changes_nothing(world: World, fields: dict[str, Any], says: str) -> None:
    before = record_bytes(world)
    with pytest.raises(UsageError, match=says.replace("(", r"\(")):
        choose(world, **fields)
    assert record_bytes(world) == before


def test_a_choice_is_recorded_in_journal_and_mlflow_with_what_it_contradicts(world: World) -> None:
    about = world.at.decisions["first"]
    override = choose(world, reason="  a hunch  ", expires="2999-01-01")
    assert (override.contradicts, override.recommended, override.reason) == (about.id, "turn", "a hunch")
    assert world.at.pending == override
    again = MlflowRecords(world.records._runs)
    assert override.id in again.held(world.program)
    rows = list_overrides(Home(world.folder), "small", "first")
    assert [(row["id"], row["standing"]) for row in rows] == [(override.id, "in force")]


def test_a_phase_whose_decision_was_carried_out_is_not_open(world: World) -> None:
    world.advance(every=False)
    before = record_bytes(world)
    with pytest.raises(UsageError, match="has been carried out; open is second"):
        choose(world)
    assert record_bytes(world) == before
    assert choose(world, phase="second", choose="stop").phase == "second"


def test_an_override_is_revoked_once(world: World) -> None:
    home, override = Home(world.folder), choose(world)
    revoke_override(home, "small", override.id, "ada", "it was wrong")
    assert [row["standing"] for row in list_overrides(home, "small", None)] == ["revoked"]
    before = record_bytes(world)
    with pytest.raises(UsageError, match="no override .* in force; in force: none"):
        revoke_override(home, "small", override.id, "ada", "again")
    with pytest.raises(UsageError, match="no phase 'nowhere'"):
        list_overrides(home, "small", "nowhere")
    assert record_bytes(world) == before


def logged(world: World) -> str:
    """A run in MLflow."""
    runs = world.records._runs
    tags = {
        "planner.program": "small",
        "planner.phase": "first",
        "planner.arm": "new",
        "planner.seed": "0",
    }
    run_id = str(runs.client.create_run(runs.experiment(world.program), tags=tags).info.run_id)
    runs.client.set_terminated(run_id)
    return run_id


def test_a_run_is_excluded_by_the_beginning_of_its_id_and_taken_back(world: World) -> None:
    home, run = Home(world.folder), logged(world)
    with pytest.raises(UsageError, match="is not excluded, so there is nothing to take back"):
        exclude_run(home, run, None, "ada", undo=True)
    assert exclude_run(home, run[:8], "a bad machine", "ada", undo=False).run_id == run
    assert exclude_run(home, run, None, "ada", undo=True).undone


@pytest.mark.parametrize(
    ("run", "reason", "says"),
    [
        ("0123456789", "a reason", "no program has run"),
        ("abc", "a reason", "at least its first 6"),
        ("'; drop table", "a reason", "is no run id"),
        ("abcdef12", None, "--reason is missing"),
    ],
)
def test_an_exclusion_that_makes_no_sense_is_refused(
    world: World, run: str, reason: str | None, says: str
) -> None:
    before = record_bytes(world)
    with pytest.raises(UsageError, match=says):
        exclude_run(Home(world.folder), run, reason, "ada", undo=False)
    assert record_bytes(world) == before


def test_only_code_that_has_runs_and_changed_can_be_kept(world: World) -> None:
    home = Home(world.folder)
    before = record_bytes(world)
    with pytest.raises(UsageError, match="no run of small is stale because of its code"):
        keep_code(home, "small", "a rename", "ada")
    assert record_bytes(world) == before
    runs = world.records._runs
    run = logged(world)
    for name, value in {"fingerprint": "f", "code_digest": "code-1", "outcome": "ok"}.items():
        runs.client.set_tag(run, f"planner.{name}", value)
    kept = keep_code(home, "small", "a rename", "ada")
    assert kept.old == ("code-1",)


def test_while_mlflow_is_away_a_choice_is_kept_in_the_journal(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Home(world.folder).database
    database.rename(database.with_suffix(".away"))
    database.write_bytes(b"this is no database" * 100)
    override = choose(world)
    assert "recorded in the journal; MLflow is caught up at the next advance" in capsys.readouterr().err
    entry = world.journal.entries("small")[-1]
    assert (entry.record, entry.mirrored) == (override, False)
    database.with_suffix(".away").replace(database)
    world.records = MlflowRecords(MlflowRuns(Home(world.folder)))
    world.advance(every=False)
    assert world.at.decisions["first"].override_ids == (override.id,)
    assert all(e.mirrored for e in world.journal.entries("small"))
