"""A run stands for the code and the data that it names, whatever is edited while an advance is at work."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.small_homes import QUICK, cli, put_into_experiment
from tests.support.store_view import mlflow_runs_of

pytestmark = pytest.mark.in_turn

EDITS_ITSELF = """
    import os, pathlib
    if seed == 1 and not pathlib.Path("edited").exists():
        pathlib.Path("edited").touch()
        own = pathlib.Path(__file__)
        own.write_text(own.read_text().replace("score = config.shift", "score = -config.shift"))
        os._exit(3)
"""
READS = """
    import pathlib
    sign = float(pathlib.Path("sign.txt").read_text())
    if seed == 1 and not pathlib.Path("edited").exists():
        pathlib.Path("edited").touch()
        held = pathlib.Path("sign.txt").read_text()
        pathlib.Path("sign.txt").write_text("-1")
        pathlib.Path("sign.txt").write_text(held)
        sign = -1.0
    config = config.model_copy(update={"shift": sign * config.shift})
"""
DESCRIBES = """
    import pathlib
    path = pathlib.Path("sign.txt").resolve()
    return Data(name="signs", digest=path.read_text(), files=(str(path),))
"""
DESCRIBED = '    return Data(name="made up", digest="made-up", sizes={"train": 2})\n'
WRITES = """
    import pathlib
    pathlib.Path("sign.txt").write_text("1")
"""
IMPORTS_BY_NAME = """
    import importlib
    config = config.model_copy(update={"shift": importlib.import_module("si" + "gns").SIGN * config.shift})
"""
READS_SIGN = """
    sign = float(pathlib.Path("settings/sign.txt").read_text())
    config = config.model_copy(update={"shift": sign * config.shift})
"""
SCRIPT = """
import json, pathlib, sys
seed, out = int(sys.argv[1]), pathlib.Path(sys.argv[3])
params = json.loads(pathlib.Path(sys.argv[2]).read_text())
sign = 1
if seed == 1 and not pathlib.Path("edited").exists():
    pathlib.Path("edited").touch()
    own = pathlib.Path(__file__)
    own.write_text(own.read_text().replace("sign = 1\\n", "sign = -1\\n", 1))
