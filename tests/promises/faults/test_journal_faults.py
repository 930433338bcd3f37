"""A journal that was deleted, emptied, cut short or altered: told, rebuilt, and nothing in it is lost."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.promises.faults.breaking import (
    database,
    found_by_doctor,
    journal_of,
    mended_by_doctor,
    nothing_is_left_to_do,
    one_sentence,
    quarantined,
    report_of,
    store_of,
)
from tests.support.small_homes import QUICK, cli, contents
from tests.support.waiting_homes import (
    ends,
    let_runs_wait,
    made,
    start,
    wait_until_started,
)

MEND = "'phasegate doctor --repair'"


@dataclass(frozen=True)
class Fault:
    """A way in which a journal breaks, and as what the doctor knows it."""

    break_it: Callable[[Path], object]
    finding: str = "journal.damaged"
    code: int = 69


def sql(statement: str) -> Callable[[Path], object]:
    def change(path: Path) -> None:
        with database(path) as db:
            assert db.execute(statement).rowcount != 0

    return change


def cut_short(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def header_lost(path: Path) -> None:
    path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])


def bits_flipped(path: Path) -> None:
    """One byte in each page's head is not what it was."""
    data = bytearray(path.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page] ^= 0xFF
    path.write_bytes(bytes(data))


def a_bit_of_a_record(path: Path) -> None:
    data = path.read_bytes()
    first = data.index(b'"outcome":"fail"')
    path.write_bytes(data[:first] + data[first:].replace(b'"outcome":"fail"', b'"outcome":"fajl"', 1))


FAULTS = {
    "emptied": Fault(lambda path: path.write_bytes(b"")),
    "overwritten": Fault(lambda path: path.write_bytes(b"no database at all" * 999)),
    "cut short": Fault(cut_short),
    "without its header": Fault(header_lost),
    "with flipped bits in its pages": Fault(bits_flipped),
    "without a table": Fault(sql("DROP TABLE records")),
    "with a flipped bit in a record": Fault(a_bit_of_a_record, "record.altered", 65),
    "with an altered record": Fault(
        sql("UPDATE records SET body = replace(body, 'turn_round', 'turn_down') WHERE kind = 'decision'"),
        "record.altered",
        65,
    ),
    "with an unknown kind of record": Fault(
        sql("UPDATE records SET kind = 'verdicu' WHERE kind = 'verdict'"), "journal.row", 65
    ),
    "with a run that cannot be read": Fault(
        sql("UPDATE work SET planned = '{', state = 'finishee'"), "journal.work", 65
    ),
}


@pytest.mark.in_turn
@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTS)
def test_a_broken_journal_is_told_found_and_mended_and_says_the_same_again(own_home: Path, name: str) -> None:
    fault, path = FAULTS[name], journal_of(own_home)
    before = report_of(own_home)
    fault.break_it(path)
    for words in (("status", "quick"), ("advance", "quick")):
        one_sentence(cli(*words, home=own_home), str(path), MEND, code=fault.code)
    untouched = contents(own_home)
    found_by_doctor(own_home, fault.finding)
    assert {k: v for k, v in contents(own_home).items() if "lock" not in k} == {
        k: v for k, v in untouched.items() if "lock" not in k
    }
    mended_by_doctor(own_home)
    assert report_of(own_home) == before
    nothing_is_left_to_do(own_home)
    assert report_of(own_home) == before


@pytest.mark.slow
def test_a_deleted_journal_is_rebuilt_by_whoever_reads_next(own_home: Path) -> None:
    before = report_of(own_home)
    journal_of(own_home).unlink()
    found_by_doctor(own_home, "journal.missing")
    assert not journal_of(own_home).exists()
    assert report_of(own_home) == before
    nothing_is_left_to_do(own_home)


@pytest.mark.slow
def test_a_journal_that_is_deleted_while_advance_is_at_work_costs_no_run(
    fresh_home: Callable[..., Path], advance_reply: str
) -> None:
    home = let_runs_wait(fresh_home(QUICK))
    working = start(home, "advance", "quick", "--all", "--jobs", "2")
    wait_until_started(home, 2, working)
    for file in (home / "mlruns").glob("journal.db*"):
        file.unlink()
    (home / "go").touch()
    code, _, err = ends(working)
    assert code == 69
    assert "was removed while this command was at work; run the same command again" in err
    assert not journal_of(home).exists()
    reply = cli("advance", "quick", "--all", "--json", "--jobs", "1", home=home)
    undisturbed = json.loads(advance_reply)["steps"]
    assert [s["outcome"] for s in reply.json["steps"]] == [s["outcome"] for s in undisturbed]
    begun = made(home)
    assert len(begun) == len(set(begun)) == sum(step["runs_launched"] for step in undisturbed)
    assert cli("doctor", home=home).out == "nothing to mend\n"
    nothing_is_left_to_do(home)


