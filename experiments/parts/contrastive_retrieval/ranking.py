"""Brute-force search of a bank of vectors, and what is said of it."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import torch

BATCH = 256  # queries at a time; bounds memory at BATCH x bank scores
TOP = 50
CURVE = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # k of the recall curve


@torch.no_grad()
def ranks(
    queries: torch.Tensor, bank: torch.Tensor, answers: torch.Tensor, left_out: torch.Tensor | None = None
) -> torch.Tensor:
    """How many entries of the bank come before each query's answer; 0 is the first place.

    Entries with the answer's own score count half, so that a bank whose entries are all alike gives
    chance and not a perfect score. A score that is not finite comes last: compared as it is, NaN would be
    behind nothing and look perfect.

    Args:
        queries: (n, d), unit length. bank: (m, d), unit length.
        answers: row of the answer in the bank, (n,).
        left_out: rows that are not in the bank for that query, (n, c); none of them is the answer.

    Returns:
        (n,) float64 on the CPU; infinite, so found in no number of places, where the answer's own score
        is not finite.
    """
    batches = []
    for start in range(0, len(queries), BATCH):
        part = slice(start, start + BATCH)
        scores = (queries[part] @ bank.T).nan_to_num_(*[-torch.inf] * 3)
        right = scores.gather(1, answers[part, None])
        if left_out is not None:
            scores.scatter_(1, left_out[part], -torch.inf)
        before, alike = _counted(scores > right), _counted(scores == right) - 1
        batches.append(torch.where(right[:, 0].isfinite(), before + alike / 2, torch.inf))
    return torch.cat(batches).cpu()


def _counted(where: torch.Tensor) -> torch.Tensor:
    # In int32: summing booleans as int64, the default, takes longer than the scores themselves.
    return where.sum(1, dtype=torch.int32).double()


def recall(ranks: torch.Tensor, k: int) -> float:
    """Share of the queries whose answer is among the first k."""
    return (ranks < k).double().mean().item()


def mrr(ranks: torch.Tensor) -> float:
    """Mean reciprocal rank, the first place counting 1."""
    return (1 / (ranks + 1)).mean().item()


def search_metrics(ranks: torch.Tensor) -> dict[str, float]:
    """Recall at 1, 5 and 10, containment in the top 50, R@5 / Contain@50 (absent where that is 0), MRR."""
    contained = recall(ranks, TOP)
    metrics = {f"recall_at_{k}": recall(ranks, k) for k in (1, 5, 10)}
    metrics |= {f"contain_at_{TOP}": contained, "mrr": mrr(ranks)}
    return {**metrics, "efficiency_at_5": metrics["recall_at_5"] / contained} if contained else metrics


@torch.no_grad()
def cosines(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Cosine of each row of a with that of b, all of unit length; 0 where one of them is not finite."""
    return (a * b).sum(1).nan_to_num(0.0, 0.0, 0.0)


@torch.no_grad()
def cosine_metrics(queries: torch.Tensor, right: torch.Tensor, last: torch.Tensor) -> dict[str, float]:
    """Cosines of queries with the answers; vectors that are not finite have no direction, and cosine 0.

    Args:
        queries, right, last: (n, d) of unit length: queries, their answers as the bank holds them, and the
            last chunk of their context.

    Returns:
        ``eval_cosine``: to the own answer; ``negative_cosine``: to the answers of the other queries;
        ``cosine_margin``: the first less the second; ``copy_last_margin``: the first less the cosine
        to the last chunk of the context, below 0 where a query is nearer to what it has seen.
    """
    queries, right, last = (vectors.nan_to_num(0.0, 0.0, 0.0) for vectors in (queries, right, last))
    own = cosines(queries, right).mean().item()
    n = len(queries)
    # The mean over all pairs is the product of the sums; the diagonal is taken out.
    every = (queries.double().sum(0) @ right.double().sum(0)).item()
    negative = (every - own * n) / max(n * (n - 1), 1)
    copied = cosines(queries, last).mean().item()
    return {
        "eval_cosine": own,
        "negative_cosine": negative,
        "cosine_margin": own - negative,
        "copy_last_margin": own - copied,
    }


@torch.no_grad()
def latency_metrics(queries: torch.Tensor, bank: torch.Tensor, most: int) -> dict[str, float]:
    """P95 of one search (scores and the top 50) at a time, and relative to the matrix product alone.

    The two are timed in turn, so that a busy machine slows both. Absolute values are the machine's.
    """
    timed: Mapping[str, list[float]] = {"search": [], "product": []}
    top = min(TOP, len(bank))
    for query in queries[:most]:
        for kind, took in timed.items():
            begun = time.perf_counter()
            scores = bank @ query
            if kind == "search":
                scores.topk(top)
            if bank.is_cuda:
                torch.cuda.synchronize()
            took.append(time.perf_counter() - begun)
    search, product = (float(np.percentile(took, 95)) for took in timed.values())
    return {"latency_p95_ms": search * 1e3, "latency_p95_relative": search / product}
