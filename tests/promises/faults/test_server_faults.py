"""An MLflow server that is down, hangs or fails: told in well under a minute, and never read as empty."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from planner.io.mlflow.faults import meaning_of
from tests.promises.faults.breaking import (
    found_by_doctor,
    journal_of,
    nothing_is_left_to_do,
    one_sentence,
    report_of,
)
from tests.promises.faults.servers import (
    answering,
    failing,
    failing_on_the_second_page,
    failing_once,
    hanging,
)
from tests.support.small_homes import QUICK, cli

DOWN = "http://127.0.0.1:9"


def at(address: str) -> dict[str, str]:
    return {"MLFLOW_TRACKING_URI": address}


@pytest.mark.slow
def test_a_server_that_is_down_is_told_and_what_is_in_the_journal_is_shown_all_the_same(
    own_home: Path,
) -> None:
    before = report_of(own_home)
    for words in (("advance", "quick"), ("replay", "quick"), ("advance", "quick", "--dry-run")):
        reply = cli(*words, home=own_home, env=at(DOWN))
        one_sentence(reply, DOWN, "cannot be reached", "start the server")
        assert reply.seconds < 60
    status = cli("status", "quick", "--json", home=own_home, env=at(DOWN))
    assert (status.code, status.json) == (0, before["status"])
    (finding,) = found_by_doctor(own_home, "store.unreadable", env=at(DOWN))
    assert "start the server" in finding["mend"]
    assert not finding["repairs"]
    nothing_is_left_to_do(own_home)


@pytest.mark.slow
def test_a_server_that_fails_is_told_with_its_status(own_home: Path) -> None:
    with answering(failing) as address:
        reply = cli("advance", "quick", home=own_home, env=at(address))
        one_sentence(reply, address, "500", "the server's log")
        assert reply.seconds < 60
        found_by_doctor(own_home, "store.unreadable", env=at(address))


@pytest.mark.slow
def test_a_server_that_fails_once_is_asked_again(fresh_home: Callable[..., Path]) -> None:
    home = fresh_home(QUICK)
    with answering(failing_once()) as address:
        reply = cli("status", "quick", home=home, env=at(address))
        assert reply.code == 0, reply.err


@pytest.mark.slow
@pytest.mark.parametrize("waits", [None, "1"], ids=["as it is", "as a person sets it"])
def test_a_server_that_hangs_is_told_in_under_a_minute(own_home: Path, waits: str | None) -> None:
    env = {"MLFLOW_HTTP_REQUEST_TIMEOUT": waits} if waits else {}
    with answering(hanging(120)) as address:
        reply = cli("advance", "quick", home=own_home, env={**at(address), **env})
        one_sentence(reply, address, "does not answer in time", "MLFLOW_HTTP_REQUEST_TIMEOUT")
        assert reply.seconds < 60


@pytest.mark.slow
def test_one_page_of_runs_that_cannot_be_read_is_an_error_and_no_shorter_list(
    fresh_home: Callable[..., Path],
) -> None:
    home = fresh_home(QUICK)
    with answering(failing_on_the_second_page) as address:
        for words in (("advance", "quick", "--dry-run"), ("status", "quick"), ("replay", "quick")):
            one_sentence(cli(*words, home=home, env=at(address)), address, "500")
    assert not journal_of(home).exists()


@pytest.mark.slow
def test_a_deleted_journal_is_not_empty_while_the_server_is_down(own_home: Path) -> None:
    journal_of(own_home).unlink()
    one_sentence(cli("status", "quick", home=own_home, env=at(DOWN)), DOWN, "cannot be reached")
    assert not journal_of(own_home).exists()
    assert cli("status", "quick", home=own_home).code == 0


@pytest.mark.slow
def test_another_store_than_the_journal_knows_is_refused(own_home: Path, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path}/another.db"
    reply = cli("advance", "quick", "--all", home=own_home, env=at(other))
    one_sentence(reply, "another.db", "is gone, and the journal knows of", "MLFLOW_TRACKING_URI")
    shutil.copy(own_home / "mlruns" / "mlflow.db", tmp_path / "another.db")
    with closing(sqlite3.connect(tmp_path / "another.db")) as db, db:
        db.execute("UPDATE experiments SET name = 'not quick' WHERE name = 'quick'")
    one_sentence(
        cli("advance", "quick", "--all", home=own_home, env=at(other)),
        "has no experiment 'quick'",
        "MLFLOW_TRACKING_URI",
    )
    nothing_is_left_to_do(own_home)


@pytest.mark.parametrize(
    "said",
    [
        "terminating connection due to unexpected postmaster exit",
        "terminating connection due to administrator command",
        "consuming input failed: server closed the connection unexpectedly",
        "sending query failed: the connection is lost",
        "SSL SYSCALL error: EOF detected",
        "FATAL:  the database system is shutting down",
        "FATAL:  the database system is starting up",
        "(2006, 'MySQL server has gone away')",
        "(2013, 'Lost connection to MySQL server during query')",
    ],
)
def test_a_database_that_ends_while_it_is_used_cannot_be_reached(said: str) -> None:
    uri = "postgresql://ada:secret@store:5432/runs"
    message = str(meaning_of(RuntimeError(f"(psycopg.OperationalError) {said}"), uri))
    assert message.startswith("MLflow at postgresql://store:5432/runs cannot be reached; start the server")


def test_a_folder_of_files_is_refused_with_what_to_use_instead(own_home: Path) -> None:
    env = at(str(own_home / "mlruns"))
    one_sentence(
        cli("advance", "quick", home=own_home, env=env), "a folder of files", "sqlite:///mlruns/mlflow.db"
    )
    (finding,) = found_by_doctor(own_home, "store.unreadable", env=env)
    assert "sqlite:///mlruns/mlflow.db" in finding["mend"]


@pytest.mark.slow
def test_what_is_said_while_the_server_is_down_reaches_it_later(own_home: Path) -> None:
    words = (
        "override",
        "quick",
        "second",
        "--verdict",
        "reject",
        "--reason",
        "said while it was away",
        "--json",
    )
    reply = cli(*words, home=own_home, env=at(DOWN))
    assert reply.code == 0
    assert "cannot be reached" in reply.err
    record = reply.json["override"]["id"]
    assert cli("advance", "quick", "--json", home=own_home).code == 0
    texts = [p.read_text() for p in (own_home / "mlruns" / "artifacts").rglob("record.json")]
    assert record in {json.loads(text)["id"] for text in texts}
