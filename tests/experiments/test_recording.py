"""What a run may record: names, steps and places that any store takes, whatever an experiment says."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments import command
from experiments.contract import Config, Data, artifact_names
from experiments.loading import Refused, describe
from experiments.recording import CheckedLog, read_metrics, tidy_artifacts


@pytest.fixture
def log(tmp_path: Path) -> CheckedLog:
    return CheckedLog(tmp_path / "home" / "run")


@pytest.mark.parametrize(
    "name",
    ["", "a|b", "<b>", "a\nb", "\x1b[2J", "../x", "/x", "a/../b", "a//b", ".", "x" * 251, "\ud800", 5, None],
)
def test_a_name_that_no_store_takes_ends_the_run(log: CheckedLog, name: Any) -> None:
    with pytest.raises(ValueError, match="no name of a metric"):
        log.metric(name, 1.0)
    assert read_metrics(log.folder) == []


@pytest.mark.parametrize("name", ["loss", "val/loss", "top-1 accuracy", "a.b_c:d", "\u03bb"])
def test_usual_names_are_taken(log: CheckedLog, name: str) -> None:
    log.metric(name, 1, step=3)
    assert read_metrics(log.folder) == [(name, 3, 1.0)]


@pytest.mark.parametrize("step", [2**63, -(2**63) - 1, 10**400, 0.5, "1", float("nan")])
def test_a_step_that_no_store_takes_ends_the_run(log: CheckedLog, step: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        log.metric("loss", 1.0, step)


def test_a_number_too_large_for_a_float_is_infinite(log: CheckedLog) -> None:
    log.metric("loss", 10**400)
    assert log.not_finite == ["loss"]
    assert read_metrics(log.folder) == [("loss", None, math.inf)]


@pytest.mark.parametrize("name", ["../x", "../../x", "/tmp/x", "a/../../x", "", ".", "a/../.."])
def test_no_artifact_lies_outside_the_runs_folder(log: CheckedLog, name: str) -> None:
    before = sorted(log.folder.parents[1].rglob("*"))
    with pytest.raises(ValueError, match="outside the run's folder"):
        log.artifact(name)
    assert sorted(log.folder.parents[1].rglob("*")) == before


def test_no_artifact_goes_through_a_link_to_elsewhere(log: CheckedLog, tmp_path: Path) -> None:
    log.artifact("a.txt").parent.joinpath("out").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="outside the run's folder"):
        log.artifact("out/x.txt")


LINES = st.one_of(
    st.binary(max_size=40),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ).map(lambda value: json.dumps(value).encode()),
    st.sampled_from(
        [b"[" * 100_000, b'["loss", 0, 1' + b"0" * 5000 + b"]", b'["loss", 0, NaN]', b'"abc"', b"5"]
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(LINES, max_size=6))
def test_whatever_the_file_holds_only_measurements_are_read(tmp_path: Path, lines: list[bytes]) -> None:
    (tmp_path / "metrics.jsonl").write_bytes(b"\n".join([*lines, b'["loss", 7, 0.5]', b'["loss", 8, 0.']))
    measurements = read_metrics(tmp_path)
    assert measurements[-1] == ("loss", 7, 0.5)
    for name, step, value in measurements:
        assert type(name) is str
        assert step is None or type(step) is int
        assert type(value) is float


def test_what_no_store_can_keep_is_taken_out_of_the_artifacts(tmp_path: Path) -> None:
    artifacts = tmp_path / "artifacts"
    (artifacts / "inner").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    (artifacts / "inner" / "kept.txt").write_text("kept")
    (artifacts / "inner" / "same.txt").symlink_to("kept.txt")
    (artifacts / "out.txt").symlink_to(tmp_path / "secret.txt")
    (artifacts / "above").symlink_to(tmp_path)
    (artifacts / "loop").symlink_to("loop")
    (artifacts / "circle").symlink_to(artifacts)
    os.mkfifo(artifacts / "pipe")
    (artifacts / os.fsdecode(b"\xff.txt")).write_text("x")
    (artifacts / "a\x1b[2J").mkdir()
    (artifacts / "a\x1b[2J" / "b\nc").write_text("x")
    tidy_artifacts(tmp_path)
    assert artifact_names(tmp_path) == ["_.txt", "a_[2J/b_c", "inner/kept.txt", "inner/same.txt"]
    assert sorted(p.name for p in artifacts.iterdir()) == ["_.txt", "a_[2J", "inner"]
    assert (tmp_path / "secret.txt").read_text() == "secret"
    tidy_artifacts(tmp_path)
    assert len(artifact_names(tmp_path)) == 4


@pytest.mark.parametrize("overlap", [-0.1, 1.1, math.nan, math.inf])
def test_an_overlap_that_is_no_share_is_refused(overlap: float) -> None:
    data = Data(name="made up", digest="x", overlap=overlap)
    experiment: Any = SimpleNamespace(Config=Config, PRESETS={}, describe=lambda _: data)
    with pytest.raises(Refused, match="overlap .* is no share"):
        describe("made_up", experiment, [({}, "smoke")])


# --- a user's own command ------------------------------------------------------------------------


def reported(tmp_path: Path, file: str, text: str) -> list[tuple[str, int | None, float]]:
    log = CheckedLog(tmp_path / "run")
    source = tmp_path / "written"
    source.write_text(text)
    command.run(["cp", str(source), "{out}/" + file], {}, "smoke", 0, log)
    return read_metrics(log.folder)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "5",
        '"loss"',
        "null",
        '{"loss": [1, 2]}',
        '{"loss": {"a": 1}}',
        '{"loss": null}',
        '{"loss": 1, "loss": 2}',
        '{"a|b": 1}',
        '{"../x": 1}',
        "[" * 100_000,
        '{"loss": ',
    ],
)
def test_a_metrics_file_that_is_none_ends_the_run_with_a_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(command.CommandFailed, match=r"metrics\.json is not"):
        reported(tmp_path, "metrics.json", text)


@pytest.mark.parametrize(
    "line",
    ["5", '["loss", 1]', '["loss", "1", 2]', '["loss", 1.5, 2]', "[" * 50_000, '[["loss"], 1, 2]', "{}"],
)
def test_a_line_that_is_no_measurement_ends_the_run_with_its_number(tmp_path: Path, line: str) -> None:
    with pytest.raises(command.CommandFailed, match=r"line 2 of metrics\.jsonl is not"):
        reported(tmp_path, "metrics.jsonl", f'["loss", 1, 2]\n{line}\n')


def test_numbers_that_are_none_are_told_apart_from_numbers(tmp_path: Path) -> None:
    measurements = reported(
        tmp_path, "metrics.json", '{"a": NaN, "b": Infinity, "c": 1e999, "d": 1%s}' % ("0" * 400)
    )
    assert [(name, math.isfinite(value)) for name, _, value in measurements] == [(n, False) for n in "abcd"]


def test_words_of_a_command_never_reach_a_shell(tmp_path: Path) -> None:
    log = CheckedLog(tmp_path / "run")
    with pytest.raises(command.CommandFailed, match="wrote neither"):
        command.run(
            ["echo", "; touch owned", "$(touch owned)", "`touch owned`", "| touch owned"], {}, "smoke", 0, log
        )
    assert not list(tmp_path.rglob("owned"))
