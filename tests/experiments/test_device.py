"""What is known of the device on which a configuration runs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from experiments.contract import Config
from experiments.measuring import device_of


@pytest.mark.parametrize(
    ("requested", "device"),
    [("cpu", "cpu"), ("cuda", "cuda"), ("cuda:1", "cuda"), ("mps", "mps"), ("auto", None)],
)
def test_a_device_is_told_by_its_kind_and_not_where_the_run_chooses(
    requested: str, device: str | None
) -> None:
    assert device_of(Config(device=requested)) == device


def test_an_experiment_without_a_word_of_it_runs_on_the_cpu() -> None:
    assert device_of(SimpleNamespace()) == "cpu"
