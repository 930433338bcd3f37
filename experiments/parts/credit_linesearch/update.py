"""The local update: one SGD step on the blocks, from credit alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from experiments.parts.credit_linesearch.credits import Credit
from experiments.parts.credit_linesearch.residual_mlp import ResidualMLP

TINY = 1e-20  # keeps an all-zero credit zero when it is scaled

Gradients = dict[int, list[torch.Tensor]]


@dataclass(frozen=True)
class Rule:
    """How credit becomes a change of the blocks.

    Attributes:
        normalize: scale credit to unit RMS.
        normalize_over: RMS of each sample's vector, or of a block's credit over the whole batch.
        clamp: bound on each entry of the gradient, or None.
        weight_decay: share of a block's weight matrices that a step removes. Decoupled and not
            multiplied by eta (Loshchilov and Hutter 2019, SGDW): a line search over eta would
            otherwise choose the strength of the decay too.
        trust_region: bound on the relative size of a block's step, or None. The size is relative to
            the norm of the block's two weight matrices: the LayerNorm's gains, all near 1, would
            double that norm and hardly move.
        blocks: which blocks are updated.
    """

    normalize: bool = False
    normalize_over: Literal["sample", "batch"] = "sample"
    clamp: float | None = None
    weight_decay: float = 0.0
    trust_region: float | None = None
    blocks: Literal["all", "last"] = "all"


def scaled(credit: torch.Tensor, rule: Rule) -> torch.Tensor:
    """Credit (L, n, width), of unit RMS where the rule normalises."""
    if not rule.normalize:
        return credit
    over = (2,) if rule.normalize_over == "sample" else (1, 2)
    return credit / (credit.pow(2).mean(over, keepdim=True).sqrt() + TINY)


def surrogate_gradients(
    net: ResidualMLP, x: torch.Tensor, y: torch.Tensor, credit: Credit, rule: Rule
) -> Gradients:
    """Gradient of sum_l mean_b <F_l(stop h_l), stop a_{l+1}> for each updated block, clamped.

    With the oracle's raw credit it is the exact gradient of the mean loss.
    """
    a = scaled(credit(net, x, y), rule)
    with torch.no_grad():
        states = net.states(x)
    chosen = range(net.depth) if rule.blocks == "all" else [net.depth - 1]
    gradients = {}
    for index in chosen:
        block = net.blocks[index]
        surrogate = (block(states[index]) * a[index]).sum(1).mean()
        grads = torch.autograd.grad(surrogate, list(block.parameters()))
        gradients[index] = [
            grad if rule.clamp is None else grad.clamp(-rule.clamp, rule.clamp) for grad in grads
        ]
    return gradients


@torch.no_grad()
def apply_step(net: ResidualMLP, gradients: Gradients, eta: float, rule: Rule) -> None:
    """Changes the blocks of ``net`` in place by one step of size ``eta``."""
    for index, grads in gradients.items():
        params = list(net.blocks[index].parameters())
        for param, step in zip(params, _steps(params, grads, eta, rule), strict=True):
            param += step


@torch.no_grad()
def relative_step(net: ResidualMLP, gradients: Gradients, eta: float, rule: Rule) -> float:
    """Norm of a step over the norm of the weight matrices, mean over the updated blocks."""
    sizes = []
    for index, grads in gradients.items():
        params = list(net.blocks[index].parameters())
        sizes.append((_norm(_steps(params, grads, eta, rule)) / _norm(_matrices(params))).item())
    return sum(sizes) / len(sizes)


def clamped_share(gradients: Gradients, clamp: float) -> float:
    """Share of gradient entries that sit at the bound, in [0, 1]."""
    entries = torch.cat([grad.flatten() for grads in gradients.values() for grad in grads])
    return (entries.abs() >= clamp).double().mean().item()


def _steps(
    params: list[torch.Tensor], grads: list[torch.Tensor], eta: float, rule: Rule
) -> list[torch.Tensor]:
    steps = [-eta * grad for grad in grads]
    if rule.weight_decay:
        steps = [
            step - rule.weight_decay * param if param.ndim > 1 else step
            for step, param in zip(steps, params, strict=True)
        ]
    if rule.trust_region is not None:
        bound = rule.trust_region * _norm(_matrices(params))
        shrink = (bound / (_norm(steps) + TINY)).clamp(max=1.0)
        steps = [step * shrink for step in steps]
    return steps


def _matrices(params: list[torch.Tensor]) -> list[torch.Tensor]:
    return [param for param in params if param.ndim > 1]


def _norm(tensors: list[torch.Tensor]) -> torch.Tensor:
    return torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(t) for t in tensors]))
