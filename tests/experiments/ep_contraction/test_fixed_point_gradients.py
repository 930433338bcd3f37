"""Known answers for the gradients of a fixed-point network."""

from __future__ import annotations

import pytest
import torch

from experiments.parts.ep_contraction import adjoints, unrolled
from experiments.parts.ep_contraction import net as network
from experiments.parts.ep_contraction.probe import cosine
from experiments.parts.seeding import generator
from tests.experiments.ep_contraction.small_nets import ROWS, T, by_autograd, close, settled, some


@pytest.mark.parametrize("damping", [1.0, 1.5])
def test_bptt_is_plain_autograd_through_the_steps(damping):
    net, x, y = some(damping=damping)
    z, gradient = unrolled.bptt(net, net.drive(x), y, T)
    assert close(gradient, by_autograd(net, x, y, T))
    assert torch.allclose(z, net.relax(net.start(z), net.drive(x), T))


def test_bptt_of_some_rows_is_that_of_their_losses_alone():
    net, x, y = some()
    rows = torch.ones(2, ROWS, dtype=torch.bool)
    rows[:, 3:] = False
    part = unrolled.bptt(net, net.drive(x), y, T, rows)[1]
    alone = unrolled.bptt(net, net.drive(x[:, :3]), y[:, :3], T)[1]
    assert close(part, [3 / ROWS * grad for grad in alone])


def test_the_oracle_adjoint_is_autograd_through_a_long_converged_unroll():
    net, x, y = some()
    free = settled(net, x, y)
    assert close(adjoints.gradient(free, adjoints.oracle(free)), by_autograd(net, x, y, 1500), 1e-8)


def test_the_oracle_solves_the_adjoint_equation_and_has_its_sign():
    net, x, y = some()
    free = settled(net, x, y)
    back = torch.einsum("sbij,sbi->sbj", net.jacobian(free.z), adjoints.oracle(free))
    assert torch.allclose(back, -net.loss_slope(free.z, y), atol=1e-10)


def test_a_small_step_against_the_gradient_lowers_the_loss_at_equilibrium_as_it_says():
    net, x, y = some()
    free = settled(net, x, y)
    weight, bias = adjoints.gradient(free, adjoints.oracle(free))
    eta = 1e-5
    moved = net.with_(net.weight - eta * weight, net.bias - eta * bias)
    change = moved.losses(settled(moved, x, y).z, y).mean(1) - net.losses(free.z, y).mean(1)
    promised = -eta * (weight.square().sum((1, 2)) + bias.square().sum((1, 2)))
    assert (change < 0).all()
    assert torch.allclose(change, promised, rtol=1e-3)


def test_the_transpose_converges_to_the_oracle_with_its_steps():
    free = settled(*some())
    exact = adjoints.oracle(free)
    errors = [(adjoints.transpose(free, steps) - exact).norm().item() for steps in (10, 40, 160, 1000)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-9


def test_corrected_ep_at_a_small_radius_is_the_transpose_of_as_many_steps():
    free = settled(*some())
    assert torch.allclose(adjoints.ep(free, 25, 1e-4), adjoints.transpose(free, 25), atol=1e-6)
    gradients = [
        adjoints.gradient(free, adjoint) for adjoint in (adjoints.ep(free, 200, 0.04), adjoints.oracle(free))
    ]
    assert cosine(*gradients).min() > 0.999


def test_two_points_of_the_circle_are_ep_and_more_points_come_closer():
    free = settled(*some())
    goal = adjoints.transpose(free, 60)
    assert torch.allclose(adjoints.holomorphic(free, 60, 0.5, 2), adjoints.ep(free, 60, 0.5), atol=1e-10)
    errors = [(adjoints.holomorphic(free, 60, 0.5, n) - goal).norm().item() for n in (2, 4, 8)]
    assert errors[0] > 5 * errors[1] > 25 * errors[2]


def test_exact_eligibility_is_bptt():
    net, x, y = some(width=6)
    z, gradient = unrolled.forward_exact(net, net.drive(x), y, T)
    there, goal = unrolled.bptt(net, net.drive(x), y, T)
    assert close(gradient, goal, 1e-12)
    assert torch.allclose(z, there)
    single = network.FixedPointNet(
        *(getattr(net, n).float() for n in ("weight", "bias", "inputs", "readout")), 0.2, 1.0
    )
    x = x.float()
    pair = (
        unrolled.forward_exact(single, single.drive(x), y, T)[1],
        unrolled.bptt(single, single.drive(x), y, T)[1],
    )
    assert close(*pair, 1e-5)


def test_random_eligibility_is_bptt_on_average_and_nearer_with_more_directions():
    net, x, y = some(width=6)
    goal = unrolled.bptt(net, net.drive(x), y, T)[1]

    def agreement(directions):
        draws = [generator(seed, "directions") for seed in range(2)]
        return cosine(unrolled.forward_random(net, net.drive(x), y, T, directions, draws)[1], goal)

    assert agreement(3000).min() > 0.98
    assert (agreement(3000) > agreement(10)).all()


def test_one_random_direction_has_the_slope_of_the_loss_along_it():
    net, x, y = some(width=6, seeds=(0,))
    x, y = x[:, :1], y[:, :1]
    weight, bias = unrolled.forward_random(net, net.drive(x), y, T, 1, [generator(3, "d")])[1]
    signs = torch.randint(0, 2, (3, 1, 6), generator=generator(3, "d")).double() * 2 - 1
    left, right, third = signs

    def loss(w, b):
        live = net.with_(w, b)
        drive = live.drive(x)
        return live.losses(live.relax(live.start(drive), drive, T), y).sum()

    along, step = ((left.T @ right)[None], third[None]), 1e-6
    ahead, behind = (
        loss(net.weight + sign * step * along[0], net.bias + sign * step * along[1]) for sign in (1, -1)
    )
    slope = (ahead - behind) / (2 * step)
    assert torch.allclose(weight, slope * along[0], atol=1e-8)
    assert torch.allclose(bias, slope * along[1], atol=1e-8)


def test_the_equilibrium_gradient_knows_nothing_of_the_step_size_and_bptt_does():
    (slow, x, y), (fast, _, _) = some(step_size=0.1), some(step_size=0.2)
    frees = settled(slow, x, y), settled(fast, x, y)
    assert close(*(adjoints.gradient(free, adjoints.oracle(free)) for free in frees), 1e-8)
    through_time = [unrolled.bptt(net, net.drive(x), y, T)[1] for net in (slow, fast)]
    assert cosine(*through_time).max() < 0.99


def test_beyond_64_units_gmres_gives_what_the_solve_gives(monkeypatch):
    free = settled(*some(width=70, seeds=(0,)))
    iterated = adjoints.oracle(free)
    monkeypatch.setattr(adjoints, "DIRECT_UP_TO", 100)
    assert torch.allclose(iterated, adjoints.oracle(free), rtol=1e-4, atol=1e-5)
