"""A user's own windows."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
import torch

from experiments import span_multitask as study
from experiments.parts.span_multitask.files import read_windows
from tests.experiments.span_multitask.span_runs import TINY, measured, tiny_windows


def same(read, made):
    assert all(torch.equal(read.arrays()[name], array) for name, array in made.arrays().items())


def test_npz_and_torch_files_are_read(tmp_path):
    made = tiny_windows()
    np.savez(tmp_path / "own.npz", **{name: array.numpy() for name, array in made.arrays().items()})
    torch.save(made.arrays(), tmp_path / "own.pt")
    same(read_windows(str(tmp_path / "own.npz")), made)
    same(read_windows(str(tmp_path / "own.pt")), made)


def parquet(path, made, **columns):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    steps = made.steps
    frame = pandas.DataFrame({f"f{i}": made.x[..., i].flatten().numpy() for i in range(made.x.shape[2])})
    for i, name in enumerate(("open", "high", "low", "close")):
        frame[name] = made.prices[..., i].flatten().numpy()
    frame["window"] = np.arange(len(made)).repeat(steps)
    frame["in_span"] = made.mask.flatten().numpy().astype(int)
    frame["kind"] = made.kind.numpy().repeat(steps)
    frame.assign(**columns).to_parquet(path)


def test_parquet_is_read_with_one_row_per_bar(tmp_path):
    made = tiny_windows()
    parquet(tmp_path / "own.parquet", made)
    same(read_windows(str(tmp_path / "own.parquet")), made)


@pytest.mark.parametrize(
    ("columns", "says"),
    [({"in_span": [1, 0] * 60}, "unbroken span"), ({"window": [0] * 21 + [1] * 99}, "equally many rows")],
)
def test_parquet_with_broken_spans_or_windows_is_refused(tmp_path, columns, says):
    parquet(tmp_path / "own.parquet", tiny_windows(), **columns)
    with pytest.raises(ValueError, match=says):
        read_windows(str(tmp_path / "own.parquet"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"x": np.full((6, 20, 3), np.nan)}, "finite"),
        ({"x": np.zeros((6, 20))}, r"\(windows, steps, features\)"),
        ({"start": np.full(6, 18)}, "lie in its window"),
        ({"kind": np.zeros(6)}, "integers"),
        ({"prices": np.zeros((6, 20, 3))}, r"\(windows, steps, 4\)"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(tmp_path, change, says):
    arrays = {name: array.numpy() for name, array in tiny_windows().arrays().items()}
    np.savez(tmp_path / "own.npz", **{**arrays, **change})
    with pytest.raises(ValueError, match=says):
        read_windows(str(tmp_path / "own.npz"))


def test_missing_arrays_and_unknown_kinds_of_file_are_refused(tmp_path):
    np.savez(tmp_path / "own.npz", x=np.zeros((6, 20, 3)))
    with pytest.raises(ValueError, match="nothing named start, length, kind"):
        read_windows(str(tmp_path / "own.npz"))
    with pytest.raises(ValueError, match="unknown kind of file"):
        read_windows(str(tmp_path / "own.csv"))


class Malicious:
    def __init__(self, made):
        self.made = made

    def __reduce__(self):
        return os.mkdir, (self.made,)


def test_pickles_are_refused_and_not_run(tmp_path):
    evil = Malicious(str(tmp_path / "made"))
    torch.save({"x": evil}, tmp_path / "own.pt")
    np.savez(tmp_path / "own.npz", x=np.array([evil], dtype=object))
    with pytest.raises(ValueError, match="not a plain torch file"):
        read_windows(str(tmp_path / "own.pt"))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_windows(str(tmp_path / "own.npz"))
    assert not (tmp_path / "made").exists()


def test_a_users_own_file_is_measured_and_its_proxies_need_prices(tmp_path):
    made, path = tiny_windows(70), tmp_path / "own.npz"
    arrays = {name: array.numpy() for name, array in made.arrays().items() if name != "prices"}
    np.savez(path, **arrays)
    data = study.describe(study.Config(**TINY, data=str(path)))
    assert data.files == (str(path),)
    assert data.sizes["unlabelled"] == 10
    metrics, _ = measured(tmp_path / "run", data=str(path), pretrain="masked_autoencoder")
    assert math.isfinite(metrics["average_precision", 3])
    with pytest.raises(ValueError, match="add 'prices'"):
        measured(tmp_path / "proxies", data=str(path), task="proxy_grid")
