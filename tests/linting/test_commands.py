"""A command whose runs would all be the same, or of whose words nobody knows what they mean, is told."""

from __future__ import annotations

import pytest

from planner.linting.commands import command_findings
from tests.support.builders import make_program

OFFERED = "{params}, {flags}, {seed}, {fidelity}, {out}, {params.NAME}"


def findings_of(*words: str) -> list[tuple[str, str]]:
    higher = {"metric": "acc", "arm": "new", "versus": "base", "better_by": 0.1}
    program = make_program({"higher": higher}, arms={"base": {"lr": 0.1}, "new": {"lr": 1.0}})
    program = program.model_copy(update={"experiment": None, "command": list(words)})
    return [(finding.severity, finding.what) for finding in command_findings(program)]


@pytest.mark.parametrize(
    "words",
    [
        ["python", "train.py", "{seed}", "{params}", "--out={out}"],
        ["python", "train.py", "--seed", "{seed}", "{flags}", "{fidelity}", "{out}"],
        ["python", "train.py", "--lr={params.lr}", "{seed}", "{out}"],
        ["sh", "-c", "echo ${HOME} $0 {seed} {params}", "{out}"],
        [],
    ],
)
def test_a_command_that_takes_seed_and_parameters_is_sound(words: list[str]) -> None:
    assert findings_of(*words) == []


@pytest.mark.parametrize(
    ("word", "what"),
    [
        ("{sed}", "'{sed}' is no placeholder; there are " + OFFERED),
        ("{params.lrr}", "no arm has a parameter 'lrr'; did you mean 'lr'?"),
        ("x{flags}", "{flags} stands for several words: write it as a word of its own"),
    ],
)
def test_a_placeholder_that_nothing_replaces_is_an_error(word: str, what: str) -> None:
    assert findings_of("python", "{seed}", "{params}", word) == [("error", what)]


def test_a_command_without_seed_and_parameters_is_an_error_and_one_without_a_seed_a_warning() -> None:
    assert findings_of("python", "{out}") == [
        ("error", "takes neither {seed} nor {params}: every run would be the same")
    ]
    assert findings_of("python", "{params}", "{out}") == [
        ("warning", "takes no {seed}: all seeds of an arm would be the same run")
    ]
