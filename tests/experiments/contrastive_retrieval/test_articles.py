"""The corpus of articles: windows, splits, overlap and digest."""

from __future__ import annotations

import pytest
import torch

from experiments import contrastive_retrieval as study
from experiments.parts.contrastive_retrieval import articles
from tests.experiments.contrastive_retrieval.retrieval_runs import CONTEXT, TINY, data


def test_windows_stay_within_an_article():
    corpus, _ = data()
    windows = corpus.windows(CONTEXT)
    assert len(windows) == 16 * (24 - CONTEXT)
    rows = articles.context_rows(windows, CONTEXT)
    assert (corpus.article[rows] == corpus.article[windows][:, None]).all()
    assert (rows[:, -1] == windows - 1).all()
    assert (rows[:, 0] == windows - CONTEXT).all()


@pytest.mark.parametrize("seed", range(3))
def test_splits_are_disjoint_and_the_overlap_is_as_counted_independently(seed):
    corpus, splits = data(data_seed=seed)
    every = torch.cat(list(splits.values()))
    assert len(every) == len(every.unique()) == 12 * (24 - CONTEXT)
    trained = {int(corpus.article[row]) for row in splits["train"]}
    inside = {int(row) - back for row in splits["train"] for back in range(CONTEXT + 1)}
    for kind in ("random", "disjoint"):
        test = splits[f"test_{kind}"].tolist()
        tested = {int(corpus.article[row]) for row in test}
        by_hand = sum(name in trained for name in tested) / len(tested)
        assert articles.article_overlap(corpus, splits["train"], splits[f"test_{kind}"], CONTEXT) == by_hand
        chunks = articles.chunk_overlap(splits["train"], splits[f"test_{kind}"], CONTEXT)
        assert chunks == pytest.approx(sum(row in inside for row in test) / len(test))
        assert (by_hand, chunks > 0.5) == ((1.0, True) if kind == "random" else (0.0, False))
        assert not set(test) & set(splits[f"val_{kind}"].tolist())


def test_articles_that_are_validated_on_are_not_tested_on():
    corpus, splits = data()
    chosen, tested = (set(corpus.article[splits[f"{p}_disjoint"]].tolist()) for p in ("val", "test"))
    assert chosen
    assert not chosen & tested


def test_an_article_that_occurs_again_under_another_name_counts_as_seen():
    corpus, _ = data()
    twice = articles.Corpus(
        "twice", torch.cat([corpus.vectors[:24]] * 2), torch.arange(2).repeat_interleave(24)
    )
    windows = twice.windows(CONTEXT)
    first, second = windows[windows < 24], windows[windows >= 24]
    assert articles.article_overlap(twice, first, second, CONTEXT) == 1.0
    assert articles.chunk_overlap(first, second, CONTEXT) == 0.0


def test_generated_vectors_have_unit_length_a_common_direction_and_two_encoders():
    corpus, _ = data(dim=64, states=24, bank_articles=40)
    for vectors in (corpus.vectors, corpus.other):
        assert torch.allclose(vectors.norm(dim=1), torch.ones(len(vectors)), atol=1e-5)
        strangers = (vectors[:300] @ vectors[600:].T).mean().item()
        assert strangers == pytest.approx(articles.COMMON**2, abs=0.08)
    between = (corpus.vectors * corpus.other).sum(1).mean().item()
    assert between == pytest.approx(articles.COMMON**2, abs=0.15)


def test_too_few_articles_are_refused_with_the_sets_that_would_be_empty():
    with pytest.raises(ValueError, match="val_disjoint"):
        data(articles=4)


def test_the_digest_follows_the_data_and_nothing_else():
    def digest(**params):
        return study.describe(study.Config(**{**TINY, **params})).digest

    changes = [{"data_seed": 1}, {"dim": 13}, {"articles": 13}, {"held_windows": 0.3}, {"new_articles": 0.3}]
    changes += [{"context": 4}, {"shared_dynamics": True}, {"bank_articles": 17}, {"article_length": 25}]
    assert len({digest(), *(digest(**change) for change in changes)}) == 1 + len(changes)
    same = {"objective": "two_tower", "lr": 1e-2, "split": "article_disjoint", "evaluation_encoder": "other"}
    assert digest(**same) == digest()


def test_describe_says_how_much_of_the_evaluation_was_seen():
    seen, new = (
        study.describe(study.Config(**TINY, split=s)) for s in ("random_windows", "article_disjoint")
    )
    assert (seen.overlap, new.overlap) == (1.0, 0.0)
    assert seen.sizes["bank"] == 16 * 24
    assert seen.sizes["test_disjoint"] == 2 * (24 - CONTEXT)
    assert seen.files == ()
