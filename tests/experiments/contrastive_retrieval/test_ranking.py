"""Ranks, recalls and cosines against what is computed by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from experiments.parts.contrastive_retrieval import ranking
from tests.experiments.contrastive_retrieval.retrieval_runs import unit


def test_metrics_of_a_bank_made_by_hand():
    # Cosines of the query (1, 0) to the bank: 1, .8, .6, 0, -1, so that the answers rank 0, 1 and 3.
    bank = unit([1, 0], [0.8, 0.6], [0.6, -0.8], [0, 1], [-1, 0])
    queries = unit([1, 0]).expand(3, 2)
    ranks = ranking.ranks(queries, bank, torch.tensor([0, 1, 3]))
    assert ranks.tolist() == [0, 1, 3]
    metrics = ranking.search_metrics(ranks)
    assert metrics["recall_at_1"] == pytest.approx(1 / 3)
    assert metrics["recall_at_5"] == metrics["recall_at_10"] == metrics["contain_at_50"] == 1
    assert metrics["efficiency_at_5"] == 1
    assert metrics["mrr"] == pytest.approx((1 + 1 / 2 + 1 / 4) / 3)


def test_efficiency_is_recall_over_containment_and_absent_where_nothing_is_contained():
    metrics = ranking.search_metrics(torch.tensor([0.0, 20.0, 49.0, 50.0]))
    assert (metrics["recall_at_5"], metrics["contain_at_50"]) == (0.25, 0.75)
    assert metrics["efficiency_at_5"] == pytest.approx(1 / 3)
    assert "efficiency_at_5" not in ranking.search_metrics(torch.tensor([50.0, 900.0]))


def test_ranks_do_not_depend_on_the_batch_and_agree_with_sorting(monkeypatch):
    draws = torch.Generator().manual_seed(0)
    queries, bank = (F.normalize(torch.randn(n, 8, generator=draws), dim=1) for n in (30, 70))
    answers = torch.randint(70, (30,), generator=draws)
    order = (queries @ bank.T).argsort(1, descending=True)
    sorted_ranks = (order == answers[:, None]).int().argmax(1)
    whole = ranking.ranks(queries, bank, answers)
    monkeypatch.setattr(ranking, "BATCH", 7)
    assert whole.tolist() == ranking.ranks(queries, bank, answers).tolist() == sorted_ranks.tolist()


def test_entries_that_are_left_out_come_before_nothing():
    bank = unit([1, 0], [0.8, 0.6], [0, 1])
    query, answer = unit([1, 0]), torch.tensor([2])
    assert ranking.ranks(query, bank, answer).tolist() == [2]
    assert ranking.ranks(query, bank, answer, torch.tensor([[0, 1]])).tolist() == [0]


def test_a_bank_whose_entries_are_all_alike_gives_the_middle_rank():
    bank = unit([1, 0]).expand(101, 2)
    assert ranking.ranks(unit([1, 0]), bank, torch.tensor([7])).tolist() == [50]


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_query_that_is_not_finite_finds_nothing_at_any_depth(broken):
    queries = torch.tensor([[broken, broken], [1.0, 0.0]])
    ranks = ranking.ranks(queries, unit([1, 0], [0, 1]), torch.tensor([0, 0]))
    assert ranks.tolist() == [math.inf, 0]
    assert ranking.recall(ranks, 500) == ranking.mrr(ranks) == 0.5
    metrics = ranking.search_metrics(ranks[:1])
    assert set(metrics.values()) == {0.0}


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_an_entry_that_is_not_finite_comes_after_every_other(broken):
    bank = torch.tensor([[broken, broken], [0.6, 0.8], [1.0, 0.0]])
    queries = unit([1, 0]).expand(3, 2)
    assert ranking.ranks(queries, bank, torch.tensor([0, 1, 2])).tolist() == [math.inf, 1, 0]


def test_vectors_that_are_not_finite_have_no_direction():
    right, last = unit([1, 0], [0.6, 0.8]), unit([0.6, 0.8], [1, 0])
    cosines = ranking.cosine_metrics(torch.full((2, 2), math.nan), right, last)
    assert set(cosines.values()) == {0.0}
    one = ranking.cosines(torch.tensor([[math.nan] * 2, [1.0, 0.0]]), right)
    assert one.tolist() == pytest.approx([0.0, 0.6])


def test_cosines_of_two_queries_by_hand():
    cosines = ranking.cosine_metrics(unit([1, 0], [0, 1]), unit([1, 0], [0.6, 0.8]), unit([0.6, 0.8], [1, 0]))
    assert cosines["eval_cosine"] == pytest.approx((1 + 0.8) / 2)
    assert cosines["negative_cosine"] == pytest.approx((0.6 + 0) / 2)
    assert cosines["cosine_margin"] == pytest.approx(0.9 - 0.3)
    assert cosines["copy_last_margin"] == pytest.approx(0.9 - 0.3)


def test_latency_is_positive_and_a_search_takes_no_less_than_its_product():
    bank = F.normalize(torch.randn(4000, 16, generator=torch.Generator().manual_seed(0)), dim=1)
    latency = ranking.latency_metrics(bank[:40], bank, 40)
    assert latency["latency_p95_ms"] > 0
    assert latency["latency_p95_relative"] > 0.5  # P95s of a busy machine; without its noise above 1
