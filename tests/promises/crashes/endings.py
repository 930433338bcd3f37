"""How an advance ended, told so that two homes can be compared, and what must hold of any ending.

Only times, durations, run ids and what is named by a digest of them (records, the evidence of a verdict) may
differ between an unbroken life and one with crashes. Run ids are not wiped out but replaced by what they name
(phase, arm, seed), so that a run in the wrong place still shows.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.promises.crashes.mortal_homes import PROGRAM, workers_of

RUN_ID = re.compile(r"\b[0-9a-f]{32}\b")
RECORD_ID = re.compile(r"\b([vdorxk])-[0-9a-f]{16}\b")
EVIDENCE = re.compile(r'(evidence_digest": "|evidence `)[0-9a-f]{16}')
TIME = re.compile(r"\b\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?)?\b")
DURATION = re.compile(r"\b\d+(\.\d+)? (s|min|h)\b")
LAUNCHES = ("run_phase", "add_seeds", "run_diagnostic")


@dataclass(frozen=True)
class Store:
    """MLflow's own tables: run id -> status, tags, parameters, metrics."""

    status: dict[str, str]
    tags: dict[str, dict[str, str]]
    params: dict[str, dict[str, str]]
    metrics: dict[str, dict[tuple[str, int], float]]

    @property
    def runs(self) -> list[str]:
        """The runs of arms, of whatever outcome."""
        return [run for run, tags in self.tags.items() if tags.get("planner.kind") == "run"]

    @property
    def repeats(self) -> list[str]:
        """The runs that were made a second time, and came to their end."""
        probes = [run for run, tags in self.tags.items() if tags.get("planner.kind") == "probe"]
        return [run for run in probes if self.tags[run].get("planner.outcome") == "ok"]

    @property
    def finished(self) -> list[str]:
        """The runs that measured what they should."""
        return [run for run in self.runs if self.tags[run].get("planner.outcome") == "ok"]

    def name(self, run: str) -> str:
        """What a run measures."""
        tags = self.tags[run]
        return f"<{tags['planner.phase']}/{tags['planner.arm']}/{tags['planner.seed']}>"


def read_store(home: Path) -> Store:
    """Reads MLflow's SQLite tables as they are."""
    with closing(sqlite3.connect(home / "mlruns" / "mlflow.db")) as db:
        status = dict(db.execute("SELECT run_uuid, status FROM runs"))
        tables: dict[str, dict[str, dict[Any, Any]]] = {}
        for table in ("tags", "params"):
            tables[table] = {run: {} for run in status}
            for run, key, value in db.execute(f"SELECT run_uuid, key, value FROM {table}"):
                tables[table][run][key] = value
        metrics: dict[str, dict[tuple[str, int], float]] = {run: {} for run in status}
        for run, key, step, value in db.execute("SELECT run_uuid, key, step, value FROM metrics"):
            assert (key, step) not in metrics[run], f"{key} at step {step} is there twice in run {run}"
            metrics[run][key, step] = value
    return Store(status, tables["tags"], tables["params"], metrics)


def read_records(home: Path) -> list[tuple[str, str, dict[str, Any], bool]]:
    """(kind, phase, content, mirrored) of every record in the journal, in order."""
    with closing(sqlite3.connect(home / "mlruns" / "journal.db")) as db:
        rows = db.execute("SELECT kind, phase, body, mirrored FROM records ORDER BY position").fetchall()
    return [(kind, phase, json.loads(body), bool(mirrored)) for kind, phase, body, mirrored in rows]


def results_to_adopt(home: Path) -> list[str]:
    """The runs in progress that left a complete result and that MLflow knows of."""
    journal = home / "mlruns" / "journal.db"
    if not journal.exists():  # and asking SQLite would make one
        return []
    with closing(sqlite3.connect(journal)) as db:
        rows = db.execute("SELECT fingerprint, folder FROM work WHERE state = 'started'").fetchall()
    firsts = [(run, folder) for run, folder in rows if not run.endswith("-repeat")]  # others are made again
    return [run for run, folder in firsts if (Path(folder) / "result.json").exists()]


