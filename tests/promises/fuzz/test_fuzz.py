"""A short run of ``make fuzz``: the same cases every time, and a way to see that it would notice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.promises.fuzz.__main__ import fuzz, import_everything
from tests.promises.fuzz.attacks import ATTACKS, Attack
from tests.promises.fuzz.case import attempt, chance_of
from tests.promises.fuzz.homes import Homes
from tests.promises.fuzz.judge import active, faults_of
from tests.support.small_homes import Reply

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    made = Homes(tmp_path_factory.mktemp("fuzz") / "homes")
    made.make(["quick"])
    import_everything(made)
    return made


def test_no_damage_breaks_a_promise(homes: Homes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = fuzz(homes, seed=1, seconds=300, only=None, keep=tmp_path / "failures", most=12)
    assert not failed, capsys.readouterr().out


def test_the_same_seed_gives_the_same_cases(homes: Homes) -> None:
    for number in range(2):
        first, again = (attempt(homes, ATTACKS[0], chance_of(2, number)) for _ in range(2))
        assert [(ran.words, ran.code) for ran in first.ran] == [(ran.words, ran.code) for ran in again.ran]
        assert len(first.ran) == 10


def test_what_is_written_outside_the_home_is_noticed(homes: Homes) -> None:
    def strike(home: Path, chance: object) -> str:
        (home.parent / "beside" / "owned").write_text("x")
        (home.parent / "here" / "canary.txt").write_text("x")
        return "quick"

    wrong = attempt(homes, Attack("program", "quick", strike), chance_of(0, 0)).wrong
    assert any("owned was written" in line for line in wrong)
    assert any("canary.txt was written" in line for line in wrong)


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        (Reply(3, "", "x"), "exit code 3"),
        (Reply(1, "", "unexpected error: KeyError"), "unexpected error"),
        (Reply(69, "", "one\ntwo"), "2 lines"),
        (Reply(2, "", ""), "without a word"),
        (Reply(0, "\x1b[31m", ""), "U+001B"),
        (Reply(65, "", "x" * 2000), "2000 characters"),
    ],
)
def test_a_broken_promise_is_noticed(reply: Reply, what: str) -> None:
    assert any(what in fault for fault in faults_of(("status",), reply))


@pytest.mark.parametrize("out", ["{", '{"schema": "phasegate.status/1", "x": NaN}', "{}", "[]"])
def test_broken_json_is_noticed(out: str) -> None:
    assert list(faults_of(("status", "--json"), Reply(0, out, "")))


@pytest.mark.parametrize("text", ["[a](b)", "![a](http://b)", "<script>", "~~a~~", "<img src=x onerror=1>"])
def test_active_text_is_noticed(text: str) -> None:
    assert list(active(text))
