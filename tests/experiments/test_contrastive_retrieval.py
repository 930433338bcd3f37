import csv
import math
import os

import numpy as np
import pydantic
import pytest
import torch
from torch.nn import functional as F

from experiments import contrastive_retrieval as study
from experiments.contract import MetricLog, configure, read_metrics
from experiments.parts.contrastive_retrieval import articles, ranking, training
from experiments.parts.contrastive_retrieval.evaluation import Search, evaluate, space_metrics
from experiments.parts.contrastive_retrieval.files import load_corpus
from experiments.parts.contrastive_retrieval.retriever import (
    AttentionMixture,
    Predictor,
    Retriever,
    infonce,
    training_loss,
)
from experiments.parts.contrastive_retrieval.training import Schedule, Trained, train
from experiments.parts.seeding import seeded
from experiments.parts.stages import Recent

OBJECTIVES = ("ar", "infonce_ar", "raw_infonce", "pure_infonce", "two_tower", "amn_baseline")
TINY = {
    "articles": 12, "bank_articles": 16, "article_length": 24, "dim": 12, "states": 6, "width": 16,
    "steps": 10, "stages": 4, "batch_size": 32, "timed_queries": 3,
}  # fmt: skip
CONTEXT = 5


def measured(folder, seed=0, kill_after=None, **params):
    """Runs a small arm in ``folder``; (name, step) -> value without timings, and the log's progress."""
    told = []

    def on_progress(done, total):
        told.append((done, total))
        if done == kill_after:
            raise Killed

    log = MetricLog(folder, on_progress)
    try:
        study.run(study.Config(**{**TINY, **params}), seed, log)
    finally:
        log.close()
    found = {(name, step): value for name, step, value in read_metrics(folder)}
    return {key: value for key, value in found.items() if not key[0].startswith("latency")}, told


class Killed(Exception):
    pass


@pytest.fixture(autouse=True)
def nothing_kept_from_other_tests(monkeypatch):
    monkeypatch.setattr(study, "_TRAINED", Recent(3))


def data(**params):
    return study._data(study.Config(**{**TINY, **params}))


def unit(*rows):
    return F.normalize(torch.tensor(rows, dtype=torch.float32), dim=1)


# --- searching ---------------------------------------------------------------------------------


def test_metrics_of_a_bank_made_by_hand():
    # Cosines of the query (1, 0) to the bank: 1, .8, .6, 0, -1, so that the answers rank 0, 1 and 3.
    bank = unit([1, 0], [0.8, 0.6], [0.6, -0.8], [0, 1], [-1, 0])
    queries = unit([1, 0]).expand(3, 2)
    found = ranking.ranks(queries, bank, torch.tensor([0, 1, 3]))
    assert found.tolist() == [0, 1, 3]
    metrics = ranking.search_metrics(found)
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
    found = ranking.ranks(queries, unit([1, 0], [0, 1]), torch.tensor([0, 0]))
    assert found.tolist() == [math.inf, 0]
    assert ranking.recall(found, 500) == ranking.mrr(found) == 0.5
    metrics = ranking.search_metrics(found[:1])
    assert set(metrics.values()) == {0.0}


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_an_entry_that_is_not_finite_comes_after_every_other(broken):
    bank = torch.tensor([[broken, broken], [0.6, 0.8], [1.0, 0.0]])
    queries = unit([1, 0]).expand(3, 2)
    assert ranking.ranks(queries, bank, torch.tensor([0, 1, 2])).tolist() == [math.inf, 1, 0]


def test_vectors_that_are_not_finite_have_no_direction():
    right, last = unit([1, 0], [0.6, 0.8]), unit([0.6, 0.8], [1, 0])
    found = ranking.cosine_metrics(torch.full((2, 2), math.nan), right, last)
    assert set(found.values()) == {0.0}
    one = ranking.cosines(torch.tensor([[math.nan] * 2, [1.0, 0.0]]), right)
    assert one.tolist() == pytest.approx([0.0, 0.6])


