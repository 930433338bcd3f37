"""The stores of others: each is read as it is, and none is written to."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from planner.errors import StoreUnavailable, UsageError
from planner.history.judge import judge_history
from planner.history.judged import JudgedHistory
from planner.history.logged_run import History
from planner.history.question import HistoryQuestion
from planner.io.histories.open_history import read_history
from planner.io.mlflow.client import client_of
from planner.io.store.run_store import MlflowRuns
from planner.paths import Home
from tests.promises.stores.real_stores import mlflow_server

FIXTURES = Path(__file__).parents[2] / "fixtures"
QUESTION = HistoryQuestion("val/acc", ("optimizer",), baseline="optimizer=sgd")


def read(home: Path, store: object, question: HistoryQuestion = QUESTION, **more: object) -> History:
    return read_history(Home(home), str(store), question, **more)  # type: ignore[arg-type]


def judged(home: Path, store: object, question: HistoryQuestion = QUESTION) -> JudgedHistory:
    return judge_history(read(home, store, question), question)


def digest_of(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def old_database(tmp_path: Path) -> Path:
    path = tmp_path / "stores" / "old.db"
    path.parent.mkdir()
    with sqlite3.connect(path) as db:
        db.executescript((FIXTURES / "mlflow-2.9.sql").read_text())
    return path


@pytest.fixture
def old_folder(tmp_path: Path) -> Path:
    path = tmp_path / "stores" / "mlruns"
    path.mkdir(parents=True)
    with tarfile.open(FIXTURES / "mlruns-2.9.tar.xz") as archive:
        archive.extractall(path, filter="data")
    return path


def assert_is_the_old_history(history: JudgedHistory) -> None:
    assert {arm.name: arm.n for arm in history.arms} == {"optimizer=adam": 4, "optimizer=sgd": 4}
    adam = next(arm for arm in history.arms if arm.name == "optimizer=adam")
    assert adam.comparison is not None
    assert (adam.comparison.answer, adam.comparison.paired) == ("better", True)
    assert [one.kind for one in history.left_out] == ["it has no val/acc"]
    assert "seeds are read from the parameter 'random_state'" in history.caveats


def test_a_database_of_mlflow_2_is_read_without_being_upgraded(tmp_path: Path, old_database: Path) -> None:
    before = digest_of(old_database.parent)
    assert_is_the_old_history(judged(tmp_path, old_database))
    assert_is_the_old_history(judged(tmp_path, f"sqlite:///{old_database}"))
    assert digest_of(old_database.parent) == before


def test_an_old_folder_of_files_is_read_as_it_is(tmp_path: Path, old_folder: Path) -> None:
    before = digest_of(old_folder)
    assert_is_the_old_history(judged(tmp_path, old_folder))
    assert_is_the_old_history(judged(tmp_path, f"file://{old_folder}"))
    assert_is_the_old_history(judged(tmp_path, old_folder.parent))
    assert digest_of(old_folder) == before


@pytest.mark.parametrize("fixture", ["old_database", "old_folder"])
def test_a_step_and_the_best_step_are_taken_where_they_are_asked_for(
    tmp_path: Path, fixture: str, request: pytest.FixtureRequest
) -> None:
    store = request.getfixturevalue(fixture)

    def mean(at: str, better: str = "higher") -> float:
        question = HistoryQuestion("val/acc", ("optimizer",), better, "none", at=at)  # type: ignore[arg-type]
        return next(
            arm.mean for arm in judged(tmp_path, store, question).arms if arm.name == "optimizer=adam"
        )

    assert mean("last") == mean("100")
    assert mean("0") < mean("50") < mean("100") <= mean("best")
    assert mean("best", "lower") <= mean("0")


def test_todays_database_its_datasets_nested_runs_and_deletions_are_understood(
    new_home: Callable[[], Home],
) -> None:
    home = new_home()
    client = MlflowRuns(home).client
    experiment = client.create_experiment("sweep")
    gone = client.create_experiment("gone")
    parent = client.create_run(experiment)
    client.log_metric(parent.info.run_id, "val/acc", 0.99)
    for where, optimizer, base in ((experiment, "adam", 0.9), (experiment, "sgd", 0.8), (gone, "sgd", 7.0)):
        for seed in (42, 7, 123):
            tags = {"mlflow.parentRunId": parent.info.run_id} if where == experiment else {}
            run = client.create_run(where, tags=tags)
            client.log_param(run.info.run_id, "optimizer", optimizer)
            client.log_param(run.info.run_id, "seed", str(seed))
            client.log_metric(run.info.run_id, "val/acc", base + seed / 10_000, step=10)
            client.set_terminated(run.info.run_id)
    client.set_terminated(parent.info.run_id)
    client.delete_experiment(gone)
    client.log_metric(client.create_run(experiment).info.run_id, "val/acc", 0.1)
    history = judged(home.root, home.database)
    assert {arm.name: arm.n for arm in history.arms} == {"optimizer=adam": 3, "optimizer=sgd": 3}
    assert sorted(one.kind for one in history.left_out) == [
        "it is the parent of other runs",
        "it was left running",
    ]
    assert judge_history(read_history(home, None, QUESTION), QUESTION).arms == history.arms


@pytest.mark.parametrize("name", ["a?b.db", "a%20b#c.db", "a b.db"])
def test_a_path_is_no_address(tmp_path: Path, old_database: Path, name: str) -> None:
    assert_is_the_old_history(judged(tmp_path, old_database.rename(tmp_path / name)))


def test_a_file_of_a_folder_that_cannot_be_read_is_told(tmp_path: Path, old_folder: Path) -> None:
    first = sorted(old_folder.glob("*/*/meta.yaml"))[0]
    first.write_text("")
    assert any(
        "1 of its meta.yaml files cannot be read" in caveat for caveat in judged(tmp_path, old_folder).caveats
    )


def test_only_the_experiments_that_are_named_are_read(tmp_path: Path, old_database: Path) -> None:
    assert read(tmp_path, old_database, experiments=["Default"]).runs == []
    with pytest.raises(UsageError, match="there is none named 'pm'"):
        read(tmp_path, old_database, experiments=["pm"])


ROWS = [(o, s, v + s / 100) for o, v in (("adam", 0.9), ("sgd", 0.8)) for s in range(4)]
TABLES = {
    "runs.csv": "optimizer,seed,val/acc\n" + "".join(f"{o},{s},{v}\n" for o, s, v in ROWS),
    "runs.jsonl": "\n".join(json.dumps({"optimizer": o, "seed": s, "val/acc": v}) for o, s, v in ROWS),
    "runs.json": json.dumps(
        [{"config": {"optimizer": o, "seed": s}, "summary": {"val/acc": v}} for o, s, v in ROWS]
    ),
}


@pytest.mark.parametrize(("name", "text"), TABLES.items())
def test_a_table_in_a_file_is_judged(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text("\ufeff" + text)
    history = judged(tmp_path, path)
    assert {arm.name: arm.n for arm in history.arms} == {"optimizer=adam": 4, "optimizer=sgd": 4}
    assert history.paired


def test_a_parquet_file_is_judged(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    rows = [
        {"optimizer": o, "seed": s, "val/acc": v} for o, v in (("adam", 0.9), ("sgd", 0.8)) for s in range(3)
    ]
    pandas.DataFrame(rows).to_parquet(tmp_path / "runs.parquet")
    assert {arm.n for arm in judged(tmp_path, tmp_path / "runs.parquet").arms} == {3}


def test_event_files_are_read_with_hparams_and_the_names_of_folders(tmp_path: Path) -> None:
    from torch.utils.tensorboard import SummaryWriter

    for optimizer, base in (("adam", 0.9), ("sgd", 0.8)):
        for seed in (42, 7, 123):
            with SummaryWriter(str(tmp_path / "tb" / optimizer / f"seed_{seed}")) as writer:
                for step in range(3):
                    writer.add_scalar("val/acc", base + step / 100 + seed / 10_000, step)
                writer.add_hparams({"optimizer": optimizer, "lr": 0.1}, {"hparam/acc": base})
    history = judged(tmp_path, tmp_path / "tb")
    assert {arm.name: arm.n for arm in history.arms} == {"optimizer=adam": 3, "optimizer=sgd": 3}
    assert history.paired
    assert "folder1" in [c.param for arm in history.arms for c in arm.confounds]


def test_an_optuna_study_is_read_from_a_copy(tmp_path: Path) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = tmp_path / "stores" / "study.db"
    path.parent.mkdir()
    study = optuna.create_study(study_name="s", storage=f"sqlite:///{path}", direction="maximize")
    for optimizer, base in (("adam", 0.9), ("sgd", 0.8)):
        for seed in range(3):
            trial = optuna.trial.create_trial(
                params={"optimizer": optimizer, "seed": seed},
                distributions={
                    "optimizer": optuna.distributions.CategoricalDistribution(["adam", "sgd"]),
                    "seed": optuna.distributions.IntDistribution(0, 9),
                },
                value=base + seed / 100,
                user_attrs={"val/acc": base},
            )
            study.add_trial(trial)
    study.ask()
    before = digest_of(path.parent)
    question = HistoryQuestion("value", ("optimizer",), baseline="optimizer=sgd")
    history = judged(tmp_path, path, question)
    assert {arm.name: arm.n for arm in history.arms} == {"optimizer=adam": 3, "optimizer=sgd": 3}
    assert [one.kind for one in history.left_out] == ["it has no value and was left running"]
    assert digest_of(path.parent) == before


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("absent", None, "there is no store"),
        ("notes.txt", b"hello", "of no kind that is known"),
        ("empty", "folder", "holds no runs"),
        ("empty.csv", b"", "holds no runs"),
        ("broken.json", b"{", "cannot be read as json"),
        ("twice.csv", b"a,a\n1,2\n", "more than one column"),
        ("text.jsonl", b'"x"\n', "a run is a mapping"),
        ("surplus.csv", b"optimizer,val/acc\nadam,1,234\n", "line 2 has more cells"),
        ("odd.json", b'{"columns": 5, "data": [[1]]}', "cannot be read as json"),
        ("other.csv", b"optimizer,val/ac\nadam,1\n", "did you mean 'val/ac'"),
    ],
)
def test_what_is_no_store_is_refused_in_a_sentence(
    tmp_path: Path, name: str, content: bytes | str | None, words: str
) -> None:
    path = tmp_path / name
    if content == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(UsageError, match=words):
        judged(tmp_path, path)


def test_a_database_that_is_none_of_mlflows_or_broken_is_told(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as db:
        db.execute("CREATE TABLE t (a)")
    with pytest.raises(StoreUnavailable, match="holds no runs"):
        judged(tmp_path, tmp_path / "x.db")
    (tmp_path / "y.db").write_bytes(b"SQLite format 3\x00" + os.urandom(4096))
    with pytest.raises(StoreUnavailable):
        judged(tmp_path, tmp_path / "y.db")


def test_a_store_beside_the_one_that_is_read_is_named(old_folder: Path, tmp_path: Path) -> None:
    both = old_folder.parent
    with sqlite3.connect(both / "mlflow.db") as db:
        db.executescript((FIXTURES / "mlflow-2.9.sql").read_text())
    remarks = read(tmp_path, both).remarks
    assert remarks == [f"{old_folder} holds runs too, which are not among these: name it to judge them"]
    assert read(tmp_path, old_folder).remarks == []


@pytest.mark.slow
def test_a_server_is_read_page_by_page_and_says_what_its_database_says(tmp_path: Path) -> None:
    with mlflow_server() as server:
        client = client_of(server.uri)
        experiment = client.create_experiment("pl")
        for optimizer, base in (("adam", 0.9), ("sgd", 0.8)):
            for seed in (42, 7, 123, 5):
                run = client.create_run(experiment)
                client.log_param(run.info.run_id, "optimizer", optimizer)
                client.log_param(run.info.run_id, "seed", str(seed))
                for step in (0, 100):
                    client.log_metric(
                        run.info.run_id, "val/acc", base + seed / 10_000 + step / 1000, step=step
                    )
                client.set_terminated(run.info.run_id)
        last = judged(tmp_path, server.uri)
        assert {arm.name: arm.n for arm in last.arms} == {"optimizer=adam": 4, "optimizer=sgd": 4}
        first = judged(tmp_path, server.uri, HistoryQuestion("val/acc", ("optimizer",), at="0"))
        assert max(arm.mean for arm in first.arms) < max(arm.mean for arm in last.arms)