score = sign * params["shift"] * (1 + seed / 100)
(out / "metrics.json").write_text(json.dumps({"score": score, "loss": -score}))
"""
COMMAND = QUICK.replace("experiment: quick", 'command: [python3, train.py, "{seed}", "{params}", "{out}"]')


def verdicts(reply: dict) -> list[tuple[str, str]]:
    return [(step["phase"], step["outcome"]) for step in reply["steps"]]


@pytest.fixture
def edited(fresh_home: Callable[..., Path]) -> Callable[..., Path]:
    """Makes a home with lines put into its experiment before a line.

    With twelve seeds planned three are an early look, which answers the first phase either way; with three
    planned they are the last look, and answer the second one, too.
    """

    def make(before: str, lines: str, planned: int = 12) -> Path:
        home = fresh_home(QUICK.replace("seeds_per_arm: 3", f"seeds_per_arm: {planned}"))
        put_into_experiment(home, lines, before)
        return home

    return make


def names_its_data(home: Path) -> None:
    """Lets the experiment say that it reads ``sign.txt``."""
    (home / "sign.txt").write_text("1")
    module = home / "experiments" / "quick.py"
    module.write_text(module.read_text().replace(DESCRIBED, DESCRIBES.lstrip("\n")))


def test_an_experiment_that_is_edited_meanwhile_runs_as_it_was_and_is_stale_afterwards(
    edited: Callable[..., Path],
) -> None:
    home = edited("    noise =", EDITS_ITSELF, planned=3)
    module = home / "experiments" / "quick.py"
    before = module.read_text()
    reply = cli("advance", "quick", "--all", "--json", "--jobs", "1", home=home)
    assert verdicts(reply.json) == [("first", "fail"), ("second", "pass")]
    assert module.read_text() != before
    assert cli("status", "quick", "--json", home=home).json["programs"][0]["phases"][0]["stale"]
    module.write_text(before)
    assert not cli("status", "quick", "--json", home=home).json["programs"][0]["phases"][0]["stale"]
    assert cli("replay", "quick", home=home).code == 0


def test_a_data_file_that_is_changed_and_put_back_gives_no_evidence(
    edited: Callable[..., Path],
) -> None:
    home = edited("    noise =", READS, planned=3)
    names_its_data(home)
    reply = cli("advance", "quick", "--all", "--json", "--jobs", "1", home=home)
    assert verdicts(reply.json) == [("first", "fail"), ("second", "pass")]
    assert reply.json["stopped"] is None
    runs = mlflow_runs_of(home, "run")
    assert [run.outcome for run in runs].count("data_changed") == 1
    assert [run.outcome for run in runs].count("ok") == 9
    assert "sign.txt changed while the run was at work" in next(
        run.note for run in runs if run.outcome == "data_changed"
    )


def test_the_script_of_a_command_that_is_edited_meanwhile_gives_no_evidence_and_counts_as_new_code(
    fresh_home: Callable[..., Path],
) -> None:
    home = fresh_home(COMMAND)
    (home / "train.py").write_text(textwrap.dedent(SCRIPT))
    reply = cli("advance", "quick", "--all", "--json", "--jobs", "1", home=home)
    # With the sign turned round the worse arm is the better one: nothing of the first code is left.
    assert verdicts(reply.json) == [("first", "pass")]
    outcomes = [run.outcome for run in mlflow_runs_of(home, "run")]
    assert outcomes.count("code_changed") == 1
    digests = {run.code_digest for run in mlflow_runs_of(home, "run") if run.outcome == "ok"}
    assert len(digests) == 2


def test_a_module_beside_the_experiments_is_part_of_a_runs_identity(
    edited: Callable[..., Path],
) -> None:
    home = edited("\n\nclass Config", "import signs\n")
    helper = home / "signs.py"
    helper.write_text("SIGN = 1\n")
    module = home / "experiments" / "quick.py"
    module.write_text(module.read_text().replace("score = config.shift", "score = signs.SIGN * config.shift"))
    first = cli("advance", "quick", "--json", home=home).json
    assert verdicts(first) == [("first", "fail")]
    helper.write_text("SIGN = -1\n")
    assert cli("status", "quick", "--json", home=home).json["programs"][0]["phases"][0]["stale"]
    again = cli("advance", "quick", "--json", home=home).json
    assert verdicts(again) == [("first", "pass")]
    assert again["steps"][0]["runs_launched"] == 6


def test_runs_that_change_their_own_data_each_time_end_the_advance_with_a_word(
    edited: Callable[..., Path],
) -> None:
    home = edited("    noise =", WRITES)
    names_its_data(home)
    reply = cli("advance", "quick", "--all", "--json", "--jobs", "1", home=home)
    assert reply.code == 0
    assert reply.json["steps"] == []
    assert reply.json["stopped"].endswith("sign.txt changed while the run was at work, again and again")
    assert [run.outcome for run in mlflow_runs_of(home, "run")] == ["data_changed"] * 3


def test_a_module_that_is_imported_by_a_computed_name_belongs_to_a_run_from_the_first_on(
    edited: Callable[..., Path],
) -> None:
    home = edited("    noise =", IMPORTS_BY_NAME)
    helper = home / "signs.py"
    helper.write_text("SIGN = 1\n")
    first = cli("advance", "quick", "--json", "--jobs", "1", home=home).json
    assert verdicts(first) == [("first", "fail")]
    outcomes = [run.outcome for run in mlflow_runs_of(home, "run")]
    assert outcomes.count("code_changed") == 1
    assert outcomes.count("ok") == 6
    helper.write_text("SIGN = -1\n")
    assert cli("status", "quick", "--json", home=home).json["programs"][0]["phases"][0]["stale"]
    again = cli("advance", "quick", "--json", home=home).json
    assert verdicts(again) == [("first", "pass")]
    assert again["steps"][0]["runs_launched"] == 6
    assert cli("replay", "quick", home=home).code == 0


def test_files_that_a_program_depends_on_belong_to_its_runs(edited: Callable[..., Path]) -> None:
    home = edited("    noise =", "    import pathlib\n" + READS_SIGN)
    settings = home / "settings" / "sign.txt"
    settings.parent.mkdir()
    settings.write_text("1")
    program = home / "knowledge" / "programs" / "quick.yaml"
    program.write_text(program.read_text() + '\ndepends: ["settings/**/*.txt"]\n')
    assert verdicts(cli("advance", "quick", "--json", home=home).json) == [("first", "fail")]
    settings.write_text("-1")
    assert cli("status", "quick", "--json", home=home).json["programs"][0]["phases"][0]["stale"]
    assert verdicts(cli("advance", "quick", "--json", home=home).json) == [("first", "pass")]


def test_a_pattern_of_depends_that_matches_nothing_is_an_error_of_check(
    fresh_home: Callable[..., Path],
) -> None:
    home = fresh_home(QUICK + '\ndepends: ["settings/*.txt"]\n')
    reply = cli("check", "quick", home=home)
    assert reply.code == 1
    assert "no file below the home matches 'settings/*.txt'" in reply.out
    program = home / "knowledge" / "programs" / "quick.yaml"
    program.write_text(QUICK + '\ndepends: ["../*.py"]\n')
    reply = cli("check", "quick", home=home)
    assert reply.code == 65
    assert "'../*.py' may lie outside the home" in reply.err
