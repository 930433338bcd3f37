"""Whole runs: what they measure, leave and refuse."""

from __future__ import annotations

import csv
import math

import pydantic
import pytest
import torch

from experiments import contrastive_retrieval as study
from experiments.contract import MetricLog, configure, read_metrics
from experiments.parts import shared_results
from experiments.parts.contrastive_retrieval import ranking
from experiments.parts.contrastive_retrieval.config import PROJECTED
from tests.experiments.contrastive_retrieval.retrieval_runs import OBJECTIVES, measured


@pytest.mark.parametrize("split", ["random_windows", "article_disjoint"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_metric_is_finite_and_of_the_program_s_names(tmp_path, objective, split):
    metrics, progress = measured(tmp_path, objective=objective, split=split)
    names = {name for name, _ in metrics}
    assert all(math.isfinite(value) for value in metrics.values())
    assert names >= {
        "recall_at_1", "recall_at_5", "recall_at_10", "contain_at_50", "mrr", "eval_cosine", "cosine_margin",
        "train_val_cosine", "copy_last_margin", "leak_overlap", "target_bank_cosine", "oracle_recall_at_1",
    }  # fmt: skip
    assert metrics["leak_overlap", None] == (1.0 if split == "random_windows" else 0.0)
    assert ("projected_cosine" in names) == (objective in PROJECTED)
    assert ("raw_cosine" in names) == (objective != "two_tower")
    assert [step for name, step in metrics if name == "train_step"] == [2, 5, 7, 10]
    assert progress == [(done, 5) for done in range(1, 6)]


def test_raw_searches_have_one_cosine_and_projected_ones_are_those_behind_the_head(tmp_path):
    raw, _ = measured(tmp_path / "a", objective="infonce_ar")
    assert raw["eval_cosine", None] == raw["raw_cosine", None]
    behind, _ = measured(tmp_path / "b", objective="infonce_ar", search="projected")
    assert behind["eval_cosine", None] == pytest.approx(behind["projected_cosine", None])
    assert behind["recall_at_5", None] == behind["recall_at_5_projected", None]


def test_one_seed_twice_is_identical_also_after_another_run(tmp_path, monkeypatch):
    monkeypatch.setenv(shared_results.FOLDER, str(tmp_path / "shared"))
    first, _ = measured(tmp_path / "a", objective="infonce_ar")
    measured(tmp_path / "b", seed=5, objective="two_tower")
    torch.rand(7)
    kept, _ = measured(tmp_path / "c", objective="infonce_ar")
    monkeypatch.delenv(shared_results.FOLDER)
    before = torch.get_rng_state()
    afresh, _ = measured(tmp_path / "d", objective="infonce_ar")
    assert first == kept == afresh
    assert torch.equal(before, torch.get_rng_state())


def test_seeds_differ_and_arms_at_one_seed_see_the_same_batches(tmp_path):
    zero, _ = measured(tmp_path / "0")
    one, _ = measured(tmp_path / "1", seed=1)
    assert zero["train_loss", 10] != one["train_loss", 10]
    assert zero["leak_overlap", None] == one["leak_overlap", None]


def test_csv_artifacts_hold_the_curves_and_a_row_per_window(tmp_path):
    metrics, _ = measured(tmp_path)
    files = {}
    for name in ("curves", "ranks"):
        with (tmp_path / "artifacts" / f"{name}.csv").open() as file:
            files[name] = list(csv.DictReader(file))
    assert [float(r["val_mrr"]) for r in files["curves"]] == [metrics["val_mrr", s] for s in (2, 5, 7, 10)]
    ranks = [float(row["rank"]) for row in files["ranks"]]
    assert sum(rank <= 5 for rank in ranks) / len(ranks) == pytest.approx(metrics["recall_at_5", None])
    assert sum(1 / rank for rank in ranks) / len(ranks) == pytest.approx(metrics["mrr", None])
    assert [metrics["curve_k", i] for i in range(9)] == list(ranking.CURVE)
    assert metrics["curve_recall", 2] == metrics["recall_at_5", None]


@pytest.mark.parametrize("fidelity", ["smoke", "standard", "full"])
def test_every_preset_is_a_configuration_with_the_bank_that_the_floors_are_for(fidelity):
    config = configure(study, {"objective": "infonce_ar", "lambda_con": 0.7}, fidelity)
    assert config.bank_articles * config.article_length == 10_000
    assert config.weights == (0.7, 0.3)


@pytest.mark.parametrize(
    ("params", "message"),
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
def test_parameters_that_would_have_no_effect_are_refused(params, message):
    with pytest.raises(pydantic.ValidationError, match=message):
        study.Config(**params)


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
