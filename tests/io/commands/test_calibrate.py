"""``calibrate`` from the command line: text, JSON, figure, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from planner.calibration.report import as_json
from planner.io.commands.calibrate import CalibrationOptions, calibrate_program
from planner.paths import Home
from tests.support.cli_schemas import assert_fits
from tests.support.small_homes import QUICK, ROOT, cli, make_home

pytestmark = pytest.mark.in_turn

PROGRAMS = sorted(path.stem for path in (ROOT / "knowledge" / "programs").glob("*.yaml"))
FEW = ("--repetitions", "4")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("homes") / "home", QUICK)


def test_it_prints_one_object_as_promised_and_draws_a_figure(home: Path, tmp_path: Path) -> None:
    picture = tmp_path / "figure.png"
    reply = cli("calibrate", "quick", *FEW, "--json", "--out", str(picture), home=home)
    assert reply.code == 0, reply
    assert_fits(reply.json, "calibrate")
    assert [gate["phase"] for gate in reply.json["gates"]] == ["first", "second", "third"]
    assert reply.json["gates"][0]["share"] == 0.025  # the first of several has half the budget
    assert reply.json["noise"]["score"]["source"] == "assumed"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_its_text_says_what_is_assumed_and_holds_the_path_against_the_budget(home: Path) -> None:
    text = cli("calibrate", "quick", *FEW, home=home).out
    assert "noise is assumed" in text
    assert "budget 0.05" in text
    assert "along the path, nothing true" in text


def test_the_same_seed_gives_the_same_bytes_whatever_the_hash_seed_and_the_processes(home: Path) -> None:
    words = ("calibrate", "quick", "--repetitions", "4", "--json")
    one = cli(*words, "--jobs", "1", home=home, env={"PYTHONHASHSEED": "1"})
    other = cli(*words, "--jobs", "2", home=home, env={"PYTHONHASHSEED": "2"})
    assert one.out == other.out != ""
    assert cli(*words, "--seed", "1", home=home).out != one.out


def test_processes_share_the_work_and_change_nothing(home: Path) -> None:
    def report_with(jobs: int) -> str:
        wish = CalibrationOptions(
            repetitions=60, jobs=jobs, effects=("better.score=0.3",), noise=("score=0.1",)
        )
        return json.dumps(as_json(calibrate_program(Home(home), "quick", wish)), allow_nan=False)

    assert report_with(1) == report_with(2)


def test_stated_means_take_the_place_of_the_standard_worlds(home: Path) -> None:
    words = ("--effect", "worse.score=-1", "--effect", "better.score=3", "--noise", "score=0.01")
    reply = cli("calibrate", "quick", *FEW, *words, "--json", home=home)
    assert_fits(reply.json, "calibrate")
    first, second, _ = reply.json["gates"]
    assert first["null"] is None
    assert first["stated"]["failed"]["rate"] == 1
    assert second["stated"]["passed"]["rate"] == 1
    assert list(reply.json["path"]) == ["stated"]
    assert "means as stated" in cli("calibrate", "quick", *FEW, *words, home=home).out


def test_a_program_file_is_calibrated_as_it_is(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(QUICK.lstrip().replace("program: quick", "program: mine"))
    assert cli("calibrate", str(file), *FEW, "--json", home=home).json["program"] == "mine"


def test_noise_is_measured_where_runs_are_recorded(judged_home: Path) -> None:
    calibration = calibrate_program(Home(judged_home), "quick", CalibrationOptions(repetitions=1))
    assert calibration.noise["score"].source == "measured"
    assert 0 < calibration.noise["score"].paired < 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--noise", "nothing=1"], "no metric 'nothing'"),
        (["--noise", "score=0"], "above 0"),
        (["--noise", "score"], "METRIC=SD"),
        (["--noise", "score=nan"], "not finite"),
        (["--noise-shape", "odd"], "'normal', 't3', 'lognormal'"),
        (["--effect", "nobody.score=1"], "no arm 'nobody'"),
        (["--effect", "score=1"], "ARM.METRIC=VALUE"),
        (["--effect", "much"], "no number"),
        (["--effect", "0"], "above 0"),
        (["--repetitions", "0"], "from 1 on"),
        (["--seed", "-1"], "from 0 on"),
        (["--jobs", "0"], "from 1 on"),
        (["--fidelity", "odd"], "'smoke', 'standard', 'full'"),
        (["--out", "figure.gif"], ".png or .svg"),
    ],
)
def test_wrong_usage_is_one_sentence(home: Path, words: list[str], sentence: str) -> None:
    reply = cli("calibrate", "quick", *words, home=home)
    assert (reply.code, reply.out) == (2, "")
    assert sentence in reply.err
    assert len(reply.err.strip().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("shape", ["normal", "lognormal"])
def test_every_program_that_ships_is_calibrated_whole(name: str, shape: str, tmp_path: Path) -> None:
    picture = tmp_path / "figure.svg"
    reply = cli(
        "calibrate", name, "--repetitions", "3", "--noise-shape", shape, "--json", "--out", str(picture)
    )
    assert_fits(reply.json, "calibrate")
    for gate in reply.json["gates"]:
        assert not gate["not_simulated"].keys() & {"null", "effect"}, gate["phase"]
        assert gate["null"]["invalid"]["rate"] == 0
    assert picture.read_text().lstrip().startswith("<?xml")
