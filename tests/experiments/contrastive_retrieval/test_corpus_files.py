"""A user's own corpus of chunk vectors."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from experiments import contrastive_retrieval as study
from experiments.parts.contrastive_retrieval.files import load_corpus
from tests.experiments.contrastive_retrieval.retrieval_runs import TINY, measured


@pytest.fixture
def own():
    """Vectors of 10 articles of unequal length, by two encoders."""
    article = np.repeat(np.arange(10), [20, 22, 18, 25, 20, 21, 20, 20, 19, 24])
    vectors = np.random.default_rng(0).normal(size=(len(article), 6)).astype(np.float32)
    return {"vectors": vectors, "article": article * 7 + 3, "other": -vectors}


def same(corpus, own):
    assert torch.allclose(corpus.vectors, F.normalize(torch.from_numpy(own["vectors"]), dim=1), atol=1e-6)
    assert corpus.article.tolist() == ((own["article"] - 3) // 7).tolist()
    assert torch.allclose(corpus.other, -corpus.vectors, atol=1e-6)


def write(path, own):
    if path.suffix == ".npz":
        np.savez(path, **own)
    elif path.suffix == ".parquet":
        pandas = pytest.importorskip("pandas")
        pytest.importorskip("pyarrow")
        frame = pandas.DataFrame(own["vectors"], columns=[f"v{i}" for i in range(6)])
        others = pandas.DataFrame(own["other"], columns=[f"other.v{i}" for i in range(6)])
        pandas.concat([frame, others], axis=1).assign(article=own["article"]).to_parquet(path)
    else:
        torch.save({name: torch.from_numpy(array) for name, array in own.items()}, path)
    return str(path)


@pytest.mark.parametrize("suffix", ["npz", "pt", "pth", "parquet"])
def test_a_users_own_file_is_read(tmp_path, own, suffix):
    path = write(tmp_path / f"own.{suffix}", own)
    corpus = load_corpus(path)
    same(corpus, own)
    assert corpus.files == (path,)


def test_chunks_of_mixed_articles_are_put_together_in_reading_order(tmp_path, own):
    order = np.argsort(np.arange(len(own["article"])) % 7, kind="stable")
    mixed = {name: array[order] for name, array in own.items()}
    corpus = load_corpus(write(tmp_path / "own.npz", mixed))
    for name in range(10):
        vectors = corpus.vectors[corpus.article == name]
        kept = mixed["vectors"][mixed["article"] == name * 7 + 3]
        assert torch.allclose(vectors, F.normalize(torch.from_numpy(kept), dim=1), atol=1e-6)


@pytest.mark.parametrize("encoder", ["same", "other"])
def test_a_users_own_file_is_measured_and_its_bytes_are_the_digest(tmp_path, own, encoder):
    path = write(tmp_path / "own.npz", own)
    config = {"data": path, "articles": 10, "evaluation_encoder": encoder}
    metrics, _ = measured(tmp_path / "run", **config)
    assert metrics["target_bank_cosine", None] == pytest.approx(1 if encoder == "same" else -1, abs=1e-5)
    before = study.describe(study.Config(**{**TINY, **config}))
    assert before.files == (path,)
    own["vectors"][0, 0] += 1
    write(tmp_path / "own.npz", own)
    assert study.describe(study.Config(**{**TINY, **config})).digest != before.digest


def test_another_encoder_that_a_file_lacks_is_asked_for_by_name(tmp_path, own):
    del own["other"]
    path = write(tmp_path / "own.npz", own)
    with pytest.raises(ValueError, match="vectors named 'other'"):
        measured(tmp_path / "run", data=path, articles=10, evaluation_encoder="other")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vectors": np.ones(4)}, r"vectors must be \(chunks, d\)"),
        ({"article": np.zeros(3, int)}, r"article \(chunks,\)"),
        ({"article": np.zeros(204)}, "integers or strings"),
        ({"other": np.ones((3, 3))}, "shape of vectors"),
        ({"vectors": np.full((209, 6), np.nan)}, "finite"),
        ({"vectors": np.zeros((209, 6))}, "zeros"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(tmp_path, own, change, message):
    n = len(own["article"])
    change = {k: np.resize(v, (n, *v.shape[1:])) if len(v) > 100 else v for k, v in change.items()}
    with pytest.raises(ValueError, match=message):
        load_corpus(write(tmp_path / "own.npz", {**own, **change}))


def test_other_kinds_of_files_and_missing_names_are_refused(tmp_path, own):
    with pytest.raises(ValueError, match="unknown kind of file"):
        load_corpus(str(tmp_path / "own.csv"))
    np.savez(tmp_path / "own.npz", vectors=own["vectors"])
    with pytest.raises(ValueError, match="article"):
        load_corpus(str(tmp_path / "own.npz"))


@pytest.mark.parametrize("held", [torch.zeros(3, 2), [torch.zeros(3, 2)], 1.0])
def test_a_torch_file_without_names_is_refused_with_what_to_save(tmp_path, held):
    torch.save(held, tmp_path / "own.pt")
    with pytest.raises(ValueError, match=r"own\.pt: holds a \w+, not a dict of tensors; save {'vectors'"):
        load_corpus(str(tmp_path / "own.pt"))


class Malicious:
    def __init__(self, made):
        self.made = made

    def __reduce__(self):
        return os.mkdir, (self.made,)


def test_pickles_are_refused_and_not_run(tmp_path):
    made = tmp_path / "made"
    torch.save({"vectors": Malicious(str(made)), "article": torch.zeros(1)}, tmp_path / "own.pt")
    with pytest.raises(ValueError, match="not a plain torch file"):
        load_corpus(str(tmp_path / "own.pt"))
    np.savez(
        tmp_path / "own.npz", vectors=np.array([Malicious(str(made))], dtype=object), article=np.zeros(1)
    )
    with pytest.raises(ValueError, match="allow_pickle"):
        load_corpus(str(tmp_path / "own.npz"))
    assert not made.exists()
