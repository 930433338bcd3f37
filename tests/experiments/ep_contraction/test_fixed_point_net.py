"""How a network relaxes, how fast, and the penalties on it."""

from __future__ import annotations

import math

import pytest
import torch

from experiments.parts.ep_contraction import net as network
from experiments.parts.ep_contraction import penalties
from experiments.parts.ep_contraction.gmres import gmres
from experiments.parts.seeding import generator
from tests.experiments.ep_contraction.small_nets import FEATURES, some


def test_the_residual_is_of_the_force_and_not_of_the_step():
    (slow, x, _), (fast, _, _) = some(step_size=0.1), some(step_size=0.2)
    z = fast.relax(torch.zeros_like(fast.drive(x)), fast.drive(x), 3)
    assert torch.equal(network.residual(slow, z, slow.drive(x)), network.residual(fast, z, fast.drive(x)))
    step = (fast.relax(z, fast.drive(x), 1) - z).norm(dim=-1) / z.norm(dim=-1)
    assert torch.allclose(0.2 * network.residual(fast, z, fast.drive(x)), step)


def test_gmres_solves_systems_of_unequal_difficulty_and_says_how_well():
    draws = torch.Generator().manual_seed(0)
    matrix = torch.randn(3, 20, 20, generator=draws).double() / 4 + 2 * torch.eye(20)
    matrix[0] = torch.eye(20)
    rhs = torch.randn(3, 20, generator=draws).double()
    rhs[1] = 0
    x, left = gmres(lambda v: torch.einsum("nij,nj->ni", matrix, v), rhs, tolerance=1e-10)
    assert torch.allclose(x, torch.linalg.solve(matrix, rhs), atol=1e-8)
    assert left.max() < 1e-9


def test_rho_at_the_origin_is_that_of_the_step_matrix():
    net, _, _ = some()
    rho, angle = network.leading(net, torch.zeros(2, 1, 12).double())
    matrix = 0.8 * torch.eye(12) + 0.2 * net.weight
    values = torch.linalg.eigvals(matrix)
    assert torch.allclose(rho[:, 0], values.abs().amax(-1))
    first = values.gather(-1, values.abs().argmax(-1, keepdim=True))
    assert torch.allclose(angle, first.angle().abs())


def test_a_settled_seed_stands_still_while_others_go_on():
    net, x, _ = some()
    net.weight[1] *= 1.6
    drive = net.drive(x)
    together = network.settle(net, net.start(drive), drive, 1e-6, 2000)[0]
    alone = network.settle(net.one(0, torch.float64), torch.zeros_like(drive[:1]), drive[:1], 1e-6, 2000)[0]
    assert torch.equal(together[:1], alone)


def test_the_homeostat_is_silent_below_its_target_and_measures_growth_above():
    net, x, _ = some()
    symmetric = net.with_(0.5 * (net.weight + net.weight.mT), net.bias)
    z, v = torch.zeros(2, 1, 12).double(), torch.randn(2, 1, 12, generator=generator(0, "v")).double()
    rho = network.leading(symmetric, z)[0][:, 0]
    assert (penalties.contraction(symmetric, z, 0.999, v) == 0).all()
    estimate, exact = penalties.contraction(symmetric, z, 0.5, v), rho.log() - math.log(0.5)
    # A symmetric step matrix cannot grow a vector faster than its spectral radius.
    assert (estimate <= exact).all()
    assert torch.allclose(estimate, exact, atol=0.06)


@pytest.mark.parametrize("kind", ["contraction", "residual", "jacobian"])
def test_a_step_along_a_penalty_lowers_what_it_penalises(kind):
    net, x, _ = some()
    net = net.with_(2 * net.weight, net.bias)
    z = net.relax(net.start(net.drive(x)), net.drive(x), 5)
    weights = {name: float(name == kind) for name in ("contraction", "residual", "jacobian")}

    def draws():
        return [generator(seed, "penalty") for seed in range(2)]

    grads = penalties.penalty_gradient(net, z, x, weights, 0.5, draws())
    moved = net.with_(net.weight - 1e-3 * grads[0], net.bias - 1e-3 * grads[1])
    v = torch.stack([torch.randn(z.shape[1:], generator=g) for g in draws()]).double()
    size = {
        "contraction": lambda n: penalties.contraction(n, z, 0.5, v),
        "residual": lambda n: penalties.squared_residual(n, z, n.drive(x)),
        "jacobian": lambda n: penalties.jacobian_size(n, z, v),
    }[kind]
    assert (size(moved) < size(net)).all()


def test_a_state_narrower_than_the_classes_is_refused():
    with pytest.raises(ValueError, match="widen|less than the 10 classes"):
        network.build([0], FEATURES, 8, 10, 0.2, 1.0)
