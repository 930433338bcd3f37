"""Windows of bars: made up, shifted, split, and how much they overlap."""

from __future__ import annotations

import pytest
import torch

from experiments import span_multitask as study
from experiments.parts.span_multitask import windows
from experiments.parts.span_multitask.generator import STEPS, generate
from tests.experiments.span_multitask.span_runs import TINY, tiny_windows


def test_generated_windows_are_as_described():
    made = generate(400, 0.6, "centres", 0)
    assert made.x.shape == (400, STEPS, 12)
    assert torch.isfinite(made.x).all()
    assert 6.5 < made.length.float().mean() < 8.5
    assert 0.06 < made.mask.mean() < 0.085
    assert torch.equal(made.mask.sum(1).long(), made.length)
    opens, high, low, close = made.prices.unbind(2)
    assert (high >= torch.maximum(opens, close)).all()
    assert (low <= torch.minimum(opens, close)).all()
    torch.testing.assert_close(opens[:, 1:], close[:, :-1])


def test_the_signal_is_in_the_span_and_grows_with_snr():
    drift = []
    for snr in (0.0, 1.0):
        made = generate(300, snr, "uniform", 0)
        moved = (made.prices[..., 3] - made.prices[..., 0]) * made.mask
        drift.append((moved.sum(1).abs() / made.length**0.5).mean().item())
    assert drift[1] > 2 * drift[0]


def test_jitter_moves_the_asked_share_of_labels_and_keeps_them_inside():
    made = generate(400, 0.6, "centres", 0)
    moved = windows.jittered(made, 0.4, 40, seed=0)
    assert (moved.start != made.start).float().mean().item() == pytest.approx(0.4, abs=0.06)
    assert (moved.start >= 0).all()
    assert (moved.start + moved.length <= STEPS).all()
    assert torch.equal(moved.x, made.x)
    assert torch.equal(windows.jittered(made, 0.0, 40, 0).start, made.start)


def test_shifted_windows_move_features_and_labels_together_and_never_mirror_a_span():
    made = tiny_windows()
    made.x[..., 0] = made.mask  # a feature that is the label
    moved = windows.shifted(made, 3)
    assert len(moved) > 2 * len(made)
    assert torch.equal(moved.x[..., 0], moved.mask)
    assert torch.equal(moved.take(torch.arange(len(made))).x, made.x)
    distinct = {(s, x.sum().item()) for s, x in zip(moved.start.tolist(), moved.x, strict=True)}
    assert len(distinct) == len(moved)


def test_splits_are_disjoint_and_cover_every_window():
    made = tiny_windows(10)
    parts = windows.split(made, {"train": 5, "test": 3}, "rest", seed=0)
    assert {name: len(part) for name, part in parts.items()} == {"train": 5, "test": 3, "rest": 2}
    sums = torch.cat([part.x.sum((1, 2)) for part in parts.values()])
    assert sorted(sums.tolist()) == sorted(made.x.sum((1, 2)).tolist())
    with pytest.raises(ValueError, match="too few"):
        windows.split(made, {"train": 9, "test": 3}, "rest", seed=0)


def test_overlap_is_the_share_of_windows_that_share_bars():
    made = tiny_windows(8)
    training, evaluation = made.take(torch.arange(4)), made.take(torch.arange(4, 8))
    assert windows.overlap(training, evaluation) == 0.0
    evaluation.x[1, :5] = training.x[2, 11:16]
    evaluation.x[3, :4] = training.x[2, 11:15]  # too short a run
    assert windows.overlap(training, evaluation) == 0.25
    assert windows.overlap(windows.shifted(made, 5), made) == 1.0


def test_windows_made_before_the_split_leak_and_those_made_after_it_do_not():
    honest = study.describe(study.Config(**TINY, window_stride=5))
    leaking = study.describe(study.Config(**TINY, window_stride=5, split_first=False))
    assert honest.overlap == 0.0
    assert leaking.overlap > 0.9
    assert leaking.digest != honest.digest


def test_the_digest_follows_the_data_and_nothing_else():
    digest = study.describe(study.Config(**TINY)).digest
    same = {"pos_weight": 13.0, "hidden": 4, "window_stride": 5, "task": "proxy_grid", "pretrain_epochs": 9}
    assert study.describe(study.Config(**{**TINY, **same})).digest == digest
    other = [{"data_seed": 1}, {"snr": 0.5}, {"jitter": 0.1}, {"placement": "uniform"}, {"train_size": 23}]
    digests = {study.describe(study.Config(**{**TINY, **change})).digest for change in other}
    assert len(digests) == len(other)
    assert digest not in digests


def test_standard_has_enough_validation_windows_and_no_overlap():
    data = study.describe(study.Config())
    assert data.sizes == {"train": 168, "validation": 200, "test": 200, "unlabelled": 500}
    assert data.overlap == 0.0
