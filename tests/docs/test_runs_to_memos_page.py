"""The page from runs to memos: every command prints what stands below it, on the store of its section."""

from __future__ import annotations

import random
import re
import shlex
import tarfile
from pathlib import Path

import pytest

from planner.io.mlflow.client import client_of
from tests.promises.stores.real_stores import mlflow_server
from tests.support.small_homes import ROOT, cli_here

PAGE = (ROOT / "docs" / "from-runs-to-memos.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE))
ADDRESS = "http://127.0.0.1:5000"
FIXTURES = Path(__file__).parents[1] / "fixtures"


def hold(section: str, home: Path, address: str = ADDRESS) -> None:
    """Calls every command of a section in a home, and holds what it prints against the page."""
    commands = re.findall(r"```console\n\$ phasegate (.*?)\n(.*?)```", SECTIONS[section], re.DOTALL)
    assert len(commands) == 3
    for words, shown in commands:
        reply = cli_here(*shlex.split(words.replace(ADDRESS, address)), home=home)
        assert reply.code == 0, reply.err
        said = reply.out.replace(address, ADDRESS).replace(f"{home}/", "")
        assert said[: len(shown)] == shown


def test_an_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old" / "mlruns").mkdir(parents=True)
    with tarfile.open(FIXTURES / "mlruns-2.9.tar.xz") as archive:
        archive.extractall(tmp_path / "old" / "mlruns", filter="data")
    monkeypatch.chdir(tmp_path)
    hold("An old `mlruns` folder", tmp_path)


@pytest.mark.slow
def test_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    chance = random.Random(7)
    with mlflow_server() as server:
        client = client_of(server.uri)
        experiment = client.create_experiment("pl")
        for optimizer, base in (("adam", 0.9), ("sgd", 0.8)):
            for seed in (42, 7, 123, 5):
                run = client.create_run(experiment).info.run_id
                client.log_param(run, "optimizer", optimizer)
                client.log_param(run, "seed", str(seed))
                client.log_metric(run, "val/acc", base + seed / 10_000 + 0.001 * chance.random(), step=100)
                client.set_terminated(run)
        hold("An MLflow server", tmp_path, server.uri)
