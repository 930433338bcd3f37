"""A user's own log of impressions and clicks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from experiments import gated_ctr as study
from experiments.parts.gated_ctr import files
from tests.experiments.gated_ctr.click_runs import config_of, measured

OWN = {"train_size": 200, "validation_size": 60, "test_size": 40}


def own_arrays(rows=300):
    draws = np.random.default_rng(0)
    return {
        "fields": draws.integers(0, 7, (rows, 4)),
        "item": draws.integers(1, 9, rows),
        "history": draws.integers(0, 9, (rows, 3)),
        "y": draws.integers(0, 2, rows),
        "category": np.array([0, 1, 1, 2, 2, 3, 3, 1, 2]),
    }


def write(path, arrays):
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif path.suffix == ".pt":
        torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, path)
    else:
        import pandas

        columns = {"y": arrays["y"], "item": arrays["item"]}
        columns |= {f"history_{i}": arrays["history"][:, i] for i in range(3)}
        columns |= {f"field {i}": arrays["fields"][:, i] for i in range(4)}
        pandas.DataFrame(columns).to_parquet(path)


@pytest.mark.parametrize("kind", ["npz", "pt", "parquet"])
def test_a_users_own_log_is_read_and_measured(tmp_path, kind):
    arrays, path = own_arrays(), tmp_path / f"own.{kind}"
    write(path, arrays)
    log = files.load_clicks(str(path))
    assert torch.equal(log.fields, torch.from_numpy(arrays["fields"]).int())
    assert ((log.history > 0).sum(1).numpy() == (arrays["history"] > 0).sum(1)).all()
    assert ((log.history[:, 1:] == 0) | (log.history[:, :-1] > 0)).all()
    metrics = measured(tmp_path / "run", data=str(path), **OWN)
    assert 0 <= metrics["test_auc", 3] <= 1
    assert ("oracle_auc", None) not in metrics
    assert study.describe(config_of(data=str(path), **OWN)).files == (str(path),)


def test_parquet_gives_the_categories_of_the_items_that_were_shown(tmp_path):
    import pandas

    path = tmp_path / "own.parquet"
    frame = {"y": [0, 1, 0], "item": [1, 2, 3], "history_0": [4, 0, 1], "category": [5, 6, 5]}
    pandas.DataFrame(frame).to_parquet(path)
    log = files.load_clicks(str(path))
    assert log.category.tolist() == [0, 5, 6, 5, 0]
    assert log.fields.tolist() == [[5], [6], [5]]


def test_ids_of_rows_outside_the_parts_are_data_too(tmp_path):
    arrays = own_arrays(310)
    wider = {**arrays, "fields": arrays["fields"].copy()}
    wider["fields"][0] = 20  # the first ten rows are in no part
    for name, held in {"one": arrays, "wider": wider}.items():
        write(tmp_path / f"{name}.npz", held)
    one, other = ({**OWN, "data": str(tmp_path / f"{name}.npz")} for name in ("one", "wider"))
    logs = [files.load_clicks(own["data"]) for own in (one, other)]
    assert torch.equal(logs[0].x[10:], logs[1].x[10:])
    assert study.describe(config_of(**one)).digest != study.describe(config_of(**other)).digest
    measured(tmp_path / "run", **one)
    assert measured(tmp_path / "run", **other) == measured(tmp_path / "afresh", **other)


def test_repeated_impressions_are_counted(tmp_path):
    arrays = own_arrays()
    for name in ("fields", "item", "history"):
        arrays[name][200:230] = arrays[name][:30]
    write(tmp_path / "own.npz", arrays)
    data = study.describe(config_of(data=str(tmp_path / "own.npz"), **OWN))
    assert data.overlap == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"y": np.full(300, 2)}, "y must be 0 or 1"),
        ({"item": np.zeros(300, int)}, "item at least 1"),
        ({"fields": np.full((300, 4), 0.5)}, "fields must hold whole numbers"),
        ({"history": np.full((300, 3), -1)}, "history must hold whole numbers"),
        ({"history": np.zeros((299, 3), int)}, "have shapes"),
        ({"category": np.zeros(3, int)}, "category have 9 entries"),
    ],
)
def test_a_log_that_cannot_be_used_says_why(tmp_path, change, says):
    write(tmp_path / "own.npz", {**own_arrays(), **change})
    with pytest.raises(ValueError, match=says):
        files.load_clicks(str(tmp_path / "own.npz"))


def test_files_that_hold_objects_or_lack_arrays_or_are_of_another_kind_are_refused(tmp_path):
    torch.save({"y": object}, tmp_path / "code.pt")
    np.savez(tmp_path / "objects.npz", y=np.array([object()]))
    np.savez(tmp_path / "few.npz", y=np.zeros(3))
    for name, says in {"code.pt": "plain torch", "objects.npz": "pickle", "few.npz": "fields, item"}.items():
        with pytest.raises(ValueError, match=says):
            files.load_clicks(str(tmp_path / name))
    with pytest.raises(ValueError, match="unknown kind of file"):
        files.load_clicks("clicks.csv")


def test_a_part_without_clicks_is_refused(tmp_path):
    arrays = own_arrays()
    arrays["y"][260:] = 0
    write(tmp_path / "own.npz", arrays)
    with pytest.raises(ValueError, match="the test rows need both clicks and others"):
        study.describe(config_of(data=str(tmp_path / "own.npz"), **OWN))
