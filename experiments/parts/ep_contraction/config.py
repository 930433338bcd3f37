"""What an arm of ``experiments.ep_contraction`` may set."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from experiments import contract
from experiments.parts.ep_contraction.training import Recipe

SETTLED = 1e-5  # residual at which a relaxation counts as settled; in single precision 1e-7 is rounding
Positive = Annotated[float, pydantic.Field(gt=0)]
Count = Annotated[int, pydantic.Field(ge=1)]
Weight = Annotated[float, pydantic.Field(ge=0)]


class Config(contract.Config):
    """Parameters of one arm; the docstring of ``experiments.ep_contraction`` says what for."""

    gradient: Literal["bptt", "oracle", "transpose", "ep", "holomorphic", "forward"] = "bptt"
    measure: Literal["training", "gradient_only"] = "training"
    start: Literal["scratch", "pre_drift_checkpoint"] = "scratch"

    t2sel: Count = 40
    hr: Positive = 0.04
    points: int = pydantic.Field(8, ge=2)
    directions: Count = 16
    refine_to: Positive | None = None  # residual of the free phase; None: 1e-5 in training, z* otherwise
    refine_steps: Count = 300  # beyond T, at most, in training
    unsettled: Literal["keep", "drop"] = "keep"  # rows without a z*, whose exact adjoint is invalid

    contraction_penalty: Weight = 0.0
    rho_target: float = pydantic.Field(0.93, gt=0, lt=1)
    resreg: Weight = 0.0
    jacreg: Weight = 0.0

    steps: Count = 500
    stretch: Count = 1  # times ``steps``: lets an arm of smaller steps go as far
    lr: Positive = 0.01
    clip: Positive = 1.0
    batch_size: Count = 64
    checkpoint_gradient: Literal["bptt", "oracle", "transpose", "ep", "holomorphic", "forward"] = "ep"
    checkpoint_steps: Count = 25
    checkpoint_lr: Positive = 0.01

    width: Count = 48
    horizon: Count = 30  # T
    step_size: Positive = 0.2  # eps
    damping: Positive = 1.0  # c

    track_every: Count = 25
    search_steps: Count = 1000  # that a look spends on z* and on the converged adjoint
    rows: Count = 64
    rho_rows: Count = 16
    data: str | None = None
    data_seed: int = 0
    train_size: Count = 1300

    @pydantic.model_validator(mode="after")
    def _leak_is_stable(self) -> Config:
        if self.step_size * self.damping >= 1:
            raise ValueError("step_size * damping must be below 1: the leak alone would overshoot")
        return self

    @property
    def first_step(self) -> int:
        """Updates that the network has had when this arm begins."""
        return self.checkpoint_steps if self.start == "pre_drift_checkpoint" else 0

    @property
    def looks(self) -> list[int]:
        """Updates at which to measure: the checkpoint itself, every ``track_every``, and the last."""
        first, last = self.first_step, self.first_step + self.stretch * self.steps
        return [*([first] if first else []), *range(first + self.track_every, last, self.track_every), last]

    @property
    def recipe(self) -> Recipe:
        taken = {name: getattr(self, name) for name in Recipe.__dataclass_fields__ if name != "refine_to"}
        return Recipe(**taken, refine_to=self.refine_to or SETTLED)

    @property
    def of_checkpoint(self) -> Config:
        """How the pre-drift checkpoint is trained: what is an arm's own is left at its default."""
        kept = ("width", "horizon", "step_size", "damping", "batch_size", "clip", "device")
        kept += ("data", "data_seed", "train_size")
        own = {name: getattr(self, name) for name in kept}
        of = {"gradient": self.checkpoint_gradient, "steps": self.checkpoint_steps, "lr": self.checkpoint_lr}
        return Config(**own, **of)
