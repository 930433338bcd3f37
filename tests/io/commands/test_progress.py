"""What a person sees of a batch of runs."""

from __future__ import annotations

import io

import pytest

from planner.io.commands.progress import Progress, in_words, seconds_left
from planner.records.jobs import Ended, Job, Progressed, Started
from planner.records.runs import RunOutcome


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def job(number: int, arm: str = "oracle_norm") -> Job:
    return Job(
        id=f"job-{number}",
        arm=arm,
        seed=number,
        experiment="tiny",
        params={},
        fidelity="smoke",
        folder=f"runs/{number}",
    )


def ended(number: int, seconds: float, outcome: RunOutcome = "ok", reason: str = "") -> Ended:
    return Ended(job_id=f"job-{number}", outcome=outcome, reason=reason, seconds=seconds)


def started(number: int) -> Started:
    return Started(job_id=f"job-{number}", pid=1, process_start=0.0, host="here")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (4.2, "4.2 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (70, "1 min 10 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations_are_said_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@pytest.mark.parametrize(
    ("spent", "done", "remaining", "workers", "left"),
    [
        (0, 0, 5, 1, None),
        (8, 2, 3, 1, 12),
        (8, 2, 3, 2, 8),
        (8, 2, 4, 2, 8),
        (8, 2, 0, 2, 0),
        (8, 2, 3, 0, 12),
    ],
)
def test_time_left_is_the_mean_run_times_the_rounds_to_come(
    spent: float, done: int, remaining: int, workers: int, left: float | None
) -> None:
    assert seconds_left(spent, done, remaining, workers) == left


def test_without_a_terminal_each_ended_run_is_a_line() -> None:
    stream = io.StringIO()
    progress = Progress(workers=2, stream=stream, environment={}, clock=Clock())
    progress.start(18, "samebatch")
    for number in range(1, 4):
        progress.event(job(number), started(number))
        progress.event(job(number), Progressed(job_id=f"job-{number}", done=1, total=2))
        progress.event(job(number), ended(number, 8.75))
    progress.finish()
    first = stream.getvalue().splitlines()[0]
    assert first == "[ 1/18] oracle_norm seed 1 ok 8.8 s, about 1 min 19 s left"
    assert len(stream.getvalue().splitlines()) == 3
    assert "\x1b" not in stream.getvalue()


def test_a_failure_says_why_and_the_last_run_says_no_time() -> None:
    stream = io.StringIO()
    progress = Progress(stream=stream, environment={}, clock=Clock())
    progress.start(2, "samebatch")
    progress.event(job(1), ended(1, 70, "code_error", "ValueError: no"))
    progress.event(job(2), ended(2, 4.2))
    assert stream.getvalue() == (
        "[1/2] oracle_norm seed 1 code_error 1 min 10 s (ValueError: no), about 1 min 10 s left\n"
        "[2/2] oracle_norm seed 2 ok 4.2 s\n"
    )


def test_what_several_runs_ended_in_is_told_once_and_counted_at_the_end() -> None:
    stream = io.StringIO()
    progress = Progress(stream=stream, environment={}, clock=Clock())
    progress.start(4, "samebatch")
    for number, arm in enumerate(("a", "b", "b"), 1):
        crash = ended(number, 1, "code_error", "ValueError: no rows").model_copy(
            update={"raised_at": "experiments/evil.py:24"}
        )
        progress.event(job(number, arm), crash)
    progress.event(job(4), ended(4, 1, "code_error", "another"))
    progress.finish()
    progress.finish()
    assert stream.getvalue().splitlines() == [
        "[1/4] a seed 1 code_error 1.0 s (ValueError: no rows, experiments/evil.py:24), about 3.0 s left",
        "[2/4] b seed 2 code_error 1.0 s, about 2.0 s left",
        "[3/4] b seed 3 code_error 1.0 s, about 1.0 s left",
        "[4/4] oracle_norm seed 4 code_error 1.0 s (another)",
        "3 runs of a and b crashed: ValueError: no rows (experiments/evil.py:24)",
    ]


def test_time_left_passes_with_the_clock() -> None:
    clock = Clock()
    progress = Progress(stream=io.StringIO(), environment={}, clock=clock)
    progress.start(3, "samebatch")
    assert progress.left() is None
    progress.event(job(1), ended(1, 10))
    assert progress.left() == 20
    clock.now = 5
    assert progress.left() == 15
    clock.now = 50
    assert progress.left() == 0


def test_a_batch_starts_from_nothing_and_may_grow() -> None:
    stream = io.StringIO()
    progress = Progress(stream=stream, environment={}, clock=Clock())
    progress.start(1, "first")
    progress.event(job(1), ended(1, 100))
    progress.start(1, "second")
    assert progress.left() is None
    progress.event(job(2), ended(2, 1))
    progress.event(job(3), ended(3, 1))
    assert stream.getvalue().splitlines()[-1] == "[2/2] oracle_norm seed 3 ok 1.0 s"


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_a_terminal_shows_a_bar_and_obeys_no_color(
    monkeypatch: pytest.MonkeyPatch, no_color: str, coloured: bool
) -> None:
    for name, value in (("TERM", "xterm-256color"), ("COLUMNS", "200"), ("NO_COLOR", no_color)):
        monkeypatch.setenv(name, value)
    stream = Terminal()
    progress = Progress(stream=stream, environment={"NO_COLOR": no_color}, clock=Clock())
    progress.start(2, "samebatch")
    progress.event(job(1, "arm[one]"), started(1))
    progress.event(job(2, "two"), started(2))
    progress.event(job(1, "arm[one]"), Progressed(job_id="job-1", done=1, total=4))
    progress.event(job(1, "arm[one]"), ended(1, 3, "killed", "by [somebody]"))
    progress.finish()
    progress.finish()
    shown = stream.getvalue()
    assert "samebatch" in shown
    assert "[1/2] arm[one] seed 1 killed 3.0 s (by [somebody])" in shown
    assert "1/2" in shown and "about 3.0 s left" in shown and "two" in shown
    assert ("\x1b[38;" in shown) == coloured


@pytest.mark.parametrize("total", [0.0, -1.0])
def test_progress_of_nothing_is_no_progress(total: float) -> None:
    progress = Progress(stream=io.StringIO(), environment={})
    progress.start(1, "samebatch")
    progress.event(job(1), started(1))
    progress.event(job(1), Progressed(job_id="job-1", done=1, total=total))
