"""A user's own corpus of chunk vectors, from NPZ, Parquet or torch files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from experiments.parts.contrastive_retrieval.articles import Corpus
from experiments.parts.files import Arrays, read_arrays


def load_corpus(path: str) -> Corpus:
    """The chunk vectors of a user's own file; they are scaled to unit length.

    ``.npz`` and torch files (``.pt``, ``.pth``) hold ``vectors`` (chunks, d), ``article`` (chunks,)
    and, where there is a second encoder, ``other`` (chunks, d). A ``.parquet`` file holds a column
    ``article``, numeric columns for the vectors, and those of the other encoder as ``other.NAME``.
    Chunks of an article stand in reading order; articles may be mixed. Pickled objects are refused.

    Raises:
        ValueError: the file cannot be used as it is; the message says what to change in it.
    """
    file = Path(path)
    try:
        held = read_arrays(path, "{'vectors': ..., 'article': ...}", _from_frame)
        arrays = {name: np.asarray(held[name]) for name in ("vectors", "article")}
    except KeyError as error:
        raise ValueError(f"{path}: nothing named {error} in it; needed are vectors and article") from error
    if "other" in held:
        arrays["other"] = np.asarray(held["other"])
    return _checked(file, **arrays)


def _from_frame(file: Path, frame: Any) -> Arrays:
    others = [name for name in frame.columns if str(name).startswith("other.")]
    arrays = {"article": frame["article"].to_numpy()}
    arrays["vectors"] = frame.drop(columns=["article", *others]).to_numpy()
    return {**arrays, "other": frame[others].to_numpy()} if others else arrays


def _checked(file: Path, vectors: np.ndarray, article: np.ndarray, other: np.ndarray | None = None) -> Corpus:
    if vectors.ndim != 2 or article.shape != vectors.shape[:1] or not len(article):
        shapes = f"{vectors.shape} and {article.shape}"
        raise ValueError(f"{file}: vectors must be (chunks, d) and article (chunks,), not {shapes}")
    if other is not None and other.shape != vectors.shape:
        raise ValueError(f"{file}: other must have the shape of vectors, {vectors.shape}, not {other.shape}")
    if article.dtype.kind not in "iuUS":
        raise ValueError(f"{file}: article must hold integers or strings, not {article.dtype}")
    order = np.argsort(article, kind="stable")
    ids = np.unique(article, return_inverse=True)[1].astype(np.int64)[order]
    spaces = [None if a is None else _unit_rows(file, a[order]) for a in (vectors, other)]
    return Corpus(file.name, spaces[0], torch.from_numpy(ids), spaces[1], (str(file),))


def _unit_rows(file: Path, array: np.ndarray) -> torch.Tensor:
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise ValueError(f"{file}: vectors must be numeric and finite")
    vectors = torch.from_numpy(array.astype(np.float32))
    if not vectors.norm(dim=1).all():
        raise ValueError(f"{file}: a vector of zeros has no direction; leave that chunk out")
    return F.normalize(vectors, dim=1)
