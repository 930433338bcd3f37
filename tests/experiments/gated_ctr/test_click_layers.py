"""Layers with a leading axis of networks, and the network made of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from experiments.parts.gated_ctr import generator
from experiments.parts.gated_ctr.cross_layers import CrossNetwork
from experiments.parts.gated_ctr.layers import Embeddings, GRUs, Linears, masked_attention
from experiments.parts.gated_ctr.net import build_networks
from experiments.parts.gated_ctr.training import predict


@pytest.mark.parametrize("kind", ["linear", "exponential"])
def test_cross_layers_are_those_computed_by_hand(kind):
    draws = np.random.default_rng(0)
    net = CrossNetwork(4, 2, kind)
    x = x0 = draws.normal(size=(3, 4)).astype(np.float32)
    with torch.no_grad():
        net.shifts[1].copy_(torch.tensor([0.5, -1.0, 0.0, 2.0]))
        net.norms[0].gain.copy_(torch.tensor([2.0, -1.0]))
        net.norms[0].shift.copy_(torch.tensor([0.3, 0.1]))
    for layer in range(2):
        wx = x @ net.halves[layer].weight[0].detach().numpy()
        normed = (wx - wx.mean(1, keepdims=True)) / np.sqrt(wx.var(1, keepdims=True) + 1e-5)
        gain, shift = (getattr(net.norms[layer], n).detach().numpy()[0] for n in ("gain", "shift"))
        masked = wx * np.maximum(gain * normed + shift, 0)
        h = np.concatenate([wx, masked], 1) + net.shifts[layer].detach().numpy()[0]
        x = (x0 if kind == "linear" else x) * h + x
    np.testing.assert_allclose(net(torch.from_numpy(x0)[None])[0].detach(), x, rtol=1e-5, atol=1e-6)


def test_an_odd_width_cannot_be_halved():
    with pytest.raises(ValueError, match="even width, not 5"):
        CrossNetwork(5, 1, "linear")


def test_the_gru_is_that_of_torch():
    ours, theirs = GRUs(5, 4).double(), nn.GRU(5, 4, batch_first=True).double()
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours.outer.weight[0].T)
        theirs.weight_hh_l0.copy_(ours.inner.weight[0].T)
        theirs.bias_ih_l0.copy_(ours.outer.bias[0, 0])
        theirs.bias_hh_l0.copy_(ours.inner.bias[0, 0])
    x = torch.randn(3, 7, 5, dtype=torch.double)
    torch.testing.assert_close(ours(x.transpose(0, 1)[None])[0].transpose(0, 1), theirs(x)[0])


def test_layers_keep_networks_apart():
    layers = [Linears(3, 2), Embeddings(5, 2, 1.0), GRUs(3, 2)]
    inputs = [torch.randn(2, 4, 3), torch.randint(0, 5, (2, 6)), torch.randn(2, 3, 4, 3)]
    for layer, x in zip(layers, inputs, strict=True):
        for parameter in layer.parameters():
            parameter.data = torch.randn(2, *parameter.shape[1:])
        both = layer(x)
        for k in range(2):
            state = {name: p[k : k + 1] for name, p in layer.state_dict().items()}
            torch.testing.assert_close(torch.func.functional_call(layer, state, (x[k : k + 1],))[0], both[k])


def test_attention_gives_padding_no_weight_and_a_row_without_history_nothing():
    query, states = torch.randn(1, 3, 4), torch.randn(1, 5, 3, 4)
    held = torch.ones(1, 5, 3, dtype=torch.bool)
    held[0, 2:, 1] = False
    held[0, :, 2] = False
    read, weights = masked_attention(query, states, held)
    assert weights[~held].eq(0).all()
    torch.testing.assert_close(weights.sum(1)[0], torch.tensor([1.0, 1.0, 0.0]))
    assert read[0, 2].eq(0).all()
    by_hand = torch.softmax((states[0, :2, 1] @ query[0, 1]) / 2, 0)
    torch.testing.assert_close(read[0, 1], by_hand @ states[0, :2, 1])


def test_more_padding_changes_no_logit_and_the_last_item_does():
    log = generator.synthetic(300, 0, 40, 30, 5, 0.3)
    net = build_networks(log, [0], 4, 8, 1.0)
    wider = torch.cat([log.x, torch.zeros(300, 4, dtype=torch.int32)], 1)
    logits, gate = predict(net, log.x, "cpu")
    torch.testing.assert_close(predict(net, wider, "cpu"), (logits, gate))
    other = log.x.clone()
    other[:, 6] = other[:, 6] % 30 + 1
    assert not torch.allclose(predict(net, other, "cpu")[0], logits)


def test_the_gate_is_the_share_of_the_static_branch():
    log = generator.synthetic(300, 0, 40, 30, 5, 0.3)
    net = build_networks(log, [0], 4, 8, 1.0)
    elsewhere = log.x.clone()
    elsewhere[:, 0] = (elsewhere[:, 0] + 1) % 40  # the user, whom the sequence branch never sees
    for bias, moves in ((50.0, True), (-50.0, False)):
        nn.init.constant_(net.gate_out.bias, bias)
        logits, gate = predict(net, log.x, "cpu")
        assert gate.mean() == pytest.approx(float(moves), abs=1e-6)
        assert torch.allclose(predict(net, elsewhere, "cpu")[0], logits, atol=1e-6) != moves
