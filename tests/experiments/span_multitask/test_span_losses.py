"""Losses, their weights and gradients, and the heads of the network."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from experiments import span_multitask as study
from experiments.parts.span_multitask import windows
from experiments.parts.span_multitask.kendall import LIMIT, Uncertainty
from experiments.parts.span_multitask.net import SpanNet
from experiments.parts.span_multitask.tasks import Objective, Targets, countdown_bars, scale_countdown
from experiments.parts.span_multitask.windows import Windows
from tests.experiments.span_multitask.span_runs import TINY


def test_kendalls_total_and_gradient_follow_the_formula():
    weights = Uncertainty(["span", "countdown"])
    with torch.no_grad():
        weights.log_sigma.copy_(torch.tensor([0.3, -0.7]))
    losses = {"span": torch.tensor(0.8), "countdown": torch.tensor(5.0)}
    total = weights(losses)
    wanted = 0.8 / (2 * math.exp(0.6)) + 0.3 + 5.0 / (2 * math.exp(-1.4)) - 0.7
    assert total.item() == pytest.approx(wanted, rel=1e-6)
    total.backward()
    assert weights.log_sigma.grad[0].item() == pytest.approx(1 - 0.8 / math.exp(0.6), rel=1e-5)
    assert weights.sigmas() == pytest.approx({"span": math.exp(0.3), "countdown": math.exp(-0.7)})


def test_log_sigma_is_clamped_and_without_kendall_the_total_is_the_sum():
    weights = Uncertainty(["span"])
    with torch.no_grad():
        weights.log_sigma.fill_(-9.0)
    assert weights.weight("span").item() == pytest.approx(math.exp(2 * LIMIT) / 2)
    losses = {"span": torch.tensor(0.5), "type": torch.tensor(2.0)}
    plain = Uncertainty(["span", "type"], learnt=False)
    assert plain(losses).item() == 2.5
    assert plain.sigmas() == {}


def test_the_span_loss_is_torchs_with_pos_weight_and_focal_zero_is_cross_entropy():
    logits, mask = torch.randn(4, 9), (torch.rand(4, 9) < 0.3).float()
    wanted = F.binary_cross_entropy_with_logits(logits, mask, pos_weight=torch.tensor(13.0))
    assert torch.equal(Objective(pos_weight=13.0).span_loss(logits, mask), wanted)
    truth = torch.where(mask > 0, logits.sigmoid(), 1 - logits.sigmoid())
    focal = (-((1 - truth) ** 2) * truth.log()).mean()
    torch.testing.assert_close(Objective(focal_gamma=2.0).span_loss(logits, mask), focal)


def test_targets_of_a_known_window():
    window = Windows(torch.zeros(1, 60, 2), torch.tensor([30]), torch.tensor([6]), torch.tensor([1]))
    raw, scaled = Targets.of(window, normalize=False), Targets.of(window, normalize=True)
    assert raw.countdown[0, [0, 25, 30, 33, 59]].tolist() == [20, 5, 0, -3, -20]
    assert scaled.countdown[0, [0, 30, 59]].tolist() == [1, 0.5, 0]
    assert raw.pointer[0].tolist() == pytest.approx([33 / 60, 6 / 60])
    assert torch.nonzero(raw.span[0])[:, 0].tolist() == list(range(30, 36))


def test_the_error_in_bars_does_not_depend_on_the_unit_of_training():
    wanted, said = torch.tensor([20.0, 3.0, -20.0]), torch.tensor([10.0, 4.5, -21.0])
    errors = [
        (countdown_bars(scale_countdown(said, n), n) - countdown_bars(scale_countdown(wanted, n), n)).abs()
        for n in (False, True)
    ]
    torch.testing.assert_close(*errors)
    assert errors[0].mean().item() == pytest.approx((10 + 1.5 + 1) / 3)


def test_a_share_of_loss_is_not_a_share_of_gradient():
    w = torch.tensor(1.0, requires_grad=True)
    losses = {"large_and_flat": 100 + 0.01 * w, "small_and_steep": 2 * w}
    slopes = {n: torch.autograd.grad(loss, w)[0].abs().item() for n, loss in losses.items()}
    loss_share = losses["large_and_flat"].item() / sum(loss.item() for loss in losses.values())
    assert loss_share > 0.98
    assert slopes["large_and_flat"] / sum(slopes.values()) < 0.005


def test_gradient_shares_are_those_of_the_weighted_norms_on_the_trunk(tmp_path):
    config = study.Config(**TINY, dropout=0.0)
    scaled = windows.standardised(study._splits(config), by="train")
    net = study._network(config, scaled, 0)
    training = study._training(config, net, scaled, 0, tmp_path)
    gradients = training._gradients()
    losses = training.objective.losses(net(scaled["train"].x), training.targets["train"])
    norms = {}
    for task, loss in losses.items():
        grads = torch.autograd.grad(loss / 2, net.trunk, retain_graph=True)
        norms[task] = torch.cat([g.flatten() for g in grads]).norm().item()
    for task, norm in norms.items():
        assert gradients[f"gradient_share_{task}"] == pytest.approx(norm / sum(norms.values()), rel=1e-4)
    whole = torch.autograd.grad(training.weights(losses), net.countdown_head.weight)[0]
    assert gradients["layer/countdown_head.weight"] == pytest.approx(whole.norm().item(), rel=1e-4)


@pytest.mark.parametrize("head", ["pooled", "per_step"])
def test_heads_give_what_they_should_and_arms_share_all_other_initial_numbers(head):
    net = SpanNet(3, 20, 2, 8, head, 0.0, seed=0)
    shapes = {name: tuple(value.shape) for name, value in net(torch.randn(5, 20, 3)).items()}
    assert shapes == {"type": (5, 2), "pointer": (5, 2), "span": (5, 20), "countdown": (5, 20)}
    other = SpanNet(3, 20, 2, 8, "pooled", 0.0, seed=0)
    for name, value in other.state_dict().items():
        assert name.startswith("span_head") or torch.equal(value, net.state_dict()[name])


def test_a_per_step_head_sees_the_place_that_a_pooled_one_cannot_tell_from_the_mean_state():
    net = SpanNet(3, 20, 2, 8, "per_step", 0.0, seed=0)
    pooled = SpanNet(3, 20, 2, 8, "pooled", 0.0, seed=0)
    states = torch.randn(1, 20, 16)
    rolled = states.roll(5, 1)
    for one, other, moves in ((net, net, True), (pooled, pooled, False)):
        one.states = lambda x, draws=None: x
        logits = [other(s)["span"] for s in (states, rolled)]
        assert torch.allclose(*logits, atol=1e-5) != moves