def test_cosines_of_two_queries_by_hand():
    found = ranking.cosine_metrics(unit([1, 0], [0, 1]), unit([1, 0], [0.6, 0.8]), unit([0.6, 0.8], [1, 0]))
    assert found["eval_cosine"] == pytest.approx((1 + 0.8) / 2)
    assert found["negative_cosine"] == pytest.approx((0.6 + 0) / 2)
    assert found["cosine_margin"] == pytest.approx(0.9 - 0.3)
    assert found["copy_last_margin"] == pytest.approx(0.9 - 0.3)


def test_latency_is_positive_and_a_search_takes_no_less_than_its_product():
    bank = F.normalize(torch.randn(4000, 16, generator=torch.Generator().manual_seed(0)), dim=1)
    found = ranking.latency_metrics(bank[:40], bank, 40)
    assert found["latency_p95_ms"] > 0
    assert found["latency_p95_relative"] > 0.5  # P95s of a busy machine; without its noise above 1


# --- queries and banks -------------------------------------------------------------------------


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
    found = ranking.ranks(queries, bank, torch.randint(1000, (n,), generator=draws))
    for k in (10, 100):
        chance = k / 1000
        assert ranking.recall(found, k) == pytest.approx(chance, abs=4 * (chance / n) ** 0.5)


def test_the_arm_of_random_queries_is_at_chance(tmp_path):
    found, _ = measured(tmp_path, queries="random", split="article_disjoint", articles=14)
    assert found["recall_chance", None] == pytest.approx(5 / (16 * 24))
    assert found["recall_at_5", None] < 0.1


def test_queries_without_a_model_are_what_they_are_called():
    corpus, splits = data()
    rows = splits["test_random"]
    last = search(corpus, queries="last_context").queries_for(rows, 0)
    assert torch.allclose(last, corpus.vectors[rows - 1], atol=1e-6)
    mean = search(corpus, queries="context_mean").queries_for(rows, 0)
    by_hand = torch.stack([corpus.vectors[row - CONTEXT : row].mean(0) for row in rows.tolist()])
    assert torch.allclose(mean, F.normalize(by_hand, dim=1), atol=1e-6)


def test_the_last_chunk_as_query_finds_itself_unless_the_context_is_left_out(tmp_path):
    found, _ = measured(tmp_path, queries="last_context")
    assert found["recall_at_1", None] == 0
    assert found["copy_last_margin", None] < 0
    assert found["recall_at_5_context_left_out", None] > found["recall_at_5_context_in_bank", None]
    left_out, _ = measured(tmp_path / "b", queries="last_context", context_in_bank=False)
    assert left_out["recall_at_5", None] == found["recall_at_5_context_left_out", None]
    assert left_out["recall_at_1", None] > 0


def test_a_tower_encodes_bank_and_targets_alike_and_a_head_both_sides():
    corpus, splits = data()
    for objective, head, space in (("two_tower", None, "trained"), ("pure_infonce", 4, "projected")):
        found = search(corpus, objective=objective, head=head, space=space)
        result = evaluate(found, splits["test_random"], splits["train"], 2, 0)
        assert result.metrics["recall_at_1"] == 1
        assert result.metrics["eval_cosine"] == pytest.approx(1)
        assert result.ranks.shape == result.cosines.shape == splits["test_random"].shape


def test_the_attention_mixture_looks_perfect_only_where_targets_are_the_queries(tmp_path):
    oracle, _ = measured(tmp_path / "a", objective="amn_baseline", queries="targets")
    own, _ = measured(tmp_path / "b", objective="amn_baseline")
    assert oracle["recall_at_1", None] == 1
    assert own["recall_at_1", None] < 0.2
    assert oracle["raw_cosine", None] == own["raw_cosine", None] == own["eval_cosine", None]


# --- losses and networks -----------------------------------------------------------------------


def test_infonce_is_the_formula():
    q, k = unit([1, 0], [0.6, 0.8]), unit([0.8, 0.6], [0, 1])
    scores = [[0.8, 0.0], [0.96, 0.8]]  # q @ k.T by hand
    exps = [[math.exp(s / 0.5) for s in row] for row in scores]
    forward = -sum(math.log(exps[i][i] / sum(exps[i])) for i in range(2)) / 2
    backward = -sum(math.log(exps[i][i] / (exps[0][i] + exps[1][i])) for i in range(2)) / 2
    assert infonce(q, k, 0.5).item() == pytest.approx(forward, rel=1e-5)
    assert infonce(q, k, 0.5, symmetric=True).item() == pytest.approx((forward + backward) / 2, rel=1e-5)


