"""The area under the ROC curve."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from experiments.parts.gated_ctr.auc import auc


@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_auc_is_that_of_scikit_learn_with_and_without_ties(decimals):
    draws = np.random.default_rng(0)
    scores, labels = draws.normal(size=500).round(decimals), draws.random(500) < 0.1
    assert auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_auc_by_hand():
    assert auc(np.array([1.0, 2.0, 2.0, 3.0]), np.array([0, 1, 0, 1])) == 3.5 / 4
    assert auc(np.array([-np.inf, 0.0, np.inf]), np.array([0, 0, 1])) == 1.0
    assert auc(np.zeros(5), np.array([0, 1, 0, 1, 1])) == 0.5


def test_auc_of_one_class_is_refused_and_that_of_nan_is_nan():
    with pytest.raises(ValueError, match="0 positive and 2 negative"):
        auc(np.array([0.1, 0.2]), np.zeros(2))
    assert math.isnan(auc(np.array([0.1, np.nan]), np.array([0, 1])))
