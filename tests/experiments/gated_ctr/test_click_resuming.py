"""Runs that were cut, and seeds that train together."""

from __future__ import annotations

import gc
import multiprocessing

import pytest

from tests.experiments.gated_ctr.click_runs import Killed, cut_after, measured, together


def test_loader_processes_change_nothing_and_do_not_outlive_a_run(tmp_path):
    assert measured(tmp_path / "0", epochs=2) == measured(tmp_path / "2", epochs=2, num_workers=2)
    with pytest.raises(Killed):
        measured(tmp_path / "cut", on_progress=cut_after(3), num_workers=2)
    gc.collect()
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("batches", [3, 8, 14, 15])  # 7 batches an epoch
def test_a_run_that_was_cut_anywhere_resumes_with_the_same_metrics(tmp_path, batches):
    params = {"schedule": "warmup_cosine", "warmup_epochs": 1.0, "label_smoothing": 0.1}
    whole = measured(tmp_path / "whole", **params)
    with pytest.raises(Killed):
        measured(tmp_path / "cut", on_progress=cut_after(batches), **params)
    (tmp_path / "cut" / "metrics.jsonl").unlink()
    assert measured(tmp_path / "cut", **params) == whole


def test_a_torn_checkpoint_or_one_of_another_arm_starts_afresh(tmp_path):
    whole = measured(tmp_path / "whole")
    measured(tmp_path / "other", lr=0.1)
    assert measured(tmp_path / "other") == whole
    (tmp_path / "other" / "checkpoint" / "training.pt").write_bytes(b"PK torn")
    assert measured(tmp_path / "other") == whole


def close(one, other):
    """Equal within float tolerance, which may swap two rows of nearly one score: 3e-5 of an AUC."""
    assert one.keys() == other.keys()
    for key in one:
        assert one[key] == pytest.approx(other[key], rel=1e-4, abs=1e-4), key


def test_seeds_together_give_what_each_gives_alone(tmp_path):
    params = {"label_smoothing": 0.05, "weight_decay": 1e-3, "schedule": "warmup_cosine"}
    by_seed = together(tmp_path / "all", [3, 0, 7], **params)
    for seed in (3, 0, 7):
        close(by_seed[seed], measured(tmp_path / f"alone {seed}", seed=seed, **params))


def test_seeds_that_were_cut_together_resume_alone_and_the_other_way_round(tmp_path):
    alone = {seed: measured(tmp_path / f"alone {seed}", seed=seed) for seed in (0, 1, 2)}
    with pytest.raises(Killed):
        together(tmp_path / "cut", [0, 1], on_progress=cut_after(10))
    close(measured(tmp_path / "cut" / "1", seed=1), alone[1])
    with pytest.raises(Killed):
        measured(tmp_path / "cut" / "2", seed=2, on_progress=cut_after(17))
    by_seed = together(tmp_path / "cut", [2, 0, 1])  # two, one and all epochs behind them
    for seed in (0, 1, 2):
        close(by_seed[seed], alone[seed])