def test_infonce_of_vectors_that_are_all_alike_is_the_log_of_the_batch():
    alike = unit([1, 0]).expand(8, 2)
    assert infonce(alike, alike, 0.07).item() == pytest.approx(math.log(8), rel=1e-5)


def batch(n=6, dim=8, seed=0):
    draws = torch.Generator().manual_seed(seed)
    vectors = F.normalize(torch.randn(n, CONTEXT + 1, dim, generator=draws), dim=2)
    return vectors[:, :-1], vectors[:, -1]


@pytest.mark.parametrize(("objective", "head"), [("infonce_ar", 4), ("raw_infonce", None)])
def test_the_weighted_loss_is_the_sum_of_its_parts(objective, head):
    context, targets = batch()
    model = Retriever(objective, "raw", CONTEXT, 8, 16, head)
    loss, parts = training_loss(model, context, targets, 0.7, 0.3, 0.07)
    predicted = model.predict(context)
    behind = (model.project(predicted), model.project(targets)) if head else (predicted, targets)
    assert parts["train_cosine"] == pytest.approx(F.cosine_similarity(predicted, targets).mean().item())
    assert parts["train_infonce"] == pytest.approx(infonce(*behind, 0.07).item(), rel=1e-5)
    by_hand = 0.7 * parts["train_infonce"] + 0.3 * (1 - parts["train_cosine"])
    assert loss.item() == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_gradient_reaches_the_vectors_of_the_bank(objective):
    context, targets = (part.clone().requires_grad_() for part in batch())
    config = study.Config(objective=objective)
    model = Retriever(objective, config.space, CONTEXT, 8, 16, config.head_width)
    training_loss(model, context, targets, *config.weights, 0.07)[0].backward()
    assert context.grad is None
    assert targets.grad is None
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.predictor.parameters())


def test_training_leaves_the_bank_as_it_was(tmp_path):
    before = data()[0].vectors.clone()
    measured(tmp_path, objective="two_tower")
    assert torch.equal(data()[0].vectors, before)


def test_the_head_is_shared_and_the_tower_is_trained():
    context, targets = batch()
    shared = Retriever("pure_infonce", "projected", CONTEXT, 8, 16, 4)
    training_loss(shared, context, targets, 1.0, 0.0, 0.07)[0].backward()
    assert all(p.grad.abs().sum() > 0 for p in shared.head.parameters() if p.ndim == 2)
    towers = Retriever("two_tower", "trained", CONTEXT, 8, 16, None)
    training_loss(towers, context, targets, 1.0, 0.0, 0.07)[0].backward()
    assert all(p.grad.abs().sum() > 0 for p in towers.tower.parameters())


@pytest.mark.parametrize("network", [Predictor, AttentionMixture])
def test_predictions_have_unit_length(network):
    context, _ = batch()
    assert torch.allclose(network(CONTEXT, 8, 16)(context).norm(dim=1), torch.ones(6), atol=1e-5)


def test_attention_that_is_even_and_corrects_nothing_gives_the_mean_of_the_context():
    context, _ = batch()
    network = AttentionMixture(CONTEXT, 8, 16)
    torch.nn.init.zeros_(network.correction[-1].weight)
    torch.nn.init.zeros_(network.correction[-1].bias)
    assert torch.allclose(network(context), F.normalize(context.mean(1), dim=1), atol=1e-6)


def test_the_best_weights_are_the_first_of_the_highest_score():
    held = Trained(Retriever("ar", "raw", CONTEXT, 8, 4, None))
    weight = held.model.predictor.body[0].weight
    for step, score in ((1, 0.2), (2, 0.5), (3, 0.5), (4, 0.1)):
        with torch.no_grad():
            weight.fill_(step)
        held.keep("random", score, step)
    model, step = held.chosen("random")
    assert step == 2
    assert model.predictor.body[0].weight.eq(2).all()
    last, step = held.chosen("disjoint")
    assert (last, step) == (held.model, 0)