def normal(text: str, store: Store) -> str:
    """A text without times, durations and names made of run ids, and with runs by what they measure."""
    text = RUN_ID.sub(lambda match: store.name(match[0]) if match[0] in store.runs else match[0], text)
    text = EVIDENCE.sub(r"\1<evidence>", text)
    text = RECORD_ID.sub(lambda match: f"<{match[1]}>", text)
    return DURATION.sub("<duration>", TIME.sub("<time>", text))


def conclusions(home: Path) -> list[str]:
    """The last verdict of every phase, and the last decision after it, whole, in the order of the way."""
    store, last = read_store(home), {}
    for kind, phase, body, _ in read_records(home):
        if kind == "verdict" or (
            kind == "decision" and body["verdict_id"] and body["action"] not in LAUNCHES
        ):
            last[phase, kind] = {**body, "seconds": None, "at": None, **_considered(body)}
    return [normal(json.dumps(last[key], indent=1, sort_keys=True), store) for key in sorted(last)]


def _considered(body: dict[str, Any]) -> dict[str, Any]:
    """The runs that counted: where a worker was killed, one more was looked at."""
    counted = []
    for arm in body.get("considered", ()):
        kept = [
            pair for pair in zip(arm["run_ids"], arm["digests"], strict=True) if pair[0] in body["run_ids"]
        ]
        counted.append([arm["arm"], kept])
    return {"considered": counted}


def memos(home: Path) -> dict[str, str]:
    """Memo file -> its text, normalised; every file that lies among the memos is named."""
    folder, store = home / "knowledge" / "memos", read_store(home)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(folder)): normal(path.read_text(), store) if path.suffix == ".md" else ""
        for path in files
    }


def measured(home: Path) -> Counter[str]:
    """What finished runs hold in MLflow, as often as it is there."""
    store = read_store(home)
    contents = [
        (store.name(run), sorted(store.params[run].items()), sorted(store.metrics[run].items()))
        for run in store.finished
    ]
    return Counter(repr(one) for one in contents)


def began(home: Path) -> Counter[str]:
    """(arm and seed) -> how often the experiment itself says that it began."""
    path = home / "begun"
    return Counter(path.read_text().split()) if path.exists() else Counter()


def assert_ended_well(home: Path, unbroken: Path, most_again: int) -> None:
    """Everything that must hold when an advance has come to its end, whatever happened before.

    Args:
        most_again: how many runs may have been begun once more, because they were cut off.
    """
    store = read_store(home)
    assert conclusions(home) == conclusions(unbroken)
    assert memos(home) == memos(unbroken)
    assert set(began(home)) == set(began(unbroken))
    assert measured(home) == measured(unbroken), "a finished run is lost, is there twice, or differs"
    again = began(home) - began(unbroken)
    assert len(store.repeats) == len(read_store(unbroken).repeats) == 1
    assert began(home) - again == began(unbroken), "a run was not made"
    assert again.total() <= most_again, f"made again: {again}"
    assert_nothing_left(home, store)


def assert_nothing_left(home: Path, store: Store) -> None:
    """Nothing is open, unmirrored, unsettled, alive or lying about."""
    assert [
        run
        for run, status in store.status.items()
        if status == "RUNNING" and "planner.record_id" not in store.tags[run]
    ] == []
    assert [run for run in store.runs if "planner.outcome" not in store.tags[run]] == []
    assert [body["id"] for _, _, body, mirrored in read_records(home) if not mirrored] == []
    held = Counter(tags["planner.record_id"] for tags in store.tags.values() if "planner.record_id" in tags)
    assert held == Counter({body["id"] for _, _, body, _ in read_records(home)}), (
        "MLflow and the journal differ"
    )
    with closing(sqlite3.connect(home / "mlruns" / "journal.db")) as db:
        open_work = db.execute(
            "SELECT fingerprint, state FROM work WHERE state NOT IN ('finished', 'abandoned')"
        )
        assert open_work.fetchall() == []
    assert workers_of(home) == []
    assert [p.name for p in (home / "mlruns" / "work").glob(f"{PROGRAM}/*")] == []
    assert [
        p.name for p in home.rglob("*") if p.suffix == ".part" or p.name.startswith("journal.db.rebuilding")
    ] == []
