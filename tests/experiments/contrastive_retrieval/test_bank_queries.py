"""Which queries are searched for in which bank, and what that gives."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from experiments.parts.contrastive_retrieval import ranking
from experiments.parts.contrastive_retrieval.evaluation import Search, evaluate, space_metrics
from experiments.parts.contrastive_retrieval.retriever import Retriever
from tests.experiments.contrastive_retrieval.retrieval_runs import CONTEXT, data, measured


def search(corpus, held=None, queries="targets", objective="ar", head=None, space="raw"):
    torch.manual_seed(0)
    model = Retriever(objective, space, CONTEXT, corpus.vectors.shape[1], 16, head)
    return Search(model, corpus.vectors, corpus.vectors if held is None else held, CONTEXT, queries)


@pytest.mark.parametrize("split", ["test_random", "test_disjoint"])
def test_the_target_as_query_finds_itself_first_in_one_space_and_not_in_another(split):
    corpus, splits = data()
    same = evaluate(search(corpus), splits[split], splits["train"], 2, 0).metrics
    assert same["recall_at_1"] == same["mrr"] == same["oracle_recall_at_1"] == 1
    assert same["target_bank_cosine"] == pytest.approx(1)
    assert same["eval_cosine"] == pytest.approx(1)
    other = space_metrics(search(corpus, corpus.other), splits[split])
    assert other["target_bank_cosine"] < 0.6
    assert other["oracle_recall_at_1"] < 0.2


def test_random_queries_are_at_chance():
    draws = torch.Generator().manual_seed(0)
    bank = F.normalize(torch.randn(1000, 16, generator=draws), dim=1)
    n = 4000
    queries = F.normalize(torch.randn(n, 16, generator=draws), dim=1)
    ranks = ranking.ranks(queries, bank, torch.randint(1000, (n,), generator=draws))
    for k in (10, 100):
        chance = k / 1000
        assert ranking.recall(ranks, k) == pytest.approx(chance, abs=4 * (chance / n) ** 0.5)


def test_the_arm_of_random_queries_is_at_chance(tmp_path):
    metrics, _ = measured(tmp_path, queries="random", split="article_disjoint", articles=14)
    assert metrics["recall_chance", None] == pytest.approx(5 / (16 * 24))
    assert metrics["recall_at_5", None] < 0.1


def test_queries_without_a_model_are_what_they_are_called():
    corpus, splits = data()
    rows = splits["test_random"]
    last = search(corpus, queries="last_context").queries_for(rows, 0)
    assert torch.allclose(last, corpus.vectors[rows - 1], atol=1e-6)
    mean = search(corpus, queries="context_mean").queries_for(rows, 0)
    by_hand = torch.stack([corpus.vectors[row - CONTEXT : row].mean(0) for row in rows.tolist()])
    assert torch.allclose(mean, F.normalize(by_hand, dim=1), atol=1e-6)


def test_the_last_chunk_as_query_finds_itself_unless_the_context_is_left_out(tmp_path):
    metrics, _ = measured(tmp_path, queries="last_context")
    assert metrics["recall_at_1", None] == 0
    assert metrics["copy_last_margin", None] < 0
    assert metrics["recall_at_5_context_left_out", None] > metrics["recall_at_5_context_in_bank", None]
    left_out, _ = measured(tmp_path / "b", queries="last_context", context_in_bank=False)
    assert left_out["recall_at_5", None] == metrics["recall_at_5_context_left_out", None]
    assert left_out["recall_at_1", None] > 0


def test_a_tower_encodes_bank_and_targets_alike_and_a_head_both_sides():
    corpus, splits = data()
    for objective, head, space in (("two_tower", None, "trained"), ("pure_infonce", 4, "projected")):
        searched = search(corpus, objective=objective, head=head, space=space)
        result = evaluate(searched, splits["test_random"], splits["train"], 2, 0)
        assert result.metrics["recall_at_1"] == 1
        assert result.metrics["eval_cosine"] == pytest.approx(1)
        assert result.ranks.shape == result.cosines.shape == splits["test_random"].shape


def test_the_attention_mixture_looks_perfect_only_where_targets_are_the_queries(tmp_path):
    oracle, _ = measured(tmp_path / "a", objective="amn_baseline", queries="targets")
    own, _ = measured(tmp_path / "b", objective="amn_baseline")
    assert oracle["recall_at_1", None] == 1
    assert own["recall_at_1", None] < 0.2
    assert oracle["raw_cosine", None] == own["raw_cosine", None] == own["eval_cosine", None]
