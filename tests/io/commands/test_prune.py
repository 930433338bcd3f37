"""``prune`` removes what nothing rests on, says how much room it took, and touches nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.io.journal.journal import Journal
from planner.io.leases.program_lock import program_lock
from planner.io.system.disk import bytes_of, in_words
from planner.paths import Home
from tests.support.cli_schemas import assert_fits
from tests.support.small_homes import QUICK, add_program, cli_here, contents

AT = "2026-01-02T03:04:05+00:00"


def put(folder: Path, size: int = 1000) -> Path:
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"x" * size)
    return folder


@pytest.fixture
def cluttered(own_home: Path) -> tuple[Path, set[str], set[str]]:
    """A home with leftovers; what of them nothing rests on, and what stays."""
    home, journal = Home(own_home), Journal(own_home / "mlruns" / "journal.db")
    done = next(w for w in journal.work("quick") if w.state == "finished")
    planned = {**done.planned, "code_digest": "c0de00000000beef"}
    journal.plan_work("f00d000000000000", 1, "quick", planned, "")
    journal.update_work("quick", "f00d000000000000", 1, state="started")
    gone = [
        put(home.run_folder("quick", done.fingerprint)),
        put(home.code("c0de00000000dead")),
        put(home.quarantine / f"20200101T000000-{done.fingerprint}"),
    ]
    kept = [
        put(home.run_folder("quick", "f00d000000000000")),
        put(home.code("c0de00000000beef")),
        put(home.code(str(done.planned["code_digest"]))) if not _has_code(home, done) else None,
        put(home.quarantine / "20200101T000000-notes"),
        put(home.work / "another" / done.fingerprint),
    ]
    return own_home, set(map(str, gone)), {str(path) for path in kept if path}


def _has_code(home: Home, work: object) -> bool:
    return home.code(str(work.planned["code_digest"])).exists()  # type: ignore[attr-defined]


def test_a_dry_run_names_what_nothing_rests_on_and_removes_nothing(
    cluttered: tuple[Path, set[str], set[str]],
) -> None:
    home, gone, _ = cluttered
    before = contents(home)
    reply = cli_here("prune", "--dry-run", "--days", "0", "--json", home=home)
    assert (reply.code, reply.err) == (0, "")
    assert_fits(reply.json, "prune")
    assert {item["path"] for item in reply.json["items"]} == gone
    assert [item["kind"] for item in reply.json["items"]] == ["work", "code", "quarantine"]
    assert (reply.json["dry_run"], reply.json["bytes"], reply.json["left_alone"]) == (True, 3000, [])
    assert contents(home) == before


def test_prune_removes_it_and_leaves_all_else_as_it_was(cluttered: tuple[Path, set[str], set[str]]) -> None:
    home, gone, kept = cluttered
    before = contents(home)
    out = cli_here("prune", "--days", "0", home=home).out.splitlines()
    assert len(out) == 4
    assert out[-1] == "removed 3 kB in all"
    after = contents(home)
    lost = {str(home / name) for name in before if name not in after}
    assert lost == gone | {f"{path}/file" for path in gone}
    assert all(Path(path).is_dir() for path in kept)
    assert [name for name in after if name in before and after[name] != before[name]] == []
    assert cli_here("prune", "--days", "0", home=home).out == "nothing to remove\n"


def test_what_was_set_aside_lately_stays(cluttered: tuple[Path, set[str], set[str]]) -> None:
    home, _, _ = cluttered
    kinds = [item["kind"] for item in cli_here("prune", "--dry-run", "--json", home=home).json["items"]]
    assert kinds == ["work", "code"]


def test_a_program_at_work_is_left_alone_and_all_code_with_it(
    cluttered: tuple[Path, set[str], set[str]],
) -> None:
    home, gone, kept = cluttered
    with program_lock(Home(home), "quick", AT):
        for words in (["--dry-run"], []):
            reply = cli_here("prune", *words, "--json", home=home).json
            assert (reply["items"], reply["left_alone"]) == ([], ["quick"])
    assert all(Path(path).is_dir() for path in gone | kept)


def test_nothing_is_removed_where_a_program_cannot_be_read(
    cluttered: tuple[Path, set[str], set[str]],
) -> None:
    home, gone, _ = cluttered
    add_program(home, QUICK.replace("program: quick", "program: broken").replace("better_by", "beter_by"))
    assert cli_here("prune", home=home).code == 65
    assert all(Path(path).is_dir() for path in gone)


def test_an_empty_home_has_nothing_to_remove(tmp_path: Path) -> None:
    assert cli_here("prune", home=tmp_path).out == "nothing to remove\n"
    assert contents(tmp_path) == {}


def test_doctor_says_how_much_room_they_take(cluttered: tuple[Path, set[str], set[str]]) -> None:
    home, _, _ = cluttered
    put(Home(home).work / "quick" / "large", 2_000_000)
    reply = cli_here("doctor", "--json", home=home).json
    assert_fits(reply, "doctor")
    assert reply["disk"]["work"] == 2_003_000
    assert reply["disk"]["quarantine"] == 2000
    assert reply["disk"]["code"] == bytes_of(Home(home).code(""))
    assert "folders of runs 2 MB, set aside 2 kB" in cli_here("doctor", home=home).out


def test_sizes_in_words() -> None:
    sizes = [0, 999, 1000, 1_234_567, 5_000_000_000]
    assert [in_words(size) for size in sizes] == ["0 B", "999 B", "1 kB", "1.23 MB", "5 GB"]
