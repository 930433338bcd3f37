"""What every launcher promises, and what only processes can show."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from experiments import command
from experiments.contract import read_metrics
from experiments.watched import state_of
from planner.engine.ports import Launcher
from planner.errors import PhasegateError, ProgramError
from planner.io.workers.in_process import InProcessLauncher
from planner.io.workers.launcher import LocalLauncher
from planner.records.jobs import Description, Ended, Event, Job, Progressed, Started
from tests.support.launchers import EACH, PROCESS_LAUNCHERS

pytestmark = pytest.mark.in_turn

EXPERIMENTS = Path(__file__).parents[2] / "experiments_for_tests"
ROOT = Path(__file__).parents[3]
PATIENCE = 300.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    (folder / "experiments").symlink_to(EXPERIMENTS)
    return folder


@pytest.fixture(scope="module")
def each_once(home: Path) -> Iterator[Callable[[str], Launcher]]:
    """The launchers by name, each made when it is first wanted, for all tests of this module."""
    made: dict[str, Launcher] = {}

    def launcher_named(name: str) -> Launcher:
        if name not in made:
            made[name] = PROCESS_LAUNCHERS[name](home, 1, home / name)
        return made[name]

    yield launcher_named
    for launcher in made.values():
        launcher.close()


@pytest.fixture(scope="module")
def shared(each_once: Callable[[str], LocalLauncher]) -> LocalLauncher:
    return each_once("forked")


@pytest.fixture
def pair(home: Path, tmp_path: Path) -> Iterator[LocalLauncher]:
    launcher = LocalLauncher(home, 2, tmp_path / "logs")
    yield launcher
    launcher.close()


@pytest.fixture(params=[*EACH, "in_process"])
def launcher(request: pytest.FixtureRequest, each_once: Callable[[str], Launcher]) -> Launcher:
    if request.param != "in_process":
        return each_once(request.param)
    return InProcessLauncher({name: module_of(name) for name in ("tiny", "incomplete", "together")})


@pytest.fixture
def job(tmp_path: Path) -> Callable[..., Job]:
    numbers = iter(range(100))

    def make(action: str = "measure", experiment: str = "tiny", **changes: Any) -> Job:
        name = f"job-{next(numbers)}"
        fields = {
            "id": name,
            "arm": "arm",
            "seed": 1,
            "experiment": experiment,
            "params": {"action": action, "folder": str(tmp_path)},
            "fidelity": "standard",
            "folder": str(tmp_path / name),
        }
        return Job(**{**fields, **changes})

    return make


def module_of(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"for_tests_{name}", EXPERIMENTS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def ended(launcher: Launcher, job: Job) -> Ended:
    (last,) = [event for event in launcher.run([job]) if isinstance(event, Ended)]
    return last


def result_of(job: Job) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((Path(job.folder) / "result.json").read_text())
    return result


def eventually(holds: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def gone(pids: list[int], seconds: float = PATIENCE) -> bool:
    return eventually(lambda: not any(alive(pid) for pid in pids), seconds)


def pids_in(folder: Path) -> list[int]:
    """The worker and the child of a job that sleeps, once it does."""
    assert eventually((folder / "pids").exists)
    return [int(pid) for pid in (folder / "pids").read_text().split()]


class TestEveryLauncher:
    def test_metrics_lie_in_the_folder_when_the_job_has_ended(
        self, launcher: Launcher, job: Callable[..., Job]
    ) -> None:
        measured = job()
        assert ended(launcher, measured).outcome == "ok"
        assert read_metrics(Path(measured.folder)) == [
            ("score", 0, 1.5),
            ("loss", 0, 1.0),
            ("loss", 1, 0.5),
            ("loss", 2, 1 / 3),
        ]

    def test_events_come_in_order_and_each_job_ends_once(
        self, launcher: Launcher, job: Callable[..., Job]
    ) -> None:
        jobs = [job(), job("raise"), job()]
        events = list(launcher.run(jobs))
        assert [event.job_id for event in events if isinstance(event, Ended)] == [one.id for one in jobs]
        for one in jobs:
            mine = [event for event in events if event.job_id == one.id]
            assert isinstance(mine[0], Started) and isinstance(mine[-1], Ended)
            assert mine[1] == Progressed(job_id=one.id, done=1, total=2)

    def test_started_names_a_live_process(self, launcher: Launcher, job: Callable[..., Job]) -> None:
        started = next(event for event in list(launcher.run([job()])) if isinstance(event, Started))
        assert psutil.Process(started.pid).create_time() == started.process_start
        assert started.host

    def test_one_process_serves_several_runs(self, launcher: Launcher, job: Callable[..., Job]) -> None:
        events = list(launcher.run([job(), job("raise"), job()]))
        assert len({event.pid for event in events if isinstance(event, Started)}) == 1

    @pytest.mark.parametrize(
        ("action", "outcome", "reason"),
        [
            ("raise", "code_error", "ValueError: the loss went away"),
            ("exit", "code_error", "SystemExit: 3"),
            ("nan", "bad_metric", "not finite: loss"),
            ("memory", "out_of_memory", "MemoryError"),
            ("torch_memory", "out_of_memory", "RuntimeError: DefaultCPUAllocator: can't allocate memory"),
        ],
    )
    def test_a_failure_has_its_outcome_reason_and_stderr(
        self, launcher: Launcher, job: Callable[..., Job], action: str, outcome: str, reason: str
    ) -> None:
        failing = job(action)
        last = ended(launcher, failing)
        assert last.outcome == outcome
        assert last.reason.startswith(reason)
        assert ("Traceback" in last.output) == (action != "nan")
        result = result_of(failing)
        assert round(result.pop("seconds"), 3) == last.seconds
        assert result == {
            "outcome": outcome,
            "reason": last.reason,
            "raised_at": last.raised_at,
            "device": "cpu",
            "versions": last.versions,
            "not_finite": ["loss"] if action == "nan" else [],
        }

    def test_a_run_that_is_ok_says_no_more(self, launcher: Launcher, job: Callable[..., Job]) -> None:
        last = ended(launcher, job())
        assert (last.outcome, last.reason, last.output) == ("ok", "", "")
        assert last.device == "cpu"

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"params": {"lr": 1}}, "experiment `tiny` has no parameter `lr`; it has action, device,"),
            ({"experiment": "nobody"}, "there is no experiment `nobody`"),
            ({"experiment": "incomplete"}, "experiment `incomplete` has no PRESETS and no describe"),
        ],
    )
    def test_a_job_that_cannot_begin_is_a_code_error(
        self, launcher: Launcher, job: Callable[..., Job], changes: dict[str, Any], reason: str
    ) -> None:
        last = ended(launcher, job(**changes))
        assert last.outcome == "code_error"
        assert last.reason.startswith(reason)

    def test_the_result_is_whole_and_nothing_lies_beside_it(
        self, launcher: Launcher, job: Callable[..., Job]
    ) -> None:
        measured = job()
        ended(launcher, measured)
        assert sorted(path.name for path in Path(measured.folder).iterdir()) == [
            "metrics.jsonl",
            "result.json",
        ]
        assert result_of(measured)["outcome"] == "ok"

    def test_jobs_are_taken_only_when_the_one_before_has_ended(
        self, launcher: Launcher, job: Callable[..., Job]
    ) -> None:
        seen: list[Event] = []

        def jobs() -> Iterator[Job]:
            yield job()
            assert isinstance(seen[-1], Ended)
            yield job()

        for event in launcher.run(jobs()):
            seen.append(event)
        assert len([event for event in seen if isinstance(event, Ended)]) == 2

    def test_no_jobs_give_no_events(self, launcher: Launcher) -> None:
        assert list(launcher.run([])) == []

    def test_describe_fills_defaults_and_presets(self, launcher: Launcher) -> None:
        standard, smoke = launcher.describe("tiny", [({}, "standard"), ({"action": "raise"}, "smoke")])
        config = {"device": "cpu", "action": "measure", "steps": 3, "folder": "", "wait_for": ""}
        assert standard == Description(
            config=config, data_name="nothing", data_digest="steps-3", sizes={"train": 2}, overlap=0.5
        )
        assert smoke.config == {**config, "action": "raise", "steps": 1}
        assert smoke.data_digest == "steps-1"

    def test_what_an_experiment_does_not_say_of_its_data_is_not_taken_for_nothing(
        self, launcher: Launcher
    ) -> None:
        (description,) = launcher.describe("together", [({}, "standard")])
        assert description.overlap is None

    @pytest.mark.parametrize(
        ("experiment", "params", "path", "text"),
        [
            ("tiny", {"lr": 1}, "arms", "has no parameter `lr`; it has action"),
            ("tiny", {"steps": "many"}, "arms", "does not take steps = 'many'"),
            ("tiny", {"action": "no_data"}, "arms", "FileNotFoundError: digits.npz"),
            ("nobody", {}, "experiment", "there is no experiment `nobody`"),
            ("incomplete", {}, "experiment", "has no PRESETS and no describe and no run"),
        ],
    )
    def test_describe_names_what_is_wrong(
        self, launcher: Launcher, experiment: str, params: dict[str, Any], path: str, text: str
    ) -> None:
        with pytest.raises(ProgramError) as error:
            launcher.describe(experiment, [({}, "smoke"), (params, "smoke")])
        ((where, what),) = error.value.problems
        assert where == (path,)
        assert text in what

    def test_a_command_is_run_with_its_places_filled(
        self, launcher: Launcher, job: Callable[..., Job]
    ) -> None:
        code = (
            "import json, sys; params, seed, fidelity, out = sys.argv[1:];"
            "lr = json.load(open(params))['lr'];"
            "open(out + '/metrics.jsonl', 'w').write(json.dumps(['loss', 0, lr]) + '\\n');"
            "json.dump({'seed': int(seed), fidelity: 1}, open(out + '/metrics.json', 'w'))"
        )
        words = (sys.executable, "-c", code, "{params}", "{seed}", "{fidelity}", "{out}")
        by_command = job(command=words, params={"lr": 0.1}, seed=4)
        assert ended(launcher, by_command).outcome == "ok"
        metrics = read_metrics(Path(by_command.folder))
        assert metrics == [("loss", 0, 0.1), ("seed", None, 4.0), ("standard", None, 1.0)]

    @pytest.mark.parametrize(
        ("code", "outcome", "reason"),
        [
            ("raise SystemExit(4)", "code_error", "the command ended with exit code 4"),
            (
                "import sys; sys.stderr.write('1\\nno  rows\\n\\n'); sys.exit(4)",
                "code_error",
                "the command ended with exit code 4: no rows",
            ),
            ("import os; os.kill(os.getpid(), 9)", "code_error", "the command ended with SIGKILL"),
            ("pass", "code_error", "the command wrote neither metrics.json nor metrics.jsonl"),
            ("put('metrics.json', '[1]')", "code_error", "metrics.json is not {name: number}"),
            (
                "put('metrics.json', '{\"a\": \"1\"}')",
                "code_error",
                'metrics.json is not {name: number}: "1" is no number',
            ),
            (
                "put('metrics.json', '{\"a\": true}')",
                "code_error",
                "metrics.json is not {name: number}: true is no number",
            ),
            ("put('metrics.jsonl', '[1]\\n')", "code_error", "line 1 of metrics.jsonl is not [name, step,"),
            ("put('metrics.json', '{\"a\": NaN}')", "bad_metric", "not finite: a"),
        ],
    )
    def test_a_command_that_fails_says_how(
        self, launcher: Launcher, job: Callable[..., Job], code: str, outcome: str, reason: str
    ) -> None:
        put = "put = lambda name, text: open(r'{out}/' + name, 'w').write(text)\n"
        last = ended(launcher, job(command=(sys.executable, "-c", put + code), params={}))
        assert last.outcome == outcome
        assert last.reason.startswith(reason)

    @pytest.mark.parametrize(("kind", "outcome"), [("code", "code_changed"), ("data", "data_changed")])
    @pytest.mark.parametrize("state", [None, [0, 0, 0, 0]])
    def test_a_file_that_is_not_as_it_was_planned_ends_the_job_so(
        self,
        launcher: Launcher,
        job: Callable[..., Job],
        tmp_path: Path,
        kind: str,
        outcome: str,
        state: list[int] | None,
    ) -> None:
        file = tmp_path / "file"
        file.touch()
        as_it_is = {kind: {str(file): state_of(file)}}
        assert ended(launcher, job(watched=as_it_is)).outcome == "ok"
        last = ended(launcher, job(watched={kind: {str(file): state}}))
        assert (last.outcome, last.reason) == (outcome, f"{file} changed while the run was at work")

    def test_a_command_is_given_its_parameters_as_flags_and_one_by_one(
        self, launcher: Launcher, job: Callable[..., Job], tmp_path: Path
    ) -> None:
        params = {"lr": 0.1, "name": "a b", "sizes": [1, 2], "on": True}
        code = "import json, sys; json.dump(sys.argv[2:], open(sys.argv[1], 'w'))"
        words = (sys.executable, "-c", code, str(tmp_path / "given"), "{flags}", "{params.lr}/{params.name}")
        ended(launcher, job(command=words, params=params))
        flags = ["--lr", "0.1", "--name", "a b", "--sizes", "[1, 2]", "--on", "true"]
        assert json.loads((tmp_path / "given").read_text()) == [*flags, "0.1/a b"]

    def test_a_command_that_is_not_there_is_missing_around_the_run(
        self, launcher: Launcher, job: Callable[..., Job]
    ) -> None:
        last = ended(launcher, job(command=("no-such-program",)))
        assert last.outcome == "environment"
        assert "no-such-program" in last.reason


class TestASecondTry:
    def left_by_the_first(self, one: Job) -> Path:
        folder = Path(one.folder)
        (folder / "artifacts").mkdir(parents=True)
        (folder / "artifacts" / "old.csv").touch()
        (folder / "metrics.jsonl").write_text('["loss", 9, 0.1]\n["aside", 4, NaN]\n')
        return folder

    def test_without_a_checkpoint_it_starts_afresh(self, launcher: Launcher, job: Callable[..., Job]) -> None:
        again = job()
        folder = self.left_by_the_first(again)
        assert ended(launcher, again).outcome == "ok"
        assert ("loss", 9, 0.1) not in read_metrics(folder)
        assert not (folder / "artifacts").exists()

    def test_with_a_checkpoint_what_was_measured_before_stays_and_counts(
        self, launcher: Launcher, job: Callable[..., Job]
    ) -> None:
        again = job()
        folder = self.left_by_the_first(again)
        (folder / "checkpoint").mkdir()
        (folder / "checkpoint" / "net.pt").touch()
        last = ended(launcher, again)
        assert (last.outcome, last.reason) == ("bad_metric", "not finite: aside")
        assert ("loss", 9, 0.1) in read_metrics(folder)
        assert (folder / "artifacts" / "old.csv").exists()


class TestSeedsTogether:
    @pytest.fixture
    def trio(self, job: Callable[..., Job]) -> Callable[..., list[Job]]:
        def make(**params: Any) -> list[Job]:
            return [
                job(experiment="together", params=params, seed=seed, more_together=2 if seed == 0 else 0)
                for seed in range(3)
            ]

        return make

    def test_they_train_at_once_and_each_has_a_result_of_its_own(
        self, shared: LocalLauncher, trio: Callable[..., list[Job]]
    ) -> None:
        jobs = trio()
        events = list(shared.run(jobs))
        kinds = [type(event) for event in events]
        assert kinds == [Started] * 3 + [Progressed] * 3 + [Ended] * 3
        for one in jobs:
            assert read_metrics(Path(one.folder)) == [
                ("score", None, one.seed + 0.5),
                ("trained_with", None, 3.0),
            ]
            assert result_of(one)["outcome"] == "ok"

    def test_where_one_fails_each_is_run_alone(
        self, shared: LocalLauncher, trio: Callable[..., list[Job]]
    ) -> None:
        jobs = trio(bad_seed=1)
        last = [event for event in shared.run(jobs) if isinstance(event, Ended)]
        assert [event.outcome for event in last] == ["ok", "code_error", "ok"]
        assert last[1].reason == "ValueError: seed 1 went wrong"
        assert read_metrics(Path(jobs[2].folder))[-1] == ("trained_with", None, 1.0)

    def test_a_slow_machine_ends_them_all(
        self, shared: LocalLauncher, trio: Callable[..., list[Job]]
    ) -> None:
        last = [event for event in shared.run(trio(action="slow")) if isinstance(event, Ended)]
        reasons = {(event.outcome, event.reason) for event in last}
        assert (len(last), reasons) == (3, {("slowdown", "batches take 9 times as long")})

    def test_the_death_of_their_worker_ends_each_once(
        self, shared: LocalLauncher, trio: Callable[..., list[Job]]
    ) -> None:
        jobs = trio(action="die")
        last = [event for event in shared.run(jobs) if isinstance(event, Ended)]
        assert [event.job_id for event in last] == [one.id for one in jobs]
        assert {event.outcome for event in last} == {"killed"}

    def test_an_experiment_says_how_many(self, shared: LocalLauncher) -> None:
        (description,) = shared.describe("together", [({}, "standard")])
        (alone,) = shared.describe("tiny", [({}, "standard")])
        assert (description.together, alone.together) == (3, 1)

    def test_one_process_runs_them_one_by_one(self, trio: Callable[..., list[Job]]) -> None:
        jobs = trio()
        last = list(InProcessLauncher({"together": module_of("together")}).run(jobs))
        assert [e.outcome for e in last if isinstance(e, Ended)] == ["ok"] * 3
        assert read_metrics(Path(jobs[0].folder))[-1] == ("trained_with", None, 1.0)


class TestLocalLauncher:
    def test_two_jobs_run_side_by_side(self, pair: LocalLauncher, job: Callable[..., Job]) -> None:
        first, second = job("meet"), job("meet")
        jobs = [
            first.model_copy(update={"params": {"action": "meet", "wait_for": second.folder}}),
            second.model_copy(update={"params": {"action": "meet", "wait_for": first.folder}}),
        ]
        events = list(pair.run(jobs))
        assert [event.outcome for event in events if isinstance(event, Ended)] == ["ok", "ok"]

    @pytest.mark.parametrize(
        ("action", "reason"),
        [
            ("die", "its process left with exit code 3"),
            ("kill_self", "its process was killed by SIGKILL"),
            ("leave_a_forked_child", "its process left with exit code 3"),
        ],
    )
    def test_a_run_that_ends_its_process_is_killed_and_the_next_is_served(
        self, shared: LocalLauncher, job: Callable[..., Job], action: str, reason: str
    ) -> None:
        dying, after = job(action), job()
        events = list(shared.run([dying, after]))
        died, served = [event for event in events if isinstance(event, Ended)]
        assert (died.job_id, died.outcome, died.reason) == (dying.id, "killed", reason)
        assert ("about to leave" in died.output) == (action == "die")
        assert (served.job_id, served.outcome) == (after.id, "ok")
        assert read_metrics(Path(dying.folder)) == [("score", 0, 1.5)]
        assert not (Path(dying.folder) / "result.json").exists()

    def test_a_complete_result_counts_although_the_worker_died(
        self, shared: LocalLauncher, job: Callable[..., Job]
    ) -> None:
        last = ended(shared, job("die_after_the_result"))
        assert (last.outcome, last.seconds) == ("ok", 2.5)

    def test_a_result_of_an_earlier_attempt_does_not_count(
        self, shared: LocalLauncher, job: Callable[..., Job]
    ) -> None:
        retried = job("kill_self")
        Path(retried.folder).mkdir()
        (Path(retried.folder) / "result.json").write_text('{"outcome": "ok", "reason": "", "seconds": 1}')
        assert ended(shared, retried).outcome == "killed"

    def test_a_worker_killed_from_outside(
        self, shared: LocalLauncher, job: Callable[..., Job], tmp_path: Path
    ) -> None:
        outcomes = []
        for event in shared.run([job("sleep")]):
            if isinstance(event, Started):
                _, child = pids_in(tmp_path)
                os.kill(event.pid, signal.SIGTERM)
            elif isinstance(event, Ended):
                outcomes.append((event.outcome, event.reason))
        assert outcomes == [("killed", "the worker was killed by SIGTERM")]
        assert gone([child])

    def test_an_idle_worker_that_died_is_replaced_unseen(
        self, shared: LocalLauncher, job: Callable[..., Job]
    ) -> None:
        first = next(event for event in list(shared.run([job()])) if isinstance(event, Started))
        assert alive(first.pid)
        os.kill(first.pid, signal.SIGKILL)
        assert ended(shared, job()).outcome == "ok"

    def test_a_run_that_takes_too_long_ends_with_its_child(
        self, shared: LocalLauncher, job: Callable[..., Job], tmp_path: Path
    ) -> None:
        slow = job("sleep", timeout=0.5)
        last = ended(shared, slow)
        assert (last.outcome, last.reason) == ("timeout", "took longer than 0.5 s")
        assert 0.5 <= last.seconds < 10
        assert gone(pids_in(tmp_path))

    def test_a_module_that_cannot_be_imported(self, shared: LocalLauncher, job: Callable[..., Job]) -> None:
        text = "experiment `broken` cannot be imported: ModuleNotFoundError: No module named 'a_module_that"
        last = ended(shared, job(experiment="broken"))
        assert last.outcome == "code_error"
        assert last.reason.startswith(text)
        with pytest.raises(ProgramError, match="a_module_that_nobody_has") as error:
            shared.describe("broken", [({}, "smoke")])
        assert error.value.problems[0][0] == ("experiment",)

    def test_describing_that_ends_its_process_is_the_experiments_fault(
        self, shared: LocalLauncher, job: Callable[..., Job]
    ) -> None:
        with pytest.raises(
            ProgramError, match="did not live to describe its data: its process left with exit code 7"
        ):
            shared.describe("tiny", [({"action": "die"}, "smoke")])
        assert ended(shared, job()).outcome == "ok"

    def test_describing_goes_on_while_all_workers_are_at_work(
        self, shared: LocalLauncher, job: Callable[..., Job]
    ) -> None:
        running = shared.run([job(), job()])
        next(running)
        assert shared.describe("tiny", [({}, "smoke")])
        assert [event.outcome for event in running if isinstance(event, Ended)] == ["ok", "ok"]

    def test_an_interpreter_that_does_not_start_loses_the_job(
        self, home: Path, tmp_path: Path, job: Callable[..., Job]
    ) -> None:
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\necho tried >> {tmp_path}/tries\necho no room >&2\nexit 1\n")
        python.chmod(0o755)
        launcher = LocalLauncher(home, 1, tmp_path / "logs", str(python))
        (last,) = launcher.run([job()])
        assert isinstance(last, Ended)
        assert (last.outcome, last.reason) == ("lost", "worker did not start: no room")
        assert last.output == "no room\n"
        assert (tmp_path / "tries").read_text() == "tried\n" * 3
        with pytest.raises(PhasegateError, match="worker did not start: no room"):
            launcher.describe("tiny", [])

    def test_an_interpreter_that_is_not_there_is_an_error(
        self, home: Path, tmp_path: Path, job: Callable[..., Job]
    ) -> None:
        launcher = LocalLauncher(home, 1, tmp_path / "logs", str(tmp_path / "nowhere"))
        with pytest.raises(PhasegateError, match="a worker cannot be started"):
            list(launcher.run([job()]))

    def test_megabytes_of_output_neither_block_nor_break_the_answers(
        self, shared: LocalLauncher, job: Callable[..., Job]
    ) -> None:
        talking = job("talk")
        assert ended(shared, talking).outcome == "ok"
        assert result_of(talking)["outcome"] == "ok"

    def test_a_worker_knows_neither_the_planner_nor_mlflow(
        self, shared: LocalLauncher, job: Callable[..., Job]
    ) -> None:
        listing = job("modules")
        shared.describe("tiny", [({}, "smoke")])
        assert ended(shared, listing).outcome == "ok"
        modules = (Path(listing.folder) / "artifacts" / "modules.txt").read_text().split("\n")
        assert "experiments.tiny" in modules
        assert not {"planner", "mlflow", "torch"} & {name.partition(".")[0] for name in modules}

    def test_a_home_may_replace_and_add_experiments_and_parts(
        self, tmp_path: Path, job: Callable[..., Job]
    ) -> None:
        parts = tmp_path / "experiments" / "parts"
        parts.mkdir(parents=True)
        (tmp_path / "library.py").write_text("VALUE = 3\n")
        (parts / "own.py").write_text("from library import VALUE\n")
        for name in ("credit_linesearch", "mine"):
            (tmp_path / "experiments" / f"{name}.py").write_text(
                "from experiments.contract import Config\nfrom experiments.parts.own import VALUE\n"
                "PRESETS = {}\ndescribe = None\n"
                "def run(config, seed, log): log.metric('value', VALUE)\n"
            )
        launcher = LocalLauncher(tmp_path, 1, tmp_path / "logs")
        jobs = [job(experiment=name, params={}) for name in ("credit_linesearch", "mine")]
        list(launcher.run(jobs))
        launcher.close()
        assert [read_metrics(Path(one.folder)) for one in jobs] == [[("value", None, 3.0)]] * 2

    def test_a_home_may_replace_one_part_of_a_study_and_keeps_the_others(
        self, tmp_path: Path, job: Callable[..., Job]
    ) -> None:
        own = tmp_path / "experiments" / "parts" / "gated_ctr"
        own.mkdir(parents=True)
        (own / "auc.py").write_text("def auc(scores, labels): return 3.0\n")
        (tmp_path / "experiments" / "mine.py").write_text(
            "from experiments.contract import Config\n"
            "from experiments.parts.gated_ctr.auc import auc\n"
            "from experiments.parts.gated_ctr.schedules import lr_factor\n"
            "PRESETS = {}\ndescribe = None\n"
            "def run(config, seed, log): log.metric('value', auc([], []) * lr_factor('none', 0, 1, 1))\n"
        )
        launcher = LocalLauncher(tmp_path, 1, tmp_path / "logs")
        mine = job(experiment="mine", params={})
        list(launcher.run([mine]))
        launcher.close()
        assert read_metrics(Path(mine.folder)) == [("value", None, 3.0)]

    def test_progress_is_told_at_most_five_times_a_second(
        self, shared: LocalLauncher, job: Callable[..., Job]
    ) -> None:
        events = list(shared.run([job("hurry")]))
        progress = [event for event in events if isinstance(event, Progressed)]
        last = events[-1]
        assert isinstance(last, Ended) and last.outcome == "ok"
        assert 2 <= len(progress) <= 1 + last.seconds / 0.2

    def test_torch_uses_the_threads_that_it_is_given(
        self, shared: LocalLauncher, job: Callable[..., Job]
    ) -> None:
        counted = job("threads")
        assert ended(shared, counted).outcome == "ok"
        assert ("threads", None, 1.0) in read_metrics(Path(counted.folder))

    def test_each_run_begins_in_the_home_folder(
        self, shared: LocalLauncher, job: Callable[..., Job], home: Path
    ) -> None:
        jobs = [job("wander"), job("wander")]
        list(shared.run(jobs))
        for one in jobs:
            assert (Path(one.folder) / "artifacts" / "cwd.txt").read_text() == str(home.resolve())

    def test_closing_the_iterator_leaves_no_run(
        self, pair: LocalLauncher, job: Callable[..., Job], tmp_path: Path
    ) -> None:
        events = pair.run([job("sleep"), job()])
        next(event for event in events if isinstance(event, Started))
        pids = pids_in(tmp_path)
        events.close()
        assert gone(pids)

    def test_an_interrupt_leaves_no_run(
        self, pair: LocalLauncher, job: Callable[..., Job], tmp_path: Path
    ) -> None:
        def jobs() -> Iterator[Job]:
            yield job("sleep")
            pids_in(tmp_path)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            list(pair.run(jobs()))
        assert gone(pids_in(tmp_path))

    def test_close_ends_idle_workers_and_another_run_starts_new_ones(
        self, pair: LocalLauncher, job: Callable[..., Job]
    ) -> None:
        pids = [event.pid for event in pair.run([job()]) if isinstance(event, Started)]
        assert all(alive(pid) for pid in pids)
        pair.close()
        assert not any(alive(pid) for pid in pids)
        assert ended(pair, job()).outcome == "ok"

    @pytest.mark.parametrize("action", ["sleep", "measure"])
    def test_workers_do_not_outlive_their_parent(
        self, home: Path, tmp_path: Path, job: Callable[..., Job], action: str
    ) -> None:
        code = (
            "import sys, time; from pathlib import Path\n"
            "from planner.io.workers.launcher import LocalLauncher; from planner.records.jobs import Job\n"
            "launcher = LocalLauncher(Path(sys.argv[1]), 1, Path(sys.argv[2]))\n"
            "for event in launcher.run([Job.model_validate_json(sys.argv[3])]):\n"
            "    print(event.model_dump_json(), flush=True)\n"
            "time.sleep(600)\n"
        )
        words = [sys.executable, "-c", code, str(home), str(tmp_path / "logs"), job(action).model_dump_json()]
        with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            pids = [json.loads(parent.stdout.readline())["pid"]]
            if action == "sleep":
                pids = pids_in(tmp_path)
            else:
                next(line for line in parent.stdout if "outcome" in line)
            parent.kill()
        assert gone(pids)


def test_a_commands_description_changes_with_its_words() -> None:
    first, other = (command.describe(["python", word], {"lr": 1}) for word in ("a.py", "b.py"))
    assert Description(**first).config == {"lr": 1}
    assert first["data_name"] == "given by the command"
    assert first["data_digest"] != other["data_digest"]
