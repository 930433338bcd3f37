"""What an arm of ``experiments.credit_linesearch`` may set."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic

from experiments import contract
from experiments.parts.credit_linesearch.update import Rule

SNAPSHOT_EPOCHS = {"early": 1, "standard": 3, "late": 25}
PositiveEpochs = Annotated[int, pydantic.Field(ge=1)]


class Config(contract.Config):
    """Parameters of one arm; the docstring of ``experiments.credit_linesearch`` says what for."""

    credit: Literal["oracle", "vec_m4", "scalar_cb", "dfa"] = "oracle"
    normalize: bool = False
    normalize_over: Literal["sample", "batch"] = "sample"
    clamp: float | None = pydantic.Field(None, gt=0)
    blocks: Literal["all", "last"] = "all"
    block_weight_decay: float = pydantic.Field(0.0, ge=0, lt=1)
    trust_region: float | None = pydantic.Field(None, gt=0)

    protocol: Literal["fixed_steps", "line_search"] = "line_search"
    evaluate_on: tuple[Literal["same", "held_out"], ...] = ("same", "held_out")
    steps: int | None = pydantic.Field(None, ge=1)  # None: 20 if fixed, else one for each fresh batch
    fresh_batches: int | None = pydantic.Field(None, ge=1)  # None: every one of fixed steps, else 1
    eta: float = pydantic.Field(0.01, gt=0)  # of fixed steps; a line search finds its own

    snapshot: Literal["early", "standard", "late"] | PositiveEpochs = "standard"
    label_noise: float = pydantic.Field(0.3, ge=0, le=1)
    data: str | None = None
    data_seed: int = 0
    train_size: int = pydantic.Field(800, ge=1)
    pool_size: int = pydantic.Field(500, ge=1)
    batch_size: int = pydantic.Field(64, ge=1)
    depth: int = pydantic.Field(4, ge=1)
    width: int = pydantic.Field(128, ge=1)
    lr: float = pydantic.Field(1e-3, gt=0)  # AdamW, of the network that the snapshot is taken from
    estimator_width: int = pydantic.Field(256, ge=1)
    # Few enough that the four credits stay apart in Gamma: at 900, scalar_cb comes close to vec_m4.
    estimator_steps: int = pydantic.Field(400, ge=1)
    rho_directions: int = pydantic.Field(32, ge=2)

    @pydantic.field_validator("evaluate_on", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @pydantic.model_validator(mode="after")
    def _pool_has_two_batches(self) -> Config:
        if self.pool_size < 2 * self.batch_size:
            raise ValueError("pool_size must be at least 2 * batch_size: an update, and a next batch")
        return self

    @property
    def epochs(self) -> int:
        return self.snapshot if isinstance(self.snapshot, int) else SNAPSHOT_EPOCHS[self.snapshot]

    @property
    def update_steps(self) -> int:
        """SGD steps in an update."""
        return self.steps or (20 if self.protocol == "fixed_steps" else self.fresh_batches or 1)

    @property
    def update_batches(self) -> int:
        """Batches that an update uses before it starts over."""
        return self.fresh_batches or (self.update_steps if self.protocol == "fixed_steps" else 1)

    @property
    def rule(self) -> Rule:
        bounds = (self.clamp, self.block_weight_decay, self.trust_region)
        return Rule(self.normalize, self.normalize_over, *bounds, self.blocks)
