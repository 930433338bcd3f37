"""A network whose output is read off a relaxation: z_{t+1} = Phi(z_t) = z_t + eps F(z_t, x).

F(z, x) = -c z + W tanh(z) + U x + b, logits R z. W and b are trained; U and R stay as drawn, because with
all of them trainable the readout absorbs the loss and the relaxation is never pushed to the margin.

Every tensor has a leading axis of seeds, and every operation here acts on each seed alone and in an order
that does not depend on how many there are: on a CPU the numbers of a seed are the same, bit for bit,
whatever others are computed beside it. Divergence amplifies rounding, so nothing weaker would do.

Shapes: S seeds, B rows, d state units, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

from experiments.parts.seeding import generator

SYMMETRIC_GAIN = 0.4  # of the random part of W, whose spectral radius is about this
ROTATION = 0.4  # of its antisymmetric part: eigenvalues of F_z have an imaginary part from the start
INPUT_SCALE, READOUT_SCALE = 0.3, 0.5
CHECK_EVERY = 10  # steps between two looks at whether a relaxation has settled


@dataclass(frozen=True)
class FixedPointNet:
    """Parameters and relaxation of one network per seed.

    Attributes:
        weight: W, (S, d, d).
        bias: b, (S, 1, d).
        inputs: U, (S, features, d).
        readout: R, (S, d, C).
        step_size: eps of the relaxation.
        damping: c, the leak.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    inputs: torch.Tensor
    readout: torch.Tensor
    step_size: float
    damping: float

    @property
    def seeds(self) -> int:
        return self.weight.shape[0]

    @property
    def width(self) -> int:
        return self.weight.shape[-1]

    def with_(self, weight: torch.Tensor, bias: torch.Tensor) -> FixedPointNet:
        """The same network with other trained parameters."""
        return replace(self, weight=weight, bias=bias)

    def one(self, index: int, dtype: torch.dtype) -> FixedPointNet:
        """The network of one seed, in another precision."""
        kept = {name: getattr(self, name)[index : index + 1].to(dtype) for name in _TENSORS}
        return replace(self, **kept)

    def drive(self, x: torch.Tensor) -> torch.Tensor:
        """U x + b, (S, B, d), for inputs (S, B, features)."""
        return torch.baddbmm(self.bias, x, self.inputs)

    def start(self, drive: torch.Tensor) -> torch.Tensor:
        """Where every relaxation begins: zero."""
        return torch.zeros_like(drive)

    def force(self, z: torch.Tensor, drive: torch.Tensor) -> torch.Tensor:
        """F(z, x), (S, B, d)."""
        return torch.baddbmm(drive, torch.tanh(z), self.weight.mT).sub_(z, alpha=self.damping)

    def relax(self, z: torch.Tensor, drive: torch.Tensor, steps: int) -> torch.Tensor:
        """The state after so many steps from z."""
        pushed, mixing, keep = self.step_size * drive, self.step_size * self.weight.mT, self.keep
        for _ in range(steps):
            z = torch.baddbmm(torch.add(pushed, z, alpha=keep), torch.tanh(z), mixing)
        return z

    @property
    def keep(self) -> float:
        """1 - eps c: what a step keeps of the state."""
        return 1.0 - self.step_size * self.damping

    def logits(self, z: torch.Tensor) -> torch.Tensor:
        """R z, (S, B, C)."""
        return torch.bmm(z, self.readout)

    def losses(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of every row, (S, B) in nats, for labels (S, B)."""
        return F.cross_entropy(self.logits(z).mT, y, reduction="none")

    def loss_slope(self, z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """dL/dz of every row's own loss, (S, B, d)."""
        error = torch.softmax(self.logits(z), -1) - F.one_hot(y, self.readout.shape[-1])
        return torch.bmm(error.to(z.dtype), self.readout.mT)

    def jacobian(self, z: torch.Tensor) -> torch.Tensor:
        """F_z at every row, (S, B, d, d)."""
        mixing = self.weight.unsqueeze(1) * slope(z).unsqueeze(-2)
        return mixing - self.damping * torch.eye(self.width, dtype=z.dtype, device=z.device)

    def push(self, v: torch.Tensor, slopes: torch.Tensor) -> torch.Tensor:
        """F_z v for vectors (S, B, d), given tanh' at the state."""
        return torch.bmm(v * slopes, self.weight.mT).sub_(v, alpha=self.damping)

    def pull(self, v: torch.Tensor, slopes: torch.Tensor) -> torch.Tensor:
        """F_z^T v for vectors (S, B, d), given tanh' at the state."""
        return torch.bmm(v, self.weight).mul_(slopes).sub_(v, alpha=self.damping)


_TENSORS = ("weight", "bias", "inputs", "readout")


def slope(z: torch.Tensor) -> torch.Tensor:
    """tanh'(z)."""
    return 1 - torch.tanh(z).square()


def build(
    seeds: Sequence[int], features: int, width: int, classes: int, step_size: float, damping: float
) -> FixedPointNet:
    """Freshly drawn networks, each from its own seed alone.

    Raises:
        ValueError: fewer state units than classes; widen the state.
    """
    if width < classes:
        raise ValueError(f"width {width} is less than the {classes} classes that are read off it")
    drawn = [_draw(seed, features, width, classes) for seed in seeds]
    parts = {name: torch.stack([one[name] for one in drawn]) for name in _TENSORS}
    return FixedPointNet(**parts, step_size=step_size, damping=damping)


def _draw(seed: int, features: int, width: int, classes: int) -> dict[str, torch.Tensor]:
    draws = generator(seed, "fixed-point network")
    inputs = INPUT_SCALE * torch.randn(features, width, generator=draws) / features**0.5
    readout = READOUT_SCALE * torch.linalg.qr(torch.randn(width, classes, generator=draws))[0]
    a = torch.randn(width, width, generator=draws) / width**0.5
    weight = SYMMETRIC_GAIN * a + ROTATION * (a - a.T) / 2**0.5
    return {"weight": weight, "bias": torch.zeros(1, width), "inputs": inputs, "readout": readout}


def residual(net: FixedPointNet, z: torch.Tensor, drive: torch.Tensor) -> torch.Tensor:
    """Relative force |F| / |z| of every row, (S, B).

    Of the force and not of the step, which shrinks with eps by definition.
    """
    return net.force(z, drive).norm(dim=-1) / z.norm(dim=-1).clamp_min(1e-12)


def settle(
    net: FixedPointNet, z: torch.Tensor, drive: torch.Tensor, tolerance: float, most: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Relaxes further until every row's residual is within tolerance, or ``most`` steps are spent.

    A seed that has settled stands still while others go on, so that its numbers are its own.

    Returns:
        (states (S, B, d), which rows settled (S, B)).
    """
    done = residual(net, z, drive) <= tolerance
    spent = 0
    while spent < most and not done.all():
        steps = min(CHECK_EVERY, most - spent)
        moved = net.relax(z, drive, steps)
        z = torch.where(done.all(1)[:, None, None], z, moved)
        done, spent = residual(net, z, drive) <= tolerance, spent + steps
    return z, done


def leading(net: FixedPointNet, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Spectral radius of Phi_z at every row, and the angle of that eigenvalue in radians, each (S, B).

    An angle away from 0 says that the slowest mode oscillates (a Hopf instability when it passes 1).
    """
    jacobian = net.step_size * net.jacobian(z)
    jacobian.diagonal(dim1=-2, dim2=-1).add_(1.0)
    values = torch.linalg.eigvals(torch.nan_to_num(jacobian))  # LAPACK refuses what is not finite
    first = values.gather(-1, values.abs().argmax(-1, keepdim=True)).squeeze(-1)
    return first.abs(), first.angle().abs()
