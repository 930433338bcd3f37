import os

import numpy as np
import pytest
import torch

from experiments.parts import tables


@pytest.fixture
def arrays():
    draws = np.random.default_rng(0)
    return draws.normal(size=(12, 3)).astype(np.float32), np.array([5, 7, 9] * 4)


def same(table, arrays):
    x, y = arrays
    assert torch.equal(table.x, torch.from_numpy(x))
    assert table.y.tolist() == [(value - 5) // 2 for value in y]
    assert table.classes == 3


def test_npz_is_read_and_its_classes_are_counted_from_zero(tmp_path, arrays):
    np.savez(tmp_path / "rows.npz", x=arrays[0], y=arrays[1])
    table = tables.load_table(str(tmp_path / "rows.npz"))
    same(table, arrays)
    assert table.name == "rows.npz"
    assert table.files == (str(tmp_path / "rows.npz"),)


@pytest.mark.parametrize("suffix", ["pt", "pth"])
def test_torch_file_is_read(tmp_path, arrays, suffix):
    path = tmp_path / f"rows.{suffix}"
    torch.save({"x": torch.from_numpy(arrays[0]), "y": torch.from_numpy(arrays[1])}, path)
    same(tables.load_table(str(path)), arrays)


def test_parquet_is_read(tmp_path, arrays):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame(arrays[0], columns=["a", "b", "c"]).assign(y=arrays[1])
    frame.to_parquet(tmp_path / "rows.parquet")
    same(tables.load_table(str(tmp_path / "rows.parquet")), arrays)


@pytest.mark.parametrize("held", [torch.zeros(3, 2), [torch.zeros(3, 2)], 1.0])
def test_a_torch_file_without_names_is_refused_with_what_to_save(tmp_path, held):
    torch.save(held, tmp_path / "rows.pt")
    with pytest.raises(ValueError, match=r"rows\.pt: holds a \w+, not a dict of tensors; save {'x'"):
        tables.load_table(str(tmp_path / "rows.pt"))


class Malicious:
    def __init__(self, made):
        self.made = made

    def __reduce__(self):
        return os.mkdir, (self.made,)


def test_a_pickle_in_a_torch_file_is_refused_and_not_run(tmp_path):
    torch.save({"x": Malicious(str(tmp_path / "made")), "y": torch.zeros(1)}, tmp_path / "rows.pt")
    with pytest.raises(ValueError, match=r"rows\.pt: not a plain torch file"):
        tables.load_table(str(tmp_path / "rows.pt"))
    assert not (tmp_path / "made").exists()


def test_a_pickle_in_an_npz_is_refused_and_not_run(tmp_path):
    x = np.array([Malicious(str(tmp_path / "made"))], dtype=object)
    np.savez(tmp_path / "rows.npz", x=x, y=np.zeros(1, int))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        tables.load_table(str(tmp_path / "rows.npz"))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"x": np.full((12, 3), np.nan)}, "finite"),
        ({"y": np.zeros(12)}, "integer classes"),
        ({"y": np.zeros(5, int)}, r"\(rows, features\)"),
        ({"x": np.array([["a"] * 3] * 12)}, "numeric"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(tmp_path, arrays, change, says):
    np.savez(tmp_path / "rows.npz", **{"x": arrays[0], "y": arrays[1], **change})
    with pytest.raises(ValueError, match=says):
        tables.load_table(str(tmp_path / "rows.npz"))


def test_a_file_without_labels_or_of_an_unknown_kind_is_refused(tmp_path, arrays):
    np.savez(tmp_path / "rows.npz", x=arrays[0])
    with pytest.raises(ValueError, match="needed are x and y"):
        tables.load_table(str(tmp_path / "rows.npz"))
    with pytest.raises(ValueError, match="unknown kind of file"):
        tables.load_table(str(tmp_path / "rows.csv"))


def test_label_noise_changes_the_expected_share_of_labels_and_no_feature():
    clean = tables.digits()
    noisy = tables.with_label_noise(clean, 0.3, seed=0)
    changed = (noisy.y != clean.y).double().mean().item()
    assert changed == pytest.approx(0.3 * 0.9, abs=0.04)  # a tenth of the draws hit the true class
    assert torch.equal(noisy.x, clean.x)
    assert torch.equal(tables.with_label_noise(clean, 0.0, seed=0).y, clean.y)


def test_splits_are_disjoint_and_cover_every_row():
    table = tables.Table("rows", torch.arange(20.0)[:, None], torch.arange(20) % 2)
    splits = tables.split(table, {"train": 9, "pool": 6}, "test", seed=0)
    assert {name: len(y) for name, (_, y) in splits.items()} == {"train": 9, "pool": 6, "test": 5}
    assert sorted(torch.cat([x[:, 0] for x, _ in splits.values()]).tolist()) == list(range(20))
    assert all(torch.equal(x[:, 0].long() % 2, y) for x, y in splits.values())


def test_sizes_that_leave_no_test_row_are_refused():
    table = tables.Table("rows", torch.zeros(5, 1), torch.zeros(5, dtype=torch.long))
    with pytest.raises(ValueError, match="too few"):
        tables.split(table, {"train": 5}, "test", seed=0)


def test_overlap_is_the_share_of_evaluation_rows_seen_in_training():
    training, evaluation = torch.arange(8.0).view(4, 2), torch.arange(100.0, 110.0).view(5, 2)
    assert tables.overlap(training, evaluation) == 0.0
    evaluation[1], evaluation[4] = training[3], training[0]
    assert tables.overlap(training, evaluation) == pytest.approx(2 / 5)


def test_the_digest_sees_values_shapes_and_names():
    x, y = torch.arange(6.0), torch.arange(6)
    digests = {
        tables.digest(splits)
        for splits in (
            {"a": (x.view(6, 1), y)},
            {"a": (x.view(3, 2), y)},
            {"b": (x.view(6, 1), y)},
            {"a": (x.view(6, 1) + 1, y)},
            {"a": (x.view(6, 1), y.flip(0))},
        )
    }
    assert len(digests) == 5
