"""A corpus of articles cut into chunk vectors: a generator, windows, splits, digest and overlap.

A *window* is ``context`` neighbouring chunks of an article and the chunk that follows, the *target*. It is
named by the row of its target, because the rows of an article lie side by side in reading order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from experiments.parts.seeding import derive, generator

TOPIC, NOISE, DECAY = 0.8, 0.5, 0.85  # scale of topics, of innovations; rho of the dynamics
COMMON = 0.45  # weight of the direction that all encoded vectors share, which keeps cosines above 0
VALIDATION = 1 / 3  # of what is held out; the rest is for the test

Windows = torch.Tensor
"""Rows of the targets, (n,) int64."""


@dataclass(frozen=True)
class Corpus:
    """Chunk vectors of unit length.

    Attributes:
        name: what a person would call it.
        vectors: (chunks, d) float32, by the encoder that models are trained with.
        article: article of each chunk, (chunks,) int64 in 0..articles-1, never falling.
        other: the same chunks by another encoder, (chunks, d); None where there is none.
        files: the user's files behind it.
    """

    name: str
    vectors: torch.Tensor
    article: torch.Tensor
    other: torch.Tensor | None = None
    files: tuple[str, ...] = ()

    @property
    def articles(self) -> int:
        return int(self.article[-1]) + 1

    def windows(self, context: int) -> Windows:
        """Every chunk that has ``context`` chunks of its own article before it."""
        rows = torch.arange(context, len(self.article))
        return rows[self.article[rows - context] == self.article[rows]]


def context_rows(windows: Windows, context: int) -> torch.Tensor:
    """Rows of the context of each window in reading order, (n, context)."""
    return windows[:, None] + torch.arange(-context, 0, device=windows.device)


# --- generated ---------------------------------------------------------------------------------


def generate(articles: int, length: int, dim: int, states: int, shared_dynamics: bool, seed: int) -> Corpus:
    """Articles with a topic each and a state that turns and decays: s_t = rho Q s_{t-1} + noise.

    Two encoders see topic + s_t: each is a random linear map of its own, and both add the same
    common direction, so that vectors of unrelated chunks have a cosine of about COMMON squared.

    Args:
        articles: how many, each of ``length`` chunks.
        dim: width of the vectors.
        states: dimensions of topic and state.
        shared_dynamics: one rotation Q for all articles (then what is learned on some holds for
            all) in place of one for each.
    """
    draws = generator(seed, "articles")

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=draws)

    turns = torch.linalg.qr(normal(1 if shared_dynamics else articles, states, states))[0]
    turns = turns.expand(articles, states, states)
    topic, state = TOPIC * normal(articles, states), normal(articles, states)
    chunks = []
    for _ in range(length):
        state = DECAY * torch.einsum("aij,aj->ai", turns, state) + NOISE * normal(articles, states)
        chunks.append(topic + state)
    latent = torch.stack(chunks, 1).flatten(0, 1)
    common = F.normalize(normal(dim), dim=0)
    encoded = [_encode(latent, normal(dim, states), common) for _ in range(2)]
    name = f"synthetic articles ({articles} x {length} chunks, {dim} dimensions)"
    return Corpus(name, encoded[0], torch.arange(articles).repeat_interleave(length), encoded[1])


def _encode(latent: torch.Tensor, weights: torch.Tensor, common: torch.Tensor) -> torch.Tensor:
    own = F.normalize(latent @ weights.T, dim=1)
    return F.normalize((1 - COMMON**2) ** 0.5 * own + COMMON * common, dim=1)


# --- splits ------------------------------------------------------------------------------------


def split_windows(
    corpus: Corpus, context: int, articles: int, new_articles: float, held_windows: float, seed: int
) -> dict[str, Windows]:
    """Disjoint sets of windows.

    ``train``; ``val_random`` and ``test_random``, drawn at random from the windows of the articles
    that are trained on; ``val_disjoint`` and ``test_disjoint``, all windows of articles that are not.
    One third of the held-out articles and windows is for validation, the rest for the test.

    Args:
        context: chunks before a target.
        articles: how many articles take part; the others are only in the bank.
        new_articles: share of these that is held out whole.
        held_windows: share of the windows of the other articles that is held out.

    Raises:
        ValueError: a set would be empty; give more articles or longer ones.
    """
    draws = np.random.default_rng(derive(seed, "split"))
    windows = corpus.windows(context)
    chosen = draws.permutation(corpus.articles)[:articles]
    new = chosen[: round(new_articles * len(chosen))]
    first = round(VALIDATION * len(new))
    seen = windows[_among(corpus, windows, chosen[len(new) :])]
    seen = seen[torch.from_numpy(draws.permutation(len(seen)))]
    held = round(held_windows * len(seen))
    middle = round(VALIDATION * held)
    splits = {
        "train": seen[held:],
        "val_random": seen[:middle],
        "test_random": seen[middle:held],
        "val_disjoint": windows[_among(corpus, windows, new[:first])],
        "test_disjoint": windows[_among(corpus, windows, new[first:])],
    }
    empty = [name for name, rows in splits.items() if not len(rows)]
    if empty:
        raise ValueError(
            f"{corpus.name}: {len(chosen)} articles are too few or too short, nothing is left for "
            f"{', '.join(empty)}; an article gives one window for each chunk after its first {context}"
        )
    return {name: rows.sort().values for name, rows in splits.items()}


def _among(corpus: Corpus, windows: Windows, articles: np.ndarray) -> torch.Tensor:
    return torch.isin(corpus.article[windows], torch.from_numpy(articles))


def article_overlap(corpus: Corpus, training: Windows, evaluation: Windows, context: int) -> float:
    """Share of the evaluation articles that training also saw.

    Seen is an article with a training window, and also one under another name of which at least half
    the chunks occur, byte for byte, in training windows.
    """
    trained = set(corpus.article[training].tolist())
    held = {row.tobytes() for row in corpus.vectors[_covered(training, context)].numpy()}
    articles = corpus.article[evaluation].unique().tolist()
    seen = 0
    for name in articles:
        chunks = corpus.vectors[corpus.article == name].numpy()
        copied = sum(chunk.tobytes() in held for chunk in chunks)
        seen += name in trained or 2 * copied >= len(chunks)
    return seen / len(articles)


def chunk_overlap(training: Windows, evaluation: Windows, context: int) -> float:
    """Share of the evaluation targets that are part of a training window."""
    return torch.isin(evaluation, _covered(training, context)).float().mean().item()


def _covered(windows: Windows, context: int) -> torch.Tensor:
    """Rows that are the target or in the context of a window."""
    return torch.cat([windows, context_rows(windows, context).flatten()]).unique()


def digest(corpus: Corpus, splits: Mapping[str, Windows]) -> str:
    """SHA-256 over the name, shape, dtype and bytes of every array, in order."""
    arrays = {"vectors": corpus.vectors, "article": corpus.article, "other": corpus.other, **splits}
    sums = hashlib.sha256()
    for name, array in arrays.items():
        if array is not None:
            held = np.ascontiguousarray(array.numpy())
            sums.update(f"{name} {held.shape} {held.dtype};".encode())
            sums.update(held.tobytes())
    return sums.hexdigest()