@pytest.mark.slow
def test_a_rebuild_that_is_refused_leaves_no_half_of_a_journal(own_home: Path) -> None:
    """MLflow holds a record that cannot be read: a journal without it would say that it never was."""
    journal_of(own_home).unlink()
    (record, *_) = sorted((own_home / "mlruns" / "artifacts").rglob("record.json"))
    record.write_text(record.read_text().replace("standard", "full"))
    one_sentence(cli("status", "quick", home=own_home), record.parts[-3], MEND, code=65)
    assert not journal_of(own_home).exists()
    mended_by_doctor(own_home)
    assert cli("status", "quick", home=own_home).code == 0
    nothing_is_left_to_do(own_home)


@pytest.mark.in_turn
@pytest.mark.slow
@pytest.mark.parametrize("name", ["without its header", "cut short", "with flipped bits in its pages"])
def test_what_only_a_broken_journal_held_is_salvaged(own_home: Path, name: str) -> None:
    """An override that MLflow has not got yet; its text is vouched for by its digest."""
    path = journal_of(own_home)
    nowhere = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    words = ("override", "quick", "second", "--verdict", "reject", "--reason", "a reason of my own", "--json")
    reply = cli(*words, home=own_home, env=nowhere)
    assert reply.code == 0, reply.err
    record = reply.json["override"]["id"]
    FAULTS[name].break_it(path)
    held = path.read_bytes()
    in_it = b"a reason of my own" in held
    said = " ".join(one["done"] or "" for one in mended_by_doctor(own_home))
    with database(path) as db:
        kept = [row[0] for row in db.execute("SELECT id FROM records")]
    if name == "without its header":
        assert in_it
    assert (record in kept) == in_it
    assert f"{int(in_it)} that only it held" in said
    assert quarantined(own_home, "journal.db").read_bytes() == held


@pytest.mark.slow
def test_a_journal_of_a_newer_version_is_left_as_it_is(own_home: Path) -> None:
    path = journal_of(own_home)
    sql("UPDATE meta SET value = '99'")(path)
    before = path.read_bytes()
    one_sentence(cli("status", "quick", home=own_home), str(path), "has schema 99", "use the version")
    (finding,) = (
        one for one in found_by_doctor(own_home, "journal.unreadable") if one["id"] == "journal.unreadable"
    )
    assert not finding["repairs"]
    assert cli("doctor", "--repair", home=own_home).code == 1
    assert path.read_bytes() == before


@pytest.mark.slow
def test_records_altered_on_both_sides_are_set_aside_and_judged_again(own_home: Path) -> None:
    path = journal_of(own_home)
    sql("UPDATE records SET body = replace(body, 'fail', 'pass') WHERE kind = 'verdict' AND phase = 'first'")(
        path
    )
    for record in (own_home / "mlruns" / "artifacts").rglob("record.json"):
        body = json.loads(record.read_text())
        if body["id"].startswith("v-") and body["phase"] == "first":
            record.write_text(record.read_text().replace("fail", "pass"))
            altered = body["id"]
    found_by_doctor(own_home, "record.unreadable", "record.unreadable_in_mlflow")
    mended_by_doctor(own_home)
    assert "pass" in quarantined(own_home, f"{altered}.json").read_text()
    reply = cli("advance", "quick", "--all", "--json", "--jobs", "1", home=own_home)
    assert reply.code == 0, reply.err
    assert sum(step["runs_launched"] for step in reply.json["steps"]) == 0
    status = cli("status", "quick", "--json", home=own_home).json["programs"][0]
    assert (status["state"], status["phases"][0]["outcome"]) == ("done", "fail")
    nothing_is_left_to_do(own_home)


@pytest.mark.slow
def test_random_damage_is_never_read_as_something_else(own_home: Path) -> None:
    """Bytes changed anywhere: either the same is told as before, or an error; after a repair, the same."""
    before, path = report_of(own_home), journal_of(own_home)
    sound = path.read_bytes()
    rng = random.Random(7)
    for _ in range(12):
        data = bytearray(sound)
        for index in rng.sample(range(len(data)), 3):
            data[index] ^= 1 << rng.randrange(8)
        path.write_bytes(bytes(data))
        reply = cli("explain", "quick", "--phase", "first", "--json", home=own_home)
        if reply.code == 0:
            assert reply.json["verdict"] == before["explained"][0]["verdict"]
        else:
            assert reply.code in (65, 69), reply.err
            assert len(reply.err.strip().split("\n")) == 1
    mended_by_doctor(own_home)
    assert report_of(own_home)["explained"] == before["explained"]
    assert store_of(own_home).exists()


@pytest.mark.slow
def test_runs_whose_time_is_none_are_told_and_taken_from_mlflow_again(own_home: Path) -> None:
    path, before = journal_of(own_home), report_of(own_home)
    sql("UPDATE work SET seconds = x'00ff', pid = 'nobody'")(path)
    for words in (("status", "quick"), ("advance", "quick")):
        one_sentence(cli(*words, home=own_home), str(path), MEND, code=65)
    mended_by_doctor(own_home)
    nothing_is_left_to_do(own_home)
    assert report_of(own_home) == before
