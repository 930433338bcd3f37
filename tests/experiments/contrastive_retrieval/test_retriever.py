"""The losses and the networks that predict the next chunk."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from experiments import contrastive_retrieval as study
from experiments.parts.contrastive_retrieval.retriever import (
    AttentionMixture,
    Predictor,
    Retriever,
    infonce,
    training_loss,
)
from tests.experiments.contrastive_retrieval.retrieval_runs import CONTEXT, OBJECTIVES, unit


def test_infonce_is_the_formula():
    q, k = unit([1, 0], [0.6, 0.8]), unit([0.8, 0.6], [0, 1])
    scores = [[0.8, 0.0], [0.96, 0.8]]  # q @ k.T by hand
    exps = [[math.exp(s / 0.5) for s in row] for row in scores]
    forward = -sum(math.log(exps[i][i] / sum(exps[i])) for i in range(2)) / 2
    backward = -sum(math.log(exps[i][i] / (exps[0][i] + exps[1][i])) for i in range(2)) / 2
    assert infonce(q, k, 0.5).item() == pytest.approx(forward, rel=1e-5)
    assert infonce(q, k, 0.5, symmetric=True).item() == pytest.approx((forward + backward) / 2, rel=1e-5)


def test_infonce_of_vectors_that_are_all_alike_is_the_log_of_the_batch():
    alike = unit([1, 0]).expand(8, 2)
    assert infonce(alike, alike, 0.07).item() == pytest.approx(math.log(8), rel=1e-5)


def batch(n=6, dim=8, seed=0):
    draws = torch.Generator().manual_seed(seed)
    vectors = F.normalize(torch.randn(n, CONTEXT + 1, dim, generator=draws), dim=2)
    return vectors[:, :-1], vectors[:, -1]


@pytest.mark.parametrize(("objective", "head"), [("infonce_ar", 4), ("raw_infonce", None)])
def test_the_weighted_loss_is_the_sum_of_its_parts(objective, head):
    context, targets = batch()
    model = Retriever(objective, "raw", CONTEXT, 8, 16, head)
    loss, parts = training_loss(model, context, targets, 0.7, 0.3, 0.07)
    predicted = model.predict(context)
    behind = (model.project(predicted), model.project(targets)) if head else (predicted, targets)
    assert parts["train_cosine"] == pytest.approx(F.cosine_similarity(predicted, targets).mean().item())
    assert parts["train_infonce"] == pytest.approx(infonce(*behind, 0.07).item(), rel=1e-5)
    by_hand = 0.7 * parts["train_infonce"] + 0.3 * (1 - parts["train_cosine"])
    assert loss.item() == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_gradient_reaches_the_vectors_of_the_bank(objective):
    context, targets = (part.clone().requires_grad_() for part in batch())
    config = study.Config(objective=objective)
    model = Retriever(objective, config.space, CONTEXT, 8, 16, config.head_width)
    training_loss(model, context, targets, *config.weights, 0.07)[0].backward()
    assert context.grad is None
    assert targets.grad is None
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.predictor.parameters())


def test_the_head_is_shared_and_the_tower_is_trained():
    context, targets = batch()
    shared = Retriever("pure_infonce", "projected", CONTEXT, 8, 16, 4)
    training_loss(shared, context, targets, 1.0, 0.0, 0.07)[0].backward()
    assert all(p.grad.abs().sum() > 0 for p in shared.head.parameters() if p.ndim == 2)
    towers = Retriever("two_tower", "trained", CONTEXT, 8, 16, None)
    training_loss(towers, context, targets, 1.0, 0.0, 0.07)[0].backward()
    assert all(p.grad.abs().sum() > 0 for p in towers.tower.parameters())


@pytest.mark.parametrize("network", [Predictor, AttentionMixture])
def test_predictions_have_unit_length(network):
    context, _ = batch()
    assert torch.allclose(network(CONTEXT, 8, 16)(context).norm(dim=1), torch.ones(6), atol=1e-5)


def test_attention_that_is_even_and_corrects_nothing_gives_the_mean_of_the_context():
    context, _ = batch()
    network = AttentionMixture(CONTEXT, 8, 16)
    torch.nn.init.zeros_(network.correction[-1].weight)
    torch.nn.init.zeros_(network.correction[-1].bias)
    assert torch.allclose(network(context), F.normalize(context.mean(1), dim=1), atol=1e-6)
