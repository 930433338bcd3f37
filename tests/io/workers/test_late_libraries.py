"""Libraries that runs import late are imported once for all runs of a worker, and earlier by the next one."""

from __future__ import annotations

import json
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from experiments.contract import read_metrics
from experiments.frozen import INDEX, FrozenModules
from experiments.workers.late_libraries import KEPT, LateLibraries
from planner.io.workers.launcher import LocalLauncher
from planner.records.jobs import Ended, Job

EXPERIMENT = """
import pathlib, sys
from experiments.contract import Config, Data
PRESETS = {}
def describe(config):
    import pygments
    with open("described", "a") as file:
        file.write("x")
    return Data(name="made up", digest="made-up")
def run(config, seed, log):
    log.metric("had", "PACKAGE" in sys.modules)
    import PACKAGE
    import beside
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "code").mkdir()
    (tmp_path / "beside.py").write_text("")
    return tmp_path


@pytest.fixture
def launchers(home: Path) -> Iterator[list[LocalLauncher]]:
    made: list[LocalLauncher] = []
    yield made
    for launcher in made:
        launcher.close()


def code_of(home: Path, package: str) -> Path:
    text = textwrap.dedent(EXPERIMENT).replace("PACKAGE", package)
    (home / "code" / "experiments.made.py").write_text(text)
    (home / "code" / "beside.py").write_text("")
    index = {"experiments.made": str(home / "experiments" / "made.py"), "beside": str(home / "beside.py")}
    (home / "code" / INDEX).write_text(json.dumps(index))
    return home / "code"


def had(home: Path, launcher: LocalLauncher, name: str, seeds: int) -> list[float]:
    """Whether each run had the library when it began."""
    jobs = [
        Job(
            id=f"{name}-{seed}",
            arm="a",
            seed=seed,
            experiment="made",
            params={},
            fidelity="smoke",
            folder=str(home / name / str(seed)),
        )
        for seed in range(seeds)
    ]
    ended = [event for event in launcher.run(jobs) if isinstance(event, Ended)]
    assert {event.outcome for event in ended} == {"ok"}, ended
    return [value for job in jobs for _, _, value in read_metrics(Path(job.folder))]


def test_what_a_run_imports_late_the_next_run_has_and_the_first_of_the_next_worker(
    home: Path, launchers: list[LocalLauncher]
) -> None:
    code = code_of(home, "pygments")
    launchers += [LocalLauncher(home, 1, home / f"logs-{number}", code=code) for number in (1, 2)]
    assert had(home, launchers[0], "first", 2) == [0.0, 1.0]
    assert had(home, launchers[1], "second", 1) == [1.0]
    assert "pygments" in json.loads((code / KEPT).read_text())
    assert "beside" not in json.loads((code / KEPT).read_text())


def test_a_description_begins_again_once_its_library_is_there_and_says_one_thing(
    home: Path, launchers: list[LocalLauncher]
) -> None:
    launchers.append(LocalLauncher(home, 1, home / "logs", code=code_of(home, "pygments")))
    (described,) = launchers[0].describe("made", [({}, "smoke")])
    assert described.data_name == "made up"
    assert (home / "described").read_text() == "x"
    assert had(home, launchers[0], "first", 1) == [1.0]


@pytest.mark.parametrize(
    ("kept", "text"),
    [
        pytest.param('["nowhere.to.be.seen", 7]', "", id="gone"),
        pytest.param('{"no": "list"}', "", id="no list"),
        pytest.param("[", "", id="damaged"),
        pytest.param('["ahead"]', "raise SystemExit(3)", id="it ends the process"),
        pytest.param('["ahead"]', "raise ValueError('no')", id="it fails"),
        pytest.param(
            '["ahead"]',
            "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
            id="it starts a thread",
        ),
    ],
)
def test_a_library_that_cannot_be_imported_ahead_costs_no_run(
    home: Path, launchers: list[LocalLauncher], kept: str, text: str
) -> None:
    code = code_of(home, "pygments")
    (code / KEPT).write_text(kept)
    (home / "ahead.py").write_text(text)
    launchers.append(LocalLauncher(home, 1, home / "logs", code=code))
    assert had(home, launchers[0], "first", 1) == [0.0]


def test_a_library_that_starts_a_thread_is_not_kept(
    home: Path, launchers: list[LocalLauncher], tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("a library")
    (elsewhere / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\n"
    )
    code = code_of(home, "threaded")
    source = code / "experiments.made.py"
    source.write_text(f"import sys\nsys.path.append({str(elsewhere)!r})\n" + source.read_text())
    launchers.append(LocalLauncher(home, 1, home / "logs", code=code))
    assert had(home, launchers[0], "first", 2) == [0.0, 0.0]
    assert not (code / KEPT).exists()


@pytest.mark.parametrize(("line", "ahead"), [("x = torch.optim.SGD", True), ("x = 'optimistic'", False)])
def test_what_torch_imports_at_the_first_optimizer_comes_before_where_the_code_names_optimizers(
    home: Path, monkeypatch: pytest.MonkeyPatch, line: str, ahead: bool
) -> None:
    code = code_of(home, "pygments")
    (code / "experiments.made.py").write_text(line)
    imported: list[str] = []
    monkeypatch.setattr("importlib.import_module", lambda name: imported.append(name))
    monkeypatch.setitem(sys.modules, "torch", sysconfig)  # any module does
    late = LateLibraries(home, FrozenModules(code))
    late.import_expected()
    late.import_expected()
    assert imported == (["torch._dynamo"] if ahead else [])
