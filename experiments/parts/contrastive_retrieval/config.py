"""What an arm of ``experiments.contrastive_retrieval`` may set."""

from __future__ import annotations

from typing import Literal

import pydantic

from experiments import contract

WEIGHTS = {  # objective -> (lambda_con, lambda_ar) where an arm does not say
    "ar": (0.0, 1.0),
    "infonce_ar": (0.7, 0.3),
    "raw_infonce": (0.85, 0.15),
    "pure_infonce": (1.0, 0.0),
    "two_tower": (1.0, 0.0),
    "amn_baseline": (0.0, 1.0),
}
PROJECTED = ("infonce_ar", "pure_infonce")
PROJECTION_DIM = 32
EVALUATION = {"split", "evaluation_encoder", "queries", "timed_queries"}  # parameters that training ignores


class Config(contract.Config):
    """Parameters of one arm; the docstring of ``experiments.contrastive_retrieval`` says what for."""

    objective: Literal["ar", "infonce_ar", "raw_infonce", "pure_infonce", "two_tower", "amn_baseline"] = "ar"
    lambda_con: float | None = pydantic.Field(None, ge=0)  # None: as WEIGHTS says
    lambda_ar: float | None = pydantic.Field(None, ge=0)
    temperature: float = pydantic.Field(0.07, gt=0)
    projection_dim: int | None = pydantic.Field(None, ge=1)  # None: PROJECTION_DIM where there is a head

    split: Literal["random_windows", "article_disjoint"] = "random_windows"
    evaluation_encoder: Literal["same", "other"] = "same"
    queries: Literal["model_predictions", "targets", "last_context", "context_mean", "random"] = (
        "model_predictions"
    )
    context_in_bank: bool = True
    search: Literal["trained", "raw", "projected"] = "trained"
    timed_queries: int = pydantic.Field(200, ge=1)

    data: str | None = None
    data_seed: int = 0
    articles: int = pydantic.Field(60, ge=2)  # that take part; the others are only in the bank
    new_articles: float = pydantic.Field(0.25, gt=0, lt=1)  # share of them that is not trained on
    held_windows: float = pydantic.Field(0.2, gt=0, lt=1)  # share of the others' windows
    bank_articles: int = pydantic.Field(125, ge=2)  # generated ones, 10,000 chunks
    article_length: int = pydantic.Field(80, ge=2)
    dim: int = pydantic.Field(64, ge=2)
    states: int = pydantic.Field(24, ge=1)
    shared_dynamics: bool = False
    context: int = pydantic.Field(5, ge=1)

    width: int = pydantic.Field(256, ge=1)
    steps: int = pydantic.Field(1200, ge=1)
    stages: int = pydantic.Field(12, ge=1)
    batch_size: int = pydantic.Field(256, ge=2)
    lr: float = pydantic.Field(1e-3, gt=0)

    @pydantic.model_validator(mode="after")
    def _says_nothing_without_effect(self) -> Config:
        con, ar = WEIGHTS[self.objective]
        if self.lambda_con and not con:
            raise ValueError(f"objective '{self.objective}' has no contrastive term: leave out lambda_con")
        if self.objective == "two_tower" and self.lambda_ar:
            raise ValueError("two_tower compares no prediction with a raw target: leave out lambda_ar")
        if not sum(self.weights):
            raise ValueError("lambda_con and lambda_ar are both 0: nothing would be trained")
        if self.objective not in PROJECTED:
            if self.projection_dim is not None:
                raise ValueError(f"objective '{self.objective}' has no head: leave out projection_dim")
            if self.search == "projected":
                raise ValueError(f"objective '{self.objective}' has no head: search cannot be projected")
        if self.objective == "two_tower" and self.search == "raw":
            raise ValueError("two_tower has no raw space to search: leave out search")
        if self.stages > self.steps:
            raise ValueError("stages must be at most steps")
        return self

    @property
    def weights(self) -> tuple[float, float]:
        """(lambda_con, lambda_ar)."""
        con, ar = WEIGHTS[self.objective]
        return (
            con if self.lambda_con is None else self.lambda_con,
            ar if self.lambda_ar is None else self.lambda_ar,
        )

    @property
    def head_width(self) -> int | None:
        """Width of the projection head; None where there is none."""
        return (self.projection_dim or PROJECTION_DIM) if self.objective in PROJECTED else None

    @property
    def space(self) -> str:
        """The space that is searched: ``raw``, ``projected``, or ``trained`` for the towers'."""
        if self.search != "trained" or self.objective == "two_tower":
            return self.search
        return "projected" if self.objective == "pure_infonce" else "raw"

    @property
    def test(self) -> str:
        """Name of the test windows."""
        return f"test_{self.kind}"

    @property
    def kind(self) -> str:
        """``random`` or ``disjoint``, as the windows of the split are named."""
        return "random" if self.split == "random_windows" else "disjoint"
