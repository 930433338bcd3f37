import copy

import pytest
import torch
from torch.nn import functional as F

from experiments.parts.credit_linesearch.credits import dfa, oracle
from experiments.parts.credit_linesearch.quality import cosines, rhos
from experiments.parts.credit_linesearch.residual_mlp import ResidualMLP
from experiments.parts.credit_linesearch.update import (
    Rule,
    apply_step,
    clamped_share,
    scaled,
    surrogate_gradients,
)
from experiments.parts.seeding import generator, seeded


@pytest.fixture
def problem():
    with seeded(0, "test"):
        net = ResidualMLP(features=10, classes=4, depth=3, width=16)
        for block in net.blocks:
            torch.nn.init.normal_(block.second.weight, std=0.3)
        return net, torch.randn(32, 10), torch.randint(4, (32,))


def test_with_the_oracle_the_surrogate_has_the_exact_block_gradient(problem):
    net, x, y = problem
    exact = torch.autograd.grad(F.cross_entropy(net(x), y), list(net.blocks.parameters()))
    gradients = [g for grads in surrogate_gradients(net, x, y, oracle, Rule()).values() for g in grads]
    assert len(gradients) == len(exact)
    for mine, theirs in zip(gradients, exact, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)


def test_gamma_and_rho_of_the_oracle_are_one_at_every_layer(problem):
    net, x, y = problem
    exact = oracle(net, x, y)
    assert cosines(exact, exact) == pytest.approx([1, 1, 1], abs=1e-5)
    assert rhos(net, x, y, exact, 8, generator(0)) == pytest.approx([1, 1, 1], abs=1e-3)


def test_gamma_of_dfa_is_about_zero_over_feedback_matrices(problem):
    net, x, y = problem
    exact = oracle(net, x, y)
    gammas = torch.tensor([cosines(dfa(net, seed)(net, x, y), exact) for seed in range(100)])
    assert gammas.mean().abs() < 0.05


def test_dfa_projects_the_output_error_with_fixed_matrices(problem):
    net, x, y = problem
    credit = dfa(net, 3)
    assert torch.equal(credit(net, x, y), dfa(net, 3)(net, x, y))
    assert not torch.equal(credit(net, x, y), dfa(net, 4)(net, x, y))
    assert credit(net, x, y).shape == (3, 32, 16)


def test_normalising_over_samples_gives_each_sample_unit_rms():
    credit = torch.randn(3, 8, 16) * torch.logspace(-6, 2, 8)[None, :, None]
    rms = scaled(credit, Rule(normalize=True)).pow(2).mean(2).sqrt()
    torch.testing.assert_close(rms, torch.ones(3, 8))


def test_normalising_over_the_batch_gives_each_block_unit_rms_and_keeps_the_samples_ratios():
    credit = torch.randn(3, 8, 16) * torch.logspace(-2, 2, 8)[None, :, None]
    normalized = scaled(credit, Rule(normalize=True, normalize_over="batch"))
    torch.testing.assert_close(normalized.pow(2).mean((1, 2)).sqrt(), torch.ones(3))
    torch.testing.assert_close(normalized[:, 0] / normalized[:, 7], credit[:, 0] / credit[:, 7])


def test_zero_credit_stays_zero_when_normalised():
    assert not scaled(torch.zeros(2, 4, 8), Rule(normalize=True)).any()


def test_the_clamp_bounds_every_entry_and_its_share_is_counted(problem):
    net, x, y = problem
    free = surrogate_gradients(net, x, y, oracle, Rule(normalize=True))
    cut = surrogate_gradients(net, x, y, oracle, Rule(normalize=True, clamp=0.01))
    for index, grads in cut.items():
        for mine, whole in zip(grads, free[index], strict=True):
            torch.testing.assert_close(mine, whole.clamp(-0.01, 0.01))
    assert 0 < clamped_share(cut, 0.01) < 1


def test_a_step_moves_only_the_chosen_blocks_against_the_gradient(problem):
    net, x, y = problem
    moved, rule = copy.deepcopy(net), Rule(blocks="last")
    apply_step(moved, surrogate_gradients(net, x, y, oracle, rule), 0.1, rule)
    changed = {name for name, p in moved.named_parameters() if not torch.equal(p, net.get_parameter(name))}
    assert changed
    assert all(name.startswith("blocks.2.") for name in changed)
    assert F.cross_entropy(moved(x), y) < F.cross_entropy(net(x), y)


def test_weight_decay_removes_its_share_of_the_matrices_at_any_eta(problem):
    net, x, y = problem
    moved, rule = copy.deepcopy(net), Rule(weight_decay=0.25)
    apply_step(moved, surrogate_gradients(net, x, y, oracle, rule), 0.0, rule)
    torch.testing.assert_close(moved.blocks[0].first.weight, 0.75 * net.blocks[0].first.weight)
    assert torch.equal(moved.blocks[0].norm.weight, net.blocks[0].norm.weight)


def test_the_trust_region_shortens_a_long_step_and_keeps_its_direction(problem):
    net, x, y = problem
    rule = Rule(trust_region=0.1)
    moved, gradients = copy.deepcopy(net), surrogate_gradients(net, x, y, oracle, rule)
    apply_step(moved, gradients, 1e4, rule)
    for index, block in enumerate(net.blocks):
        steps = [
            new - old for new, old in zip(moved.blocks[index].parameters(), block.parameters(), strict=True)
        ]
        flat, against = (
            torch.cat([s.flatten() for s in steps]),
            torch.cat([g.flatten() for g in gradients[index]]),
        )
        weights = torch.cat([block.first.weight.flatten(), block.second.weight.flatten()])
        assert flat.norm().item() == pytest.approx(0.1 * weights.norm().item(), rel=1e-3)
        assert F.cosine_similarity(flat, against, dim=0).item() == pytest.approx(-1, abs=1e-4)
