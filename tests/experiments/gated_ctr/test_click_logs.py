"""The made-up log, its parts and its digest."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments import gated_ctr as study
from experiments.parts.gated_ctr import clicks, generator
from experiments.parts.gated_ctr.auc import auc
from tests.experiments.gated_ctr.click_runs import config_of


def test_the_synthetic_log_is_what_it_says():
    log = generator.synthetic(40_000, 0)
    assert log.y.mean() == pytest.approx(0.04, abs=0.004)
    assert 0.67 < auc(log.true_logit.numpy(), log.y.numpy()) < 0.74
    for ids in (log.fields[:, 0], log.item):
        counts = np.sort(np.bincount(ids.numpy()))[::-1]
        assert counts[:100].sum() > 5 * counts[1000:1100].sum()
    assert log.history.shape == (40_000, 12)
    held = log.history > 0
    assert (held[:, :-1] | ~held[:, 1:]).all()  # padding is at the end
    assert held[:, :2].all()
    assert log.category[0] == 0
    assert log.category[1:].min() >= 1
    assert (log.category[log.item] == log.fields[:, 2]).all()


def test_histories_tell_of_clicks_and_of_taste():
    log = generator.synthetic(40_000, 0)
    category, held = log.category[log.history], log.history > 0
    share = ((category == log.fields[:, 2:3]) & held).sum(1) / held.sum(1)
    assert auc(share.numpy(), log.y.numpy()) > 0.55
    by_user = category[log.fields[:, 0] == 0][:, 0]
    assert by_user.bincount().max() / len(by_user) > 3 / generator.CATEGORIES


def test_the_log_has_a_seed_of_its_own():
    one, same, other = (generator.synthetic.__wrapped__(500, seed, 40, 30, 5) for seed in (0, 0, 1))
    assert torch.equal(one.x, same.x)
    assert torch.equal(one.y, same.y)
    assert not torch.equal(one.x, other.x)


def test_parts_follow_each_other_in_time():
    log = generator.synthetic(1000, 0, 40, 30, 5, 0.3)
    parts = clicks.split(log, 500, 200, 100)
    assert parts == {"test": slice(900, 1000), "validation": slice(700, 900), "train": slice(200, 700)}
    with pytest.raises(ValueError, match="1000 rows are too few"):
        clicks.split(log, 900, 100, 100)


def test_the_digest_follows_the_data_and_nothing_else():
    digest = study.describe(config_of()).digest
    for change in ({"data_seed": 1}, {"click_rate": 0.2}, {"test_size": 199}, {"items": 31}):
        assert study.describe(config_of(**change)).digest != digest, change
    assert (
        study.describe(config_of(lr=1.0, dropout=0.5, width=16, batch_size=2, num_workers=1)).digest == digest
    )


def test_generated_impressions_do_not_repeat():
    data = study.describe(config_of())
    assert data.sizes == {"train": 400, "validation": 200, "test": 200}
    assert data.overlap == 0.0
    assert data.files == ()
