"""Each run has a process of its own: it depends on no run before it, prints no more than is kept, and leaves
nothing at work.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import psutil
import pytest

from experiments.contract import read_metrics
from experiments.workers.imports import imported_below
from experiments.workers.output import PIECE_BYTES, CappedOutput, read_output
from planner.io.workers.launcher import LocalLauncher
from planner.records.jobs import Ended, Job, Started
from tests.support.launchers import EACH, PROCESS_LAUNCHERS

HEAD = """
import os, pathlib, random, subprocess, sys, time
import numpy
from experiments.contract import Config as BaseConfig, Data

class Config(BaseConfig):
    arm: str = "a"

PRESETS = {}
STREAM = numpy.random.default_rng(7)
COUNTED = []

def describe(config):
    return Data(name="made up", digest="made-up")
"""
USES_THE_MODULE = """
def run(config, seed, log):
    COUNTED.append(seed)
    log.metric("drawn", STREAM.random())
    log.metric("counted", len(COUNTED))
    log.metric("patched", float(hasattr(time, "patched")))
    time.patched = True
    log.metric("environment", float("LEFT" in os.environ))
    os.environ["LEFT"] = "1"
"""
DRAWS = """
def run(config, seed, log):
    log.metric("python", random.random())
    log.metric("numpy", numpy.random.rand())
"""
IMPORTS_LATE = HEAD.replace("import numpy\n", "").replace("numpy.random.default_rng(7)", "None")
DRAWS_LATE = """
def run(config, seed, log):
    import numpy
    log.metric("numpy", numpy.random.rand())
"""
DRAWS_FROM_TORCH = """
import torch
def run(config, seed, log):
    log.metric("torch", torch.rand(()).item())
    log.metric("noise", torch.nn.Linear(1, 1).weight.item())
"""
HIDES_A_CHILD = """
def run(config, seed, log):
    words = [sys.executable, "-c", "import os, time; os.setsid() if os.fork() == 0 else os._exit(0); "
             "open('hidden', 'w').write(str(os.getpid())); time.sleep(600)"]
    subprocess.run(words, check=True)
    while not pathlib.Path("hidden").exists() or not pathlib.Path("hidden").read_text():
        time.sleep(0.01)
    log.metric("score", 1.0)
"""
PRINTS = """
def run(config, seed, log):
    for number in range(40_000):
        print(f"line {number} " + "." * 100)
    log.metric("score", 1.0)
"""
STARTS_A_THREAD = """
import threading
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
def run(config, seed, log):
    COUNTED.append(seed)
    log.metric("counted", len(COUNTED))
