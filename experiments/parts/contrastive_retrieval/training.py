"""Trains a retriever, and keeps the weights of its best stage apart from the last ones."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from experiments.parts.contrastive_retrieval.articles import Windows, context_rows
from experiments.parts.contrastive_retrieval.ranking import cosines, mrr, ranks
from experiments.parts.contrastive_retrieval.retriever import Retriever, training_loss
from experiments.parts.seeding import generator
from experiments.parts.stages import History, train_in_stages

WEIGHT_DECAY = 0.02  # AdamW
SPLITS = ("random", "disjoint")
CAP = 1e6  # of a loss, and what is logged where it is not finite


@dataclass(frozen=True)
class Schedule:
    """How a training goes.

    Attributes:
        steps: batches in all. stages: parts between two validations, each with a checkpoint.
        batch_size: windows in a batch, drawn without replacement; all but one are negatives.
        lr: AdamW's at the start; it falls to 0 along a cosine.
        lambda_con, lambda_ar, temperature: as in :func:`training_loss`.
    """

    steps: int
    stages: int
    batch_size: int
    lr: float
    lambda_con: float
    lambda_ar: float
    temperature: float

    def ends(self, stage: int) -> int:
        """Steps done when a stage, from 0, is over."""
        return self.steps * (stage + 1) // self.stages


class Trained(nn.Module):
    """A retriever in training and, for each kind of split, its weights when validation was best."""

    def __init__(self, model: Retriever) -> None:
        super().__init__()
        self.model = model
        self.best = nn.ModuleDict({split: copy.deepcopy(model) for split in SPLITS})
        self.best.requires_grad_(False)
        self.register_buffer("best_mrr", torch.full((len(SPLITS),), -1.0, dtype=torch.float64))
        self.register_buffer("best_step", torch.zeros(len(SPLITS), dtype=torch.int64))

    def keep(self, split: str, score: float, step: int) -> None:
        """Takes the weights of now as the best where the score is higher; of equal ones, the first."""
        index = SPLITS.index(split)
        if score > self.best_mrr[index]:
            self.best[split].load_state_dict(self.model.state_dict())
            self.best_mrr[index], self.best_step[index] = score, step

    def chosen(self, split: str) -> tuple[Retriever, int]:
        """The weights that validation on this kind of split chose, and after how many steps.

        Where none was ever kept these are the last weights, and 0: what training made of the model, and
        not initial weights, which may find something without any training.
        """
        step = int(self.best_step[SPLITS.index(split)])
        model = self.best[split] if step else self.model
        assert isinstance(model, Retriever)
        return model, step


def train(
    model: Retriever,
    vectors: torch.Tensor,
    splits: Mapping[str, Windows],
    context: int,
    schedule: Schedule,
    leave_context_out: bool,
    seed: int,
    file: Path,
    key: str,
    on_stage: Callable[[int, dict[str, float]], None],
) -> tuple[Trained, History]:
    """Trains on ``train`` and validates on ``val_random`` and ``val_disjoint`` after each stage.

    A stage after which weights or predictions are not finite is never the best one.

    Args:
        vectors: every chunk, on the model's device; they are also the bank of the validation.
        leave_context_out: whether a query's own context is left out of its bank.
        file, key, on_stage: as in :func:`train_in_stages`.

    Returns:
        the trained model, and per stage ``train_loss`` and its parts (means over the stage's batches),
        ``val_cosine``, ``val_mrr`` (random windows), ``new_cosine``, ``new_mrr`` (new articles), and
        ``diverged``: 1 where weights, a loss or predictions are not finite. All of them are finite.
    """
    held = Trained(model).to(vectors.device)
    optimizer = torch.optim.AdamW(model.parameters(), schedule.lr, weight_decay=WEIGHT_DECAY)
    windows = splits["train"]

    def stage(index: int) -> dict[str, float]:
        draws = generator(seed, "batches", index)
        steps = range(schedule.ends(index - 1), schedule.ends(index))
        sums: dict[str, float] = {}
        for step in steps:
            rows = windows[torch.randperm(len(windows), generator=draws)[: schedule.batch_size]]
            losses = _step(model, optimizer, vectors, rows.to(vectors.device), context, schedule, step)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value
        measures = {name: _capped(name, value / len(steps)) for name, value in sums.items()}
        diverged = not all(math.isfinite(value) for value in sums.values())
        for split, name in zip(SPLITS, ("val", "new"), strict=True):
            rows = splits[f"val_{split}"].to(vectors.device)
            cosine, score, sound = _validate(model, vectors, rows, context, leave_context_out)
            measures |= {f"{name}_cosine": cosine, f"{name}_mrr": score}
            diverged |= not sound
            if sound:
                held.keep(split, score, schedule.ends(index))
        return {**measures, "diverged": float(diverged)}

    history = train_in_stages(held, optimizer, stage, schedule.stages, file, key, on_stage)
    return held.requires_grad_(False), history


def _step(
    model: Retriever,
    optimizer: torch.optim.Optimizer,
    vectors: torch.Tensor,
    rows: torch.Tensor,
    context: int,
    schedule: Schedule,
    step: int,
) -> dict[str, float]:
    """Takes one step on these windows; the loss before it, ``train_loss``, and its parts."""
    optimizer.param_groups[0]["lr"] = schedule.lr * (1 + math.cos(math.pi * step / schedule.steps)) / 2
    weights = (schedule.lambda_con, schedule.lambda_ar, schedule.temperature)
    loss, parts = training_loss(model, vectors[context_rows(rows, context)], vectors[rows], *weights)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return {"train_loss": loss.item(), **parts}


def _capped(name: str, value: float) -> float:
    """A mean over batches as it is logged: no loss is above CAP, and a cosine of nothing is 0."""
    if name == "train_cosine":
        return value if math.isfinite(value) else 0.0
    return CAP if math.isnan(value) else min(value, CAP)


@torch.no_grad()
def _validate(
    model: Retriever, vectors: torch.Tensor, rows: Windows, context: int, leave_context_out: bool
) -> tuple[float, float, bool]:
    """Cosine to the target and MRR, in the space that is searched and by the training's encoder.

    The third says whether weights, queries and bank are all finite.
    """
    before, bank = context_rows(rows, context), model.embed(vectors)
    queries = model.query(model.predict(vectors[before]))
    cosine = cosines(queries, bank[rows]).mean().item()
    sound = all(bool(part.isfinite().all()) for part in (queries, bank, *model.parameters()))
    return cosine, mrr(ranks(queries, bank, rows, before if leave_context_out else None)), sound
