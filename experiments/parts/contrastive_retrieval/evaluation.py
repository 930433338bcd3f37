"""Evaluates a retriever on one set of windows: which queries, which bank, and every metric."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from experiments.parts.contrastive_retrieval import ranking
from experiments.parts.contrastive_retrieval.articles import Windows, context_rows
from experiments.parts.contrastive_retrieval.retriever import Retriever
from experiments.parts.seeding import generator


@dataclass(frozen=True)
class Search:
    """A bank and what is looked for in it.

    Attributes:
        model: whose predictions are queries, and whose head or tower encodes the bank.
        given: chunk vectors as the model sees them, (m, d): contexts, and targets as trained on.
        held: the same chunks as the bank holds them, (m, d); by another encoder, perhaps.
        context: chunks before a target.
        queries: what is searched with; see :meth:`queries_for`.
        leave_context_out: whether a query's own context is left out of its bank.
    """

    model: Retriever
    given: torch.Tensor
    held: torch.Tensor
    context: int
    queries: str = "model_predictions"
    leave_context_out: bool = False

    @torch.no_grad()
    def bank(self) -> torch.Tensor:
        """The bank in the space that is searched."""
        return self.model.embed(self.held)

    @torch.no_grad()
    def predictions(self, rows: Windows) -> torch.Tensor:
        """What the model makes of each window's context, before any head."""
        return self.model.predict(self.given[context_rows(rows, self.context)])

    @torch.no_grad()
    def queries_for(self, rows: Windows, seed: int) -> torch.Tensor:
        """Queries in the space that is searched, (n, d).

        ``model_predictions``; ``targets`` (the answer itself, an oracle); ``last_context`` and
        ``context_mean`` (no model is needed for them); ``random`` directions (chance).
        """
        if self.queries == "model_predictions":
            return self.model.query(self.predictions(rows))
        if self.queries == "random":
            drawn = torch.randn(len(rows), self.given.shape[1], generator=generator(seed, "random queries"))
            return self.model.embed(F.normalize(drawn.to(self.given), dim=1))
        before = self.given[context_rows(rows, self.context)]
        plain = {"targets": self.given[rows], "last_context": before[:, -1], "context_mean": before.mean(1)}
        return self.model.embed(F.normalize(plain[self.queries], dim=1))

    def ranks(self, rows: Windows, queries: torch.Tensor, bank: torch.Tensor, left_out: bool) -> torch.Tensor:
        """Ranks of the windows' targets, as :func:`retrieval.ranks`."""
        before = context_rows(rows, self.context) if left_out else None
        return ranking.ranks(queries, bank, rows, before)


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation measured: metrics, and per window its rank (0 first) and cosine to the answer."""

    metrics: dict[str, float]
    ranks: torch.Tensor
    cosines: torch.Tensor


@torch.no_grad()
def evaluate(search: Search, test: Windows, train: Windows, timed: int, seed: int) -> Evaluation:
    """Every metric of retrieval on the test windows.

    Args:
        train: training windows, of which as many as there are test windows are searched for too.
        timed: queries whose latency is measured.
    """
    bank, queries = search.bank(), search.queries_for(test, seed)
    target_ranks = search.ranks(test, queries, bank, search.leave_context_out)
    metrics = ranking.search_metrics(target_ranks)
    metrics |= ranking.cosine_metrics(queries, bank[test], search.model.embed(search.given[test - 1]))
    metrics |= _other_protocols(search, test, queries, bank)
    some = train[torch.randperm(len(train), generator=generator(seed, "seen"))[: len(test)].to(train.device)]
    again = search.ranks(some, search.queries_for(some, seed), bank, search.leave_context_out)
    metrics["train_recall_at_5"] = ranking.recall(again, 5)
    metrics |= ranking.latency_metrics(queries, bank, timed)
    metrics |= space_metrics(search, test)
    return Evaluation(metrics, target_ranks, ranking.cosines(queries, bank[test]).cpu())


def space_metrics(search: Search, rows: Windows) -> dict[str, float]:
    """Whether the bank can be searched at all, the model left aside, in the raw space.

    Returns:
        ``target_bank_cosine``: targets as trained on, to their own entries in the bank; 1 in one space.
        ``oracle_recall_at_1``: recall when the target itself is the query.
    """
    right = search.given[rows]
    cosine = ranking.cosines(right, search.held[rows]).mean().item()
    recalled = ranking.recall(ranking.ranks(right, search.held, rows), 1)
    return {"target_bank_cosine": cosine, "oracle_recall_at_1": recalled}


def _other_protocols(
    search: Search, rows: Windows, queries: torch.Tensor, bank: torch.Tensor
) -> dict[str, float]:
    """R@5 with the context's own vectors in the bank and without, and in the other space; its cosines."""
    model, metrics = search.model, {}
    for name, left_out in (("context_in_bank", False), ("context_left_out", True)):
        metrics[f"recall_at_5_{name}"] = ranking.recall(search.ranks(rows, queries, bank, left_out), 5)
    if model.tower is not None:
        return metrics  # its queries have no counterpart in the raw space
    predicted = search.predictions(rows)
    metrics["raw_cosine"] = ranking.cosines(predicted, search.held[rows]).mean().item()
    if model.head is not None:
        projected, entries = model.project(predicted), model.project(search.held)
        metrics["projected_cosine"] = ranking.cosines(projected, entries[rows]).mean().item()
        projected_ranks = search.ranks(rows, projected, entries, search.leave_context_out)
        metrics["recall_at_5_projected"] = ranking.recall(projected_ranks, 5)
    return metrics