"""


@pytest.fixture(params=EACH)
def launcher_of(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., LocalLauncher]]:
    made: list[LocalLauncher] = []

    def make(text: str, workers: int = 1) -> LocalLauncher:
        folder = tmp_path / "experiments"
        folder.mkdir(exist_ok=True)
        (folder / "made.py").write_text(textwrap.dedent(text))
        logs = tmp_path / f"logs-{len(made)}"
        made.append(PROCESS_LAUNCHERS[request.param](tmp_path, workers, logs))
        return made[-1]

    yield make
    for launcher in made:
        launcher.close()


def jobs_in(folder: Path, seeds: int = 3, arms: str = "ab") -> list[Job]:
    return [
        Job(
            id=f"{arm}-{seed}",
            arm=arm,
            seed=seed,
            experiment="made",
            params={"arm": arm},
            fidelity="smoke",
            folder=str(folder / f"{arm}-{seed}"),
        )
        for seed in range(seeds)
        for arm in arms
    ]


def values(launcher: LocalLauncher, jobs: list[Job]) -> dict[str, list[tuple[str, int | None, float]]]:
    ended = [event for event in launcher.run(jobs) if isinstance(event, Ended)]
    assert {event.outcome for event in ended} == {"ok"}, ended
    return {job.id: read_metrics(Path(job.folder)) for job in jobs}


def test_no_run_depends_on_the_runs_before_it_nor_on_how_many_are_side_by_side(
    launcher_of: Callable[..., LocalLauncher], tmp_path: Path
) -> None:
    text = HEAD + USES_THE_MODULE
    one_by_one = values(launcher_of(text), jobs_in(tmp_path / "one"))
    side_by_side = values(launcher_of(text, 2), jobs_in(tmp_path / "two")[::-1])
    assert one_by_one == side_by_side
    for of_run in one_by_one.values():
        assert {name: value for name, _, value in of_run} == pytest.approx(
            {"drawn": of_run[0][2], "counted": 1, "patched": 0, "environment": 0}
        )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(HEAD + DRAWS, id="early"),
        pytest.param(IMPORTS_LATE + DRAWS_LATE, id="late"),
        pytest.param(IMPORTS_LATE + DRAWS_FROM_TORCH, id="torch", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_seeds_nothing_draws_by_its_seed(
    launcher_of: Callable[..., LocalLauncher], tmp_path: Path, text: str
) -> None:
    first = values(launcher_of(text), jobs_in(tmp_path / "one", 2))
    again = values(launcher_of(text), jobs_in(tmp_path / "two", 2)[::-1])
    assert first == again
    assert first["a-0"] == first["b-0"]
    assert all(mine != other for mine, other in zip(first["a-0"], first["a-1"], strict=True))


def test_what_a_run_leaves_at_work_is_ended(
    launcher_of: Callable[..., LocalLauncher], tmp_path: Path
) -> None:
    launcher = launcher_of(HEAD + HIDES_A_CHILD)
    values(launcher, jobs_in(tmp_path / "one", 1, "a"))
    hidden = int((tmp_path / "hidden").read_text())
    assert not psutil.pid_exists(hidden) or psutil.Process(hidden).status() == psutil.STATUS_ZOMBIE


def test_of_what_a_run_prints_the_beginning_and_the_end_are_kept(
    launcher_of: Callable[..., LocalLauncher], tmp_path: Path
) -> None:
    (job,) = jobs_in(tmp_path / "one", 1, "a")
    values(launcher_of(HEAD + PRINTS), [job])
    printed = read_output(Path(job.folder))
    assert printed.startswith("line 0 .")
    assert "line 39999 ." in printed.splitlines()[-1]
    assert "bytes were cut out here ...]" in printed
    assert len(printed) < 3 * PIECE_BYTES + 100


def test_an_experiment_that_starts_threads_is_given_a_new_interpreter_for_each_run(
    launcher_of: Callable[..., LocalLauncher], tmp_path: Path
) -> None:
    for of_run in values(launcher_of(HEAD + STARTS_A_THREAD), jobs_in(tmp_path / "one", 2, "a")).values():
        assert of_run == [("counted", None, 1.0)]


def test_a_run_says_which_versions_it_came_of(
    launcher_of: Callable[..., LocalLauncher], tmp_path: Path
) -> None:
    import numpy

    launcher = launcher_of(HEAD + DRAWS)
    (last,) = (event for event in launcher.run(jobs_in(tmp_path / "one", 1, "a")) if isinstance(event, Ended))
    assert last.versions["python"] == sys.version.split()[0]
    assert last.versions["numpy"] == numpy.__version__
    assert "torch" not in last.versions


def test_a_run_is_gone_when_its_worker_is_killed(
    launcher_of: Callable[..., LocalLauncher], tmp_path: Path
) -> None:
    text = HEAD + "\ndef run(config, seed, log):\n    log.progress(os.getpid(), 1)\n    time.sleep(600)\n"
    events = launcher_of(text).run(jobs_in(tmp_path / "one", 1, "a"))
    started = next(event for event in events if isinstance(event, Started))
    own = psutil.Process(int(next(event.done for event in events)))
    assert started.pid != own.pid
    psutil.Process(started.pid).kill()
    (last,) = (event for event in events if isinstance(event, Ended))
    assert (last.outcome, last.reason) == ("killed", "the worker was killed by SIGKILL")
    own.wait(60)


def test_only_modules_of_the_home_that_nobody_knows_were_imported_late(tmp_path: Path) -> None:
    def module(name: str, file: str | None) -> ModuleType:
        made = ModuleType(name)
        made.__file__ = file
        return made

    modules = {
        "signs": module("signs", str(tmp_path / "signs.py")),
        "known": module("known", str(tmp_path / "known.py")),
        "__mp_main__": module("__mp_main__", str(tmp_path / "experiments" / "worker.py")),
        "planner.api": module("planner.api", str(tmp_path / "planner" / "api.py")),
        "library": module("library", str(tmp_path / ".venv" / "site-packages" / "library.py")),
        "elsewhere": module("elsewhere", str(tmp_path.parent / "elsewhere.py")),
        "torch.ops": module("torch.ops", "_ops.py"),
        "builtin": module("builtin", None),
    }
    assert imported_below(tmp_path, {"known"}, modules) == ["signs"]


def test_output_that_is_short_is_kept_whole(tmp_path: Path) -> None:
    output = CappedOutput(tmp_path)
    for piece in (b"first\n", b"", b"second\n"):
        output.write(piece)
    assert read_output(tmp_path) == "first\nsecond\n"


@pytest.mark.parametrize("pieces", [1, 2, 3, 4, 9])
def test_never_more_than_three_pieces_of_output_are_kept(tmp_path: Path, pieces: int) -> None:
    output = CappedOutput(tmp_path)
    written = b"".join(b"%7d\n" % number for number in range(pieces * PIECE_BYTES // 8 + 1))
    for begin in range(0, len(written), 100_000):
        output.write(written[begin : begin + 100_000])
    text = read_output(tmp_path)
    assert len(list(tmp_path.iterdir())) == min(pieces + 1, 3)
    assert text.startswith("      0\n") and text.endswith(f"{pieces * PIECE_BYTES // 8:7d}\n")
    cut = (pieces - 2) * PIECE_BYTES
    assert (f"[... {cut} bytes were cut out here ...]" in text) == (cut > 0)
    CappedOutput(tmp_path)
    assert read_output(tmp_path) == ""
