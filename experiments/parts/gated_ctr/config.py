"""What an arm of ``experiments.gated_ctr`` may set."""

from __future__ import annotations

from typing import Literal

import pydantic

from experiments import contract
from experiments.parts.gated_ctr.schedules import Schedule
from experiments.parts.gated_ctr.training import Recipe


class Config(contract.Config):
    """Parameters of one arm; the docstring of ``experiments.gated_ctr`` says what for."""

    dropout: float = pydantic.Field(0.20, ge=0, lt=1)
    weight_decay: float = pydantic.Field(1e-5, ge=0)
    label_smoothing: float = pydantic.Field(0.0, ge=0, lt=1)
    lr: float = pydantic.Field(1e-3, gt=0)
    schedule: Schedule = "none"
    warmup_epochs: float = pydantic.Field(2.0, ge=0)
    optimizer: Literal["adam", "adamw"] = "adam"
    epochs: int = pydantic.Field(5, ge=1)
    batch_size: int = pydantic.Field(256, ge=1)
    clip_norm: float | None = pydantic.Field(1.0, gt=0)
    num_workers: int = pydantic.Field(0, ge=0)
    # As many batches have to be slow, and for so long, before the watchdog stops the run.
    slow_batches: int = pydantic.Field(20, ge=1)
    slow_seconds: float = pydantic.Field(3.0, ge=0)

    embedding: int = pydantic.Field(8, ge=2, multiple_of=2)
    width: int = pydantic.Field(32, ge=1)
    embedding_std: float = pydantic.Field(0.01, gt=0)

    data: str | None = None
    data_seed: int = 0
    train_size: int = pydantic.Field(120_000, ge=1)
    validation_size: int = pydantic.Field(20_000, ge=1)
    test_size: int = pydantic.Field(20_000, ge=1)
    users: int = pydantic.Field(8000, ge=1)
    items: int = pydantic.Field(6000, ge=1)
    history_length: int = pydantic.Field(12, ge=1)
    click_rate: float = pydantic.Field(0.04, gt=0, lt=1)

    @property
    def recipe(self) -> Recipe:
        return Recipe(**{name: getattr(self, name) for name in Recipe.__dataclass_fields__})