# --- corpus and splits -------------------------------------------------------------------------


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


# --- a whole run -------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["random_windows", "article_disjoint"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_metric_is_finite_and_of_the_program_s_names(tmp_path, objective, split):
    found, told = measured(tmp_path, objective=objective, split=split)
    names = {name for name, _ in found}
    assert all(math.isfinite(value) for value in found.values())
    assert names >= {
        "recall_at_1", "recall_at_5", "recall_at_10", "contain_at_50", "mrr", "eval_cosine", "cosine_margin",
        "train_val_cosine", "copy_last_margin", "leak_overlap", "target_bank_cosine", "oracle_recall_at_1",
    }  # fmt: skip
    assert found["leak_overlap", None] == (1.0 if split == "random_windows" else 0.0)
    assert ("projected_cosine" in names) == (objective in study.PROJECTED)
    assert ("raw_cosine" in names) == (objective != "two_tower")
    assert [step for name, step in found if name == "train_step"] == [2, 5, 7, 10]
    assert told == [(done, 5) for done in range(1, 6)]


def test_raw_searches_have_one_cosine_and_projected_ones_are_those_behind_the_head(tmp_path):
    raw, _ = measured(tmp_path / "a", objective="infonce_ar")
    assert raw["eval_cosine", None] == raw["raw_cosine", None]
    behind, _ = measured(tmp_path / "b", objective="infonce_ar", search="projected")
    assert behind["eval_cosine", None] == pytest.approx(behind["projected_cosine", None])
    assert behind["recall_at_5", None] == behind["recall_at_5_projected", None]


def test_one_seed_twice_is_identical_also_after_another_run(tmp_path, monkeypatch):
    first, _ = measured(tmp_path / "a", objective="infonce_ar")
    measured(tmp_path / "b", seed=5, objective="two_tower")
    torch.rand(7)
    kept, _ = measured(tmp_path / "c", objective="infonce_ar")
    monkeypatch.setattr(study, "_TRAINED", Recent(3))
    before = torch.get_rng_state()
    afresh, _ = measured(tmp_path / "d", objective="infonce_ar")
    assert first == kept == afresh
    assert torch.equal(before, torch.get_rng_state())


def test_seeds_differ_and_arms_at_one_seed_see_the_same_batches(tmp_path):
    zero, _ = measured(tmp_path / "0")
    one, _ = measured(tmp_path / "1", seed=1)
    assert zero["train_loss", 10] != one["train_loss", 10]
    assert zero["leak_overlap", None] == one["leak_overlap", None]


@pytest.mark.parametrize("protocol", [{"split": "article_disjoint"}, {"evaluation_encoder": "other"}])
def test_arms_that_differ_in_the_evaluation_share_their_training_and_are_as_if_trained_alone(
    tmp_path, monkeypatch, protocol
):
    measured(tmp_path / "first", objective="infonce_ar")
    shared, _ = measured(tmp_path / "shared", objective="infonce_ar", **protocol)
    assert not (tmp_path / "shared" / "checkpoint").exists() or not any(
        (tmp_path / "shared" / "checkpoint").iterdir()
    )
    monkeypatch.setattr(study, "_TRAINED", Recent(3))
    alone, _ = measured(tmp_path / "alone", objective="infonce_ar", **protocol)
    assert shared == alone


@pytest.mark.parametrize("objective", ["infonce_ar", "two_tower"])
@pytest.mark.parametrize("stages_done", [1, 2, 3, 4])
def test_a_run_resumed_after_any_stage_equals_the_unbroken_one(tmp_path, monkeypatch, objective, stages_done):
    whole, _ = measured(tmp_path / "whole", objective=objective)
    monkeypatch.setattr(study, "_TRAINED", Recent(3))
    with pytest.raises(Killed):
        measured(tmp_path / "broken", objective=objective, kill_after=stages_done)
    (tmp_path / "broken" / "metrics.jsonl").unlink()  # metrics of the stages already done are told again
    resumed, _ = measured(tmp_path / "broken", objective=objective)
    assert resumed == whole


