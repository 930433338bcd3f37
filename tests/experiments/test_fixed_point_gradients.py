"""Known answers for the gradients of a fixed-point network."""

import math

import pytest
import torch

from experiments.parts.ep_contraction import adjoints, penalties, unrolled
from experiments.parts.ep_contraction import net as network
from experiments.parts.ep_contraction.adjoints import Free
from experiments.parts.ep_contraction.gmres import gmres
from experiments.parts.ep_contraction.probe import cosine
from experiments.parts.seeding import generator

FEATURES, ROWS, T = 5, 7, 12


def some(width=12, classes=3, seeds=(0, 1), step_size=0.2, damping=1.0):
    """(network in double precision, inputs, labels)."""
    net = network.build(seeds, FEATURES, width, classes, step_size, damping)
    kept = {name: getattr(net, name).double() for name in ("weight", "bias", "inputs", "readout")}
    draws = generator(0, "rows")
    x = 3 * torch.randn(len(seeds), ROWS, FEATURES, generator=draws).double()
    y = torch.randint(classes, (len(seeds), ROWS), generator=draws)
    return network.FixedPointNet(**kept, step_size=step_size, damping=damping), x, y


def settled(net, x, y):
    drive = net.drive(x)
    z, done = network.settle(net, net.start(drive), drive, 1e-13, 4000)
    assert done.all()
    return Free(net, z, drive, y)


def by_autograd(net, x, y, steps):
    """Gradient of the mean loss after so many steps, through plain autograd."""
    weight, bias = net.weight.clone().requires_grad_(), net.bias.clone().requires_grad_()
    z = torch.zeros_like(net.drive(x))
    for _ in range(steps):
        force = -net.damping * z + torch.tanh(z) @ weight.mT + x @ net.inputs + bias
        z = z + net.step_size * force
    losses = [
        torch.nn.functional.cross_entropy(each, of) for each, of in zip(z @ net.readout, y, strict=True)
    ]
    return torch.autograd.grad(sum(losses), (weight, bias))


def close(one, other, tolerance=1e-9):
    return all(torch.allclose(a, b, rtol=tolerance, atol=tolerance) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("damping", [1.0, 1.5])
def test_bptt_is_plain_autograd_through_the_steps(damping):
    net, x, y = some(damping=damping)
    z, found = unrolled.bptt(net, net.drive(x), y, T)
    assert close(found, by_autograd(net, x, y, T))
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
    found = [
        adjoints.gradient(free, adjoint) for adjoint in (adjoints.ep(free, 200, 0.04), adjoints.oracle(free))
    ]
    assert cosine(*found).min() > 0.999


def test_two_points_of_the_circle_are_ep_and_more_points_come_closer():
    free = settled(*some())
    goal = adjoints.transpose(free, 60)
    assert torch.allclose(adjoints.holomorphic(free, 60, 0.5, 2), adjoints.ep(free, 60, 0.5), atol=1e-10)
    errors = [(adjoints.holomorphic(free, 60, 0.5, n) - goal).norm().item() for n in (2, 4, 8)]
    assert errors[0] > 5 * errors[1] > 25 * errors[2]


def test_exact_eligibility_is_bptt():
    net, x, y = some(width=6)
    z, found = unrolled.forward_exact(net, net.drive(x), y, T)
    there, goal = unrolled.bptt(net, net.drive(x), y, T)
    assert close(found, goal, 1e-12)
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


def test_the_residual_is_of_the_force_and_not_of_the_step():
    (slow, x, _), (fast, _, _) = some(step_size=0.1), some(step_size=0.2)
    z = fast.relax(torch.zeros_like(fast.drive(x)), fast.drive(x), 3)
    assert torch.equal(network.residual(slow, z, slow.drive(x)), network.residual(fast, z, fast.drive(x)))
    step = (fast.relax(z, fast.drive(x), 1) - z).norm(dim=-1) / z.norm(dim=-1)
    assert torch.allclose(0.2 * network.residual(fast, z, fast.drive(x)), step)


def test_beyond_64_units_gmres_gives_what_the_solve_gives(monkeypatch):
    free = settled(*some(width=70, seeds=(0,)))
    iterated = adjoints.oracle(free)
    monkeypatch.setattr(adjoints, "DIRECT_UP_TO", 100)
    assert torch.allclose(iterated, adjoints.oracle(free), rtol=1e-4, atol=1e-5)


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
    found, exact = penalties.contraction(symmetric, z, 0.5, v), rho.log() - math.log(0.5)
    # A symmetric step matrix cannot grow a vector faster than its spectral radius.
    assert (found <= exact).all()
    assert torch.allclose(found, exact, atol=0.06)


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
