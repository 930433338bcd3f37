"""Runs that were cut, and seeds that train together."""

from __future__ import annotations

import pytest

from experiments import ep_contraction as study
from experiments.contract import MetricLog
from tests.experiments.ep_contraction.fixed_point_runs import TINY, Killed, measured, values


@pytest.mark.parametrize("looks", [1, 2, 3])
@pytest.mark.parametrize("gradient", ["bptt", "ep"])
def test_a_run_resumed_after_a_cut_equals_the_unbroken_one_and_logs_everything_again(
    tmp_path, gradient, looks
):
    params = {"gradient": gradient, "start": "pre_drift_checkpoint", "contraction_penalty": 1.0}
    whole, _ = measured(tmp_path / "whole", **params)

    def kill(done, _total):
        if done == 2 * looks:
            raise Killed

    log = MetricLog(tmp_path / "broken", kill)
    with pytest.raises(Killed):
        study.run(study.Config(**TINY | params), 0, log)
    log.close()
    (tmp_path / "broken" / "metrics.jsonl").unlink()
    resumed, progress = measured(tmp_path / "broken", **params)
    assert resumed == whole
    assert len(progress) == 4 - looks
    same = [(tmp_path / name / "artifacts" / "trajectory.csv").read_text() for name in ("whole", "broken")]
    assert same[0] == same[1]


@pytest.mark.parametrize("damage", ["torn", "of another arm"])
def test_a_checkpoint_that_is_torn_or_of_another_arm_is_left_aside(tmp_path, damage):
    whole, _ = measured(tmp_path / "whole")
    file = tmp_path / "other" / "checkpoint" / "training.pt"
    measured(tmp_path / "other", lr=0.1)
    if damage == "torn":
        file.write_bytes(file.read_bytes()[:100])
    (tmp_path / "other" / "metrics.jsonl").unlink()
    metrics, _ = measured(tmp_path / "other")
    assert metrics == whole


@pytest.mark.parametrize(
    "params",
    [
        {"gradient": "bptt"},
        {"gradient": "oracle", "start": "pre_drift_checkpoint", "unsettled": "drop"},
        {"gradient": "ep", "contraction_penalty": 1.0, "resreg": 1.0, "jacreg": 0.5},
        {"gradient": "holomorphic"},
        {"gradient": "forward", "width": 20},
        {"gradient": "transpose", "measure": "gradient_only", "refine_to": 1e-3},
        {"gradient": "bptt", "lr": 1.0},
    ],
    ids=str,
)
def test_seeds_together_give_what_each_gives_alone_bit_for_bit(tmp_path, params):
    seeds = (3, 0, 7)
    alone = [measured(tmp_path / f"alone {seed}", seed, **params)[0] for seed in seeds]
    logs = [MetricLog(tmp_path / f"together {seed}") for seed in seeds]
    study.run_together(study.Config(**TINY | params), seeds, logs)
    assert [values(log.folder) for log in logs] == alone


def test_seeds_that_are_unequally_far_go_on_together(tmp_path):
    params = {"gradient": "ep"}
    alone = [measured(tmp_path / f"alone {seed}", seed, **params)[0] for seed in range(3)]

    def kill(done, _total):
        if done == 4:
            raise Killed

    log = MetricLog(tmp_path / "1", kill)
    with pytest.raises(Killed):
        study.run(study.Config(**TINY | params), 1, log)
    log.close()
    (tmp_path / "1" / "metrics.jsonl").unlink()
    logs = [MetricLog(tmp_path / str(seed)) for seed in range(3)]
    study.run_together(study.Config(**TINY | params), range(3), logs)
    assert [values(log.folder) for log in logs] == alone
