"""What an arm of ``experiments.span_multitask`` may set."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic

from experiments import contract
from experiments.parts.span_multitask.generator import Placement
from experiments.parts.span_multitask.net import Head
from experiments.parts.span_multitask.tasks import TASKS, Task

Weights = Annotated[tuple[Annotated[float, pydantic.Field(ge=0)], ...], pydantic.Field(min_length=1)]


class Config(contract.Config):
    """Parameters of one arm; the docstring of ``experiments.span_multitask`` says what for."""

    task: Literal["train", "proxy_grid"] = "train"

    tasks: Annotated[tuple[Task, ...], pydantic.Field(min_length=1)] = TASKS
    normalize_countdown: bool = True
    weighting: Literal["kendall", "sum"] = "kendall"
    pos_weight: float = pydantic.Field(1.0, gt=0)
    focal_gamma: float = pydantic.Field(0.0, ge=0)
    span_head: Head = "pooled"
    hidden: int = pydantic.Field(64, ge=1)
    dropout: float = pydantic.Field(0.3, ge=0, lt=1)
    window_stride: int | None = pydantic.Field(None, ge=1)
    split_first: bool = True  # False makes the windows before the split, which leaks
    pretrain: Literal["masked_autoencoder"] | None = None
    pretrain_epochs: int = pydantic.Field(20, ge=1)

    return_weight: Weights = (0.5, 1.0, 2.0)
    streak_weight: Weights = (0.05, 0.1, 0.2)
    vol_epsilon: Weights = (0.001, 0.01, 0.1)
    unsigned_return: bool = False

    data: str | None = None
    data_seed: int = 0
    snr: float = pydantic.Field(0.6, ge=0)
    jitter: float = pydantic.Field(0.4, ge=0, le=1)  # share of labels that are moved ...
    jitter_bars: int = pydantic.Field(40, ge=0)  # ... by up to this many bars
    placement: Placement = "centres"
    train_size: int = pydantic.Field(168, ge=2)
    validation_size: int = pydantic.Field(200, ge=2)
    test_size: int = pydantic.Field(200, ge=2)
    unlabelled_size: int = pydantic.Field(500, ge=0)  # of generated data; of a file, what is left

    epochs: int = pydantic.Field(30, ge=1)
    batch_size: int = pydantic.Field(32, ge=1)
    lr: float = pydantic.Field(2e-3, gt=0)
    weight_decay: float = pydantic.Field(1e-2, ge=0)
    keep: Literal["last", "best"] = "last"

    @pydantic.field_validator("tasks", "return_weight", "streak_weight", "vol_epsilon", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return value if isinstance(value, list | tuple) else (value,)

    @pydantic.field_validator("tasks")
    @classmethod
    def _has_span(cls, tasks: tuple[Task, ...]) -> tuple[Task, ...]:
        if "span" not in tasks:
            raise ValueError("tasks must include 'span': it is what is measured")
        return tuple(task for task in TASKS if task in tasks)