def test_the_checkpoint_is_read_without_executing_anything_in_it(tmp_path):
    measured(tmp_path)
    held = torch.load(tmp_path / "checkpoint" / "training.pt", weights_only=True)
    assert len(held["history"]) == 4


def test_a_far_too_large_learning_rate_gives_finite_metrics(tmp_path):
    found, _ = measured(tmp_path, objective="infonce_ar", lr=1.0)
    assert all(math.isfinite(value) for value in found.values())


def test_the_best_stage_is_that_of_the_validation_and_test_windows_choose_nothing(tmp_path):
    found, _ = measured(tmp_path / "run")
    step = int(found["best_step", None])
    assert found["val_mrr", step] == max(v for (name, _), v in found.items() if name == "val_mrr")
    assert found["train_val_cosine", None] == found["val_cosine", step]
    corpus, splits = data()
    with seeded(0, "model"):
        model = Retriever("ar", "raw", CONTEXT, 12, 16, None)
    blind = {name: rows for name, rows in splits.items() if not name.startswith("test")}
    schedule = Schedule(10, 4, 32, 1e-3, 0.0, 1.0, 0.07)
    more = (CONTEXT, schedule, False, 0, tmp_path / "blind.pt", "key", lambda *_: None)
    trained, _ = train(model, corpus.vectors, blind, *more)
    assert trained.chosen("random")[1] == step
    again = Search(trained.chosen("random")[0], corpus.vectors, corpus.vectors, CONTEXT)
    rows = splits["test_random"]
    ranks = again.ranks(rows, again.queries_for(rows, 0), again.bank(), left_out=False)
    assert ranking.mrr(ranks) == found["mrr", None]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_training_that_diverges_is_a_finite_result_that_finds_nothing(tmp_path, objective):
    found, _ = measured(tmp_path, objective=objective, lr=1e30)
    assert all(math.isfinite(value) for value in found.values())
    assert [value for (name, _), value in found.items() if name == "diverged"] == [1.0] * 4
    assert {value for (name, _), value in found.items() if "recall_at" in name or "mrr" in name} == {0.0, 1.0}
    assert found["oracle_recall_at_1", None] == found["target_bank_cosine", None] == 1.0
    assert found["recall_at_10", None] == found["mrr", None] == found["train_recall_at_5", None] == 0.0
    assert {value for (name, _), value in found.items() if name == "curve_recall"} == {0.0}
    assert found["eval_cosine", None] == found["train_val_cosine", None] == found["best_step", None] == 0.0
    assert found["train_loss", 10] == 1e6


def test_a_training_that_goes_well_says_so(tmp_path):
    found, _ = measured(tmp_path)
    assert [value for (name, _), value in found.items() if name == "diverged"] == [0.0] * 4


def test_a_stage_that_is_not_finite_is_never_the_best_and_one_before_it_is(tmp_path, monkeypatch):
    plain, _ = measured(tmp_path / "plain")
    batches = 0

    def breaking(model, *args):
        nonlocal batches
        batches += 1
        loss, parts = training_loss(model, *args)
        return (loss * math.nan if batches == 6 else loss), parts  # in the third of four stages

    monkeypatch.setattr(training, "training_loss", breaking)
    monkeypatch.setattr(study, "_TRAINED", Recent(3))
    found, _ = measured(tmp_path / "broken")
    assert [found["diverged", step] for step in (2, 5, 7, 10)] == [0, 0, 1, 1]
    assert all(math.isfinite(value) for value in found.values())
    best = max((2, 5), key=lambda step: plain["val_mrr", step])
    assert found["best_step", None] == best
    assert found["train_val_cosine", None] == plain["val_cosine", best] != 0


def test_a_training_that_diverged_resumes_as_it_was(tmp_path, monkeypatch):
    whole, _ = measured(tmp_path / "whole", lr=1e30)
    monkeypatch.setattr(study, "_TRAINED", Recent(3))
    with pytest.raises(Killed):
        measured(tmp_path / "killed", lr=1e30, kill_after=2)
    assert measured(tmp_path / "killed", lr=1e30)[0] == whole


