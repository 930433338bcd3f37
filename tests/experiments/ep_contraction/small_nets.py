"""Small fixed-point networks in double precision."""

from __future__ import annotations

import torch

from experiments.parts.ep_contraction import net as network
from experiments.parts.ep_contraction.adjoints import Free
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
