"""What a training keeps, shares, resumes and survives."""

from __future__ import annotations

import math

import pytest
import torch

from experiments.parts import shared_results
from experiments.parts.contrastive_retrieval import ranking, training
from experiments.parts.contrastive_retrieval.evaluation import Search
from experiments.parts.contrastive_retrieval.retriever import Retriever, training_loss
from experiments.parts.contrastive_retrieval.training import Schedule, Trained, train
from experiments.parts.seeding import seeded
from tests.experiments.contrastive_retrieval.retrieval_runs import CONTEXT, OBJECTIVES, Killed, data, measured


def test_training_leaves_the_bank_as_it_was(tmp_path):
    before = data()[0].vectors.clone()
    measured(tmp_path, objective="two_tower")
    assert torch.equal(data()[0].vectors, before)


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


@pytest.mark.parametrize("protocol", [{"split": "article_disjoint"}, {"evaluation_encoder": "other"}])
def test_arms_that_differ_in_the_evaluation_share_their_training_and_are_as_if_trained_alone(
    tmp_path, monkeypatch, protocol
):
    monkeypatch.setenv(shared_results.FOLDER, str(tmp_path / "kept"))
    measured(tmp_path / "first", objective="infonce_ar")
    (trained,) = (tmp_path / "kept").iterdir()
    shared, _ = measured(tmp_path / "shared", objective="infonce_ar", **protocol)
    assert [trained] == list((tmp_path / "kept").iterdir())
    monkeypatch.delenv(shared_results.FOLDER)
    alone, _ = measured(tmp_path / "alone", objective="infonce_ar", **protocol)
    assert shared == alone


@pytest.mark.parametrize("objective", ["infonce_ar", "two_tower"])
@pytest.mark.parametrize("stages_done", [1, 2, 3, 4])
def test_a_run_resumed_after_any_stage_equals_the_unbroken_one(tmp_path, monkeypatch, objective, stages_done):
    whole, _ = measured(tmp_path / "whole", objective=objective)
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
    metrics, _ = measured(tmp_path, objective="infonce_ar", lr=1.0)
    assert all(math.isfinite(value) for value in metrics.values())


def test_the_best_stage_is_that_of_the_validation_and_test_windows_choose_nothing(tmp_path):
    metrics, _ = measured(tmp_path / "run")
    step = int(metrics["best_step", None])
    assert metrics["val_mrr", step] == max(v for (name, _), v in metrics.items() if name == "val_mrr")
    assert metrics["train_val_cosine", None] == metrics["val_cosine", step]
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
    assert ranking.mrr(ranks) == metrics["mrr", None]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_training_that_diverges_is_a_finite_result_that_finds_nothing(tmp_path, objective):
    metrics, _ = measured(tmp_path, objective=objective, lr=1e30)
    assert all(math.isfinite(value) for value in metrics.values())
    assert [value for (name, _), value in metrics.items() if name == "diverged"] == [1.0] * 4
    assert {v for (name, _), v in metrics.items() if "recall_at" in name or "mrr" in name} == {0.0, 1.0}
    assert metrics["oracle_recall_at_1", None] == 1.0
    assert metrics["target_bank_cosine", None] == pytest.approx(1.0)
    assert metrics["recall_at_10", None] == metrics["mrr", None] == metrics["train_recall_at_5", None] == 0.0
    assert {value for (name, _), value in metrics.items() if name == "curve_recall"} == {0.0}
    assert (
        metrics["eval_cosine", None] == metrics["train_val_cosine", None] == metrics["best_step", None] == 0.0
    )
    assert metrics["train_loss", 10] == 1e6


def test_a_training_that_goes_well_says_so(tmp_path):
    metrics, _ = measured(tmp_path)
    assert [value for (name, _), value in metrics.items() if name == "diverged"] == [0.0] * 4


def test_a_stage_that_is_not_finite_is_never_the_best_and_one_before_it_is(tmp_path, monkeypatch):
    plain, _ = measured(tmp_path / "plain")
    batches = 0

    def breaking(model, *args):
        nonlocal batches
        batches += 1
        loss, parts = training_loss(model, *args)
        return (loss * math.nan if batches == 6 else loss), parts  # in the third of four stages

    monkeypatch.setattr(training, "training_loss", breaking)
    metrics, _ = measured(tmp_path / "broken")
    assert [metrics["diverged", step] for step in (2, 5, 7, 10)] == [0, 0, 1, 1]
    assert all(math.isfinite(value) for value in metrics.values())
    best = max((2, 5), key=lambda step: plain["val_mrr", step])
    assert metrics["best_step", None] == best
    assert metrics["train_val_cosine", None] == plain["val_cosine", best] != 0


def test_a_training_that_diverged_resumes_as_it_was(tmp_path, monkeypatch):
    whole, _ = measured(tmp_path / "whole", lr=1e30)
    with pytest.raises(Killed):
        measured(tmp_path / "killed", lr=1e30, kill_after=2)
    assert measured(tmp_path / "killed", lr=1e30)[0] == whole