def test_csv_artifacts_hold_the_curves_and_a_row_per_window(tmp_path):
    found, _ = measured(tmp_path)
    files = {}
    for name in ("curves", "ranks"):
        with (tmp_path / "artifacts" / f"{name}.csv").open() as file:
            files[name] = list(csv.DictReader(file))
    assert [float(row["val_mrr"]) for row in files["curves"]] == [found["val_mrr", s] for s in (2, 5, 7, 10)]
    ranks = [float(row["rank"]) for row in files["ranks"]]
    assert sum(rank <= 5 for rank in ranks) / len(ranks) == pytest.approx(found["recall_at_5", None])
    assert sum(1 / rank for rank in ranks) / len(ranks) == pytest.approx(found["mrr", None])
    assert [found["curve_k", i] for i in range(9)] == list(ranking.CURVE)
    assert found["curve_recall", 2] == found["recall_at_5", None]


# --- parameters and data -----------------------------------------------------------------------


@pytest.mark.parametrize("fidelity", ["smoke", "standard", "full"])
def test_every_preset_is_a_configuration_with_the_bank_that_the_floors_are_for(fidelity):
    config = configure(study, {"objective": "infonce_ar", "lambda_con": 0.7}, fidelity)
    assert config.bank_articles * config.article_length == 10_000
    assert config.weights == (0.7, 0.3)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"objective": "ar", "lambda_con": 0.5}, "no contrastive term"),
        ({"objective": "raw_infonce", "projection_dim": 8}, "no head"),
        ({"objective": "two_tower", "lambda_ar": 0.5}, "leave out lambda_ar"),
        ({"objective": "two_tower", "search": "raw"}, "no raw space"),
        ({"objective": "ar", "search": "projected"}, "no head"),
        ({"objective": "infonce_ar", "lambda_con": 0, "lambda_ar": 0}, "nothing would be trained"),
        ({"steps": 3, "stages": 4}, "at most steps"),
        ({"temprature": 1}, "temprature"),
    ],
)
def test_parameters_that_would_have_no_effect_are_refused(params, told):
    with pytest.raises(pydantic.ValidationError, match=told):
        study.Config(**params)


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
        found = corpus.vectors[corpus.article == name]
        kept = mixed["vectors"][mixed["article"] == name * 7 + 3]
        assert torch.allclose(found, F.normalize(torch.from_numpy(kept), dim=1), atol=1e-6)


@pytest.mark.parametrize("encoder", ["same", "other"])
def test_a_users_own_file_is_measured_and_its_bytes_are_the_digest(tmp_path, own, encoder):
    path = write(tmp_path / "own.npz", own)
    config = {"data": path, "articles": 10, "evaluation_encoder": encoder}
    found, _ = measured(tmp_path / "run", **config)
    assert found["target_bank_cosine", None] == pytest.approx(1 if encoder == "same" else -1, abs=1e-5)
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
    ("change", "told"),
    [
        ({"vectors": np.ones(4)}, r"vectors must be \(chunks, d\)"),
        ({"article": np.zeros(3, int)}, r"article \(chunks,\)"),
        ({"article": np.zeros(204)}, "integers or strings"),
        ({"other": np.ones((3, 3))}, "shape of vectors"),
        ({"vectors": np.full((209, 6), np.nan)}, "finite"),
        ({"vectors": np.zeros((209, 6))}, "zeros"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(tmp_path, own, change, told):
    n = len(own["article"])
    change = {k: np.resize(v, (n, *v.shape[1:])) if len(v) > 100 else v for k, v in change.items()}
    with pytest.raises(ValueError, match=told):
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


@pytest.mark.slow
def test_at_smoke_recall_is_memory_and_another_encoder_takes_it_away(tmp_path):
    def recall(name, **params):
        log = MetricLog(tmp_path / name)
        study.run(configure(study, params, "smoke"), 0, log)
        log.close()
        return {metric: value for metric, _, value in read_metrics(log.folder)}

    seen = recall("seen")
    new = recall("new", split="article_disjoint")
    other = recall("other", evaluation_encoder="other")
    assert seen["recall_at_5"] > 4 * new["recall_at_5"]
    assert other["recall_at_5"] < 0.02
    assert other["target_bank_cosine"] < 0.5 < seen["target_bank_cosine"]
