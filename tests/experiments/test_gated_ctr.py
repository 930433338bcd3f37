import csv
import functools
import gc
import math
import multiprocessing
import statistics
import time

import numpy as np
import pydantic
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn import functional as F

from experiments import gated_ctr as study
from experiments.contract import Interrupted, MetricLog, Slowdown, configure, read_metrics
from experiments.parts.gated_ctr import clicks, files, generator
from experiments.parts.gated_ctr.auc import auc
from experiments.parts.gated_ctr.cross_layers import CrossNetwork
from experiments.parts.gated_ctr.layers import Embeddings, GRUs, Linears, masked_attention
from experiments.parts.gated_ctr.net import build_networks
from experiments.parts.gated_ctr.schedules import lr_factor
from experiments.parts.gated_ctr.training import Training, clip_each, predict, smoothed
from experiments.parts.watchdog import Watchdog

TINY = {
    "train_size": 400, "validation_size": 200, "test_size": 200, "users": 40, "items": 30,
    "history_length": 5, "click_rate": 0.3, "width": 8, "embedding": 4, "epochs": 3, "batch_size": 64,
}  # fmt: skip
MACHINE = set(study.TIMES)


def config_of(**params):
    return study.Config(**{**TINY, **params})


def told(folder, timed=False):
    """(name, step) -> value, without what only the machine decides."""
    return {(n, s): v for n, s, v in read_metrics(folder) if timed or n not in MACHINE}


def measured(folder, seed=0, on_progress=None, **params):
    log = MetricLog(folder, on_progress)
    study.run(config_of(**params), seed, log)
    log.close()
    return told(folder)


def together(folder, seeds, on_progress=None, **params):
    logs = [MetricLog(folder / str(seed), on_progress if i == 0 else None) for i, seed in enumerate(seeds)]
    study.run_together(config_of(**params), seeds, logs)
    for log in logs:
        log.close()
    return {seed: told(folder / str(seed)) for seed in seeds}


def curve(found, name):
    return [value for (n, _), value in sorted(found.items(), key=lambda kv: kv[0][1] or 0) if n == name]


def training_of(seeds=(0,), watchdog=None, **params):
    config = config_of(**params)
    log, parts = study._data(config)
    sizes = config.embedding, config.width, config.embedding_std
    return Training(log, parts, seeds, config.recipe, sizes, watchdog or Watchdog(window=1000))


# --- parts: the AUC, schedules, layers -----------------------------------------------------------


@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_auc_is_that_of_scikit_learn_with_and_without_ties(decimals):
    draws = np.random.default_rng(0)
    scores, labels = draws.normal(size=500).round(decimals), draws.random(500) < 0.1
    assert auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)


def test_auc_by_hand():
    assert auc(np.array([1.0, 2.0, 2.0, 3.0]), np.array([0, 1, 0, 1])) == 3.5 / 4
    assert auc(np.array([-np.inf, 0.0, np.inf]), np.array([0, 0, 1])) == 1.0
    assert auc(np.zeros(5), np.array([0, 1, 0, 1, 1])) == 0.5


def test_auc_of_one_class_is_refused_and_that_of_nan_is_nan():
    with pytest.raises(ValueError, match="0 positive and 2 negative"):
        auc(np.array([0.1, 0.2]), np.zeros(2))
    assert math.isnan(auc(np.array([0.1, np.nan]), np.array([0, 1])))


@pytest.mark.parametrize(
    ("step", "factor"), [(0, 0.1), (4, 0.5), (9, 1.0), (10, 1.0), (20, 0.5), (15, 0.8535534), (30, 0.0)]
)
def test_warmup_rises_to_1_and_the_cosine_falls_to_0(step, factor):
    assert lr_factor("warmup_cosine", step, 10, 30) == pytest.approx(factor, abs=1e-6)
    assert lr_factor("none", step, 10, 30) == 1.0


def test_a_training_that_is_all_warmup_never_leaves_it():
    assert [lr_factor("warmup_cosine", step, 4, 4) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("kind", ["linear", "exponential"])
def test_cross_layers_are_those_computed_by_hand(kind):
    draws = np.random.default_rng(0)
    net = CrossNetwork(4, 2, kind)
    x = x0 = draws.normal(size=(3, 4)).astype(np.float32)
    with torch.no_grad():
        net.shifts[1].copy_(torch.tensor([0.5, -1.0, 0.0, 2.0]))
        net.norms[0].gain.copy_(torch.tensor([2.0, -1.0]))
        net.norms[0].shift.copy_(torch.tensor([0.3, 0.1]))
    for layer in range(2):
        wx = x @ net.halves[layer].weight[0].detach().numpy()
        normed = (wx - wx.mean(1, keepdims=True)) / np.sqrt(wx.var(1, keepdims=True) + 1e-5)
        gain, shift = (getattr(net.norms[layer], n).detach().numpy()[0] for n in ("gain", "shift"))
        masked = wx * np.maximum(gain * normed + shift, 0)
        h = np.concatenate([wx, masked], 1) + net.shifts[layer].detach().numpy()[0]
        x = (x0 if kind == "linear" else x) * h + x
    np.testing.assert_allclose(net(torch.from_numpy(x0)[None])[0].detach(), x, rtol=1e-5, atol=1e-6)


def test_an_odd_width_cannot_be_halved():
    with pytest.raises(ValueError, match="even width, not 5"):
        CrossNetwork(5, 1, "linear")


def test_the_gru_is_that_of_torch():
    ours, theirs = GRUs(5, 4).double(), nn.GRU(5, 4, batch_first=True).double()
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours.outer.weight[0].T)
        theirs.weight_hh_l0.copy_(ours.inner.weight[0].T)
        theirs.bias_ih_l0.copy_(ours.outer.bias[0, 0])
        theirs.bias_hh_l0.copy_(ours.inner.bias[0, 0])
    x = torch.randn(3, 7, 5, dtype=torch.double)
    torch.testing.assert_close(ours(x.transpose(0, 1)[None])[0].transpose(0, 1), theirs(x)[0])


def test_layers_keep_networks_apart():
    layers = [Linears(3, 2), Embeddings(5, 2, 1.0), GRUs(3, 2)]
    inputs = [torch.randn(2, 4, 3), torch.randint(0, 5, (2, 6)), torch.randn(2, 3, 4, 3)]
    for layer, x in zip(layers, inputs, strict=True):
        for parameter in layer.parameters():
            parameter.data = torch.randn(2, *parameter.shape[1:])
        both = layer(x)
        for k in range(2):
            state = {name: p[k : k + 1] for name, p in layer.state_dict().items()}
            torch.testing.assert_close(torch.func.functional_call(layer, state, (x[k : k + 1],))[0], both[k])


def test_attention_gives_padding_no_weight_and_a_row_without_history_nothing():
    query, states = torch.randn(1, 3, 4), torch.randn(1, 5, 3, 4)
    held = torch.ones(1, 5, 3, dtype=torch.bool)
    held[0, 2:, 1] = False
    held[0, :, 2] = False
    read, weights = masked_attention(query, states, held)
    assert weights[~held].eq(0).all()
    torch.testing.assert_close(weights.sum(1)[0], torch.tensor([1.0, 1.0, 0.0]))
    assert read[0, 2].eq(0).all()
    by_hand = torch.softmax((states[0, :2, 1] @ query[0, 1]) / 2, 0)
    torch.testing.assert_close(read[0, 1], by_hand @ states[0, :2, 1])


def test_more_padding_changes_no_logit_and_the_last_item_does():
    log = generator.synthetic(300, 0, 40, 30, 5, 0.3)
    net = build_networks(log, [0], 4, 8, 1.0)
    wider = torch.cat([log.x, torch.zeros(300, 4, dtype=torch.int32)], 1)
    logits, gate = predict(net, log.x, "cpu")
    torch.testing.assert_close(predict(net, wider, "cpu"), (logits, gate))
    other = log.x.clone()
    other[:, 6] = other[:, 6] % 30 + 1
    assert not torch.allclose(predict(net, other, "cpu")[0], logits)


def test_the_gate_is_the_share_of_the_static_branch():
    log = generator.synthetic(300, 0, 40, 30, 5, 0.3)
    net = build_networks(log, [0], 4, 8, 1.0)
    elsewhere = log.x.clone()
    elsewhere[:, 0] = (elsewhere[:, 0] + 1) % 40  # the user, whom the sequence branch never sees
    for bias, moves in ((50.0, True), (-50.0, False)):
        nn.init.constant_(net.gate_out.bias, bias)
        logits, gate = predict(net, log.x, "cpu")
        assert gate.mean() == pytest.approx(float(moves), abs=1e-6)
        assert torch.allclose(predict(net, elsewhere, "cpu")[0], logits, atol=1e-6) != moves


def test_smoothing_draws_labels_towards_one_half():
    assert smoothed(torch.tensor([0.0, 1.0]), 0.1).tolist() == pytest.approx([0.05, 0.95])
    assert smoothed(torch.tensor([0.0, 1.0]), 0.0).tolist() == [0.0, 1.0]


def test_gradients_are_clipped_network_by_network():
    grads = [torch.randn(2, 3, 4) * 3, torch.randn(2, 1, 5) * 3]
    grads[0][1] *= 1e-3
    grads[1][1] *= 1e-3
    expected = []
    for k in range(2):
        alone = [nn.Parameter(g[k].clone()) for g in grads]
        for parameter, grad in zip(alone, grads, strict=True):
            parameter.grad = grad[k].clone()
        nn.utils.clip_grad_norm_(alone, 1.0)
        expected.append([parameter.grad for parameter in alone])
    clip_each(grads, 1.0)
    for k in range(2):
        torch.testing.assert_close([g[k] for g in grads], expected[k])


# --- training ------------------------------------------------------------------------------------


def after_one_batch(**params):
    training = training_of(batch_size=400, dropout=0.0, clip_norm=None, **params)
    before = {name: p.detach().clone() for name, p in training.net.named_parameters()}
    training.epoch(1, lambda _: None)
    return before, dict(training.net.named_parameters())


def test_decoupled_weight_decay_shrinks_every_parameter_by_lr_times_decay():
    rate, decay = 0.01, 0.5
    before, plain = after_one_batch(optimizer="adamw", lr=rate, weight_decay=0.0)
    _, decayed = after_one_batch(optimizer="adamw", lr=rate, weight_decay=decay)
    for name in before:  # embeddings, biases and gains too
        torch.testing.assert_close(
            decayed[name] - plain[name], -rate * decay * before[name], atol=1e-6, rtol=0
        )


def test_an_l2_penalty_moves_also_the_vectors_of_ids_that_were_never_seen():
    before, plain = after_one_batch(optimizer="adam", lr=0.01, weight_decay=0.0, items=300, embedding_std=1.0)
    _, decayed = after_one_batch(optimizer="adam", lr=0.01, weight_decay=0.1, items=300, embedding_std=1.0)
    name = "item_vectors.table"
    unseen = (plain[name] == before[name]).all(-1)[0]
    assert unseen.any()
    moved = (decayed[name] - before[name])[0, unseen]
    torch.testing.assert_close(moved, -0.01 * before[name][0, unseen].sign(), atol=1e-4, rtol=0)


def test_a_schedule_sets_the_rate_of_each_step():
    training = training_of(schedule="warmup_cosine", warmup_epochs=2, epochs=5, lr=0.1, batch_size=100)
    rates = []
    for epoch in (1, 2, 3):
        training.epoch(epoch, lambda _: rates.append(training.optimizer.param_groups[0]["lr"]))
    assert rates[:8] == pytest.approx([0.1 * k / 8 for k in range(1, 9)])
    assert rates[8:] == pytest.approx([0.05 * (1 + math.cos(math.pi * k / 12)) for k in range(4)])


def test_running_and_evaluation_auc_agree_where_nothing_is_learnt_and_nothing_dropped(tmp_path):
    still = measured(tmp_path / "still", lr=1e-12, dropout=0.0, embedding_std=1.0)
    assert curve(still, "curve_train_auc") == pytest.approx(curve(still, "curve_train_auc_eval"), abs=1e-6)
    noisy = measured(tmp_path / "noisy", lr=1e-12, dropout=0.5, embedding_std=1.0)
    assert abs(noisy["curve_train_auc", 1] - noisy["curve_train_auc_eval", 1]) > 0.002
    assert noisy["curve_train_auc_eval", 1] == pytest.approx(still["curve_train_auc_eval", 1], abs=1e-6)


def test_losses_are_those_of_an_untrained_network(tmp_path):
    found = measured(tmp_path, lr=1e-12, dropout=0.0, label_smoothing=0.2)
    training = training_of()
    x, y = training.rows["train"]
    logits = predict(training.net, x, "cpu")[0][0]
    expected = F.binary_cross_entropy_with_logits(logits, 0.8 * y + 0.1).item()
    assert found["curve_train_loss", 1] == pytest.approx(expected, rel=1e-5)
    x, y = training.rows["validation"]
    expected = F.binary_cross_entropy_with_logits(predict(training.net, x, "cpu")[0][0], y).item()
    assert found["curve_val_loss", 1] == pytest.approx(expected, rel=1e-5)


def test_the_final_values_are_those_of_the_best_epoch(tmp_path):
    found = measured(tmp_path, lr=0.05, epochs=5)
    by_epoch = curve(found, "curve_val_auc")
    best = by_epoch.index(max(by_epoch)) + 1
    assert 1 <= best < 5  # otherwise the test says nothing
    assert found["best_epoch", 5] == best
    for name in (
        "val_auc",
        "test_auc",
        "train_auc",
        "gap",
        "gap_eval",
        "gate_mean",
        "val_loss",
        "train_loss",
    ):
        assert found[name, 5] == found[f"curve_{name}", best]
        assert found[name, 1] == found[f"curve_{name}", 1]
    for epoch in range(1, 6):
        at = {name: found[f"curve_{name}", epoch] for name in ("gap", "gap_eval", "train_auc", "val_auc")}
        assert at["gap"] == pytest.approx(at["train_auc"] - at["val_auc"])
        assert at["gap_eval"] == pytest.approx(found["curve_train_auc_eval", epoch] - at["val_auc"])
        low, mean, high = (found[f"curve_gate_{kind}", epoch] for kind in ("min", "mean", "max"))
        assert 0 <= low <= mean <= high <= 1


def test_every_metric_is_finite_and_logged_by_epoch_and_in_the_csv(tmp_path):
    progress = []
    found = measured(tmp_path, on_progress=lambda done, total: progress.append((done, total)))
    everything = told(tmp_path, timed=True)
    assert all(math.isfinite(value) for value in everything.values())
    for name in {n for n, step in everything if step is not None}:
        assert {step for n, step in everything if n == name} == {1, 2, 3}, name
    assert progress == [(done, 21) for done in range(1, 22)]
    assert 0.5 < found["oracle_auc", None] < 1
    with (tmp_path / "artifacts" / "epochs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_auc"]) for row in rows] == curve(found, "curve_val_auc")
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]


def test_a_training_that_diverges_ends_with_metrics_that_are_not_finite(tmp_path):
    log = MetricLog(tmp_path)
    study.run(config_of(lr=1e30, clip_norm=None), 0, log)
    log.close()
    assert "val_auc" in log.not_finite


def test_one_seed_twice_is_identical_and_leaves_the_global_generator_alone(tmp_path):
    first = measured(tmp_path / "a")
    torch.rand(7)
    before = torch.get_rng_state()
    assert measured(tmp_path / "b") == first
    assert torch.equal(before, torch.get_rng_state())
    assert measured(tmp_path / "c", seed=1) != first


def test_loader_processes_change_nothing_and_do_not_outlive_a_run(tmp_path):
    assert measured(tmp_path / "0", epochs=2) == measured(tmp_path / "2", epochs=2, num_workers=2)
    with pytest.raises(Killed):
        measured(tmp_path / "cut", on_progress=cut_after(3), num_workers=2)
    gc.collect()
    assert not multiprocessing.active_children()


def test_arms_at_one_seed_drop_the_same_units():
    kept = {}
    for rate in (0.2, 0.3):
        training = training_of(dropout=rate)
        kept[rate] = training._keep([torch.Generator().manual_seed(0)], 500)
        assert kept[rate].mean() == pytest.approx(1.0, abs=0.02)
        assert kept[rate].unique().tolist() == pytest.approx([0.0, 1 / (1 - rate)])
    assert not (kept[0.2].eq(0) & kept[0.3].ne(0)).any()


# --- interruptions -------------------------------------------------------------------------------


class Killed(Exception):
    pass


def cut_after(batches):
    def on_progress(done, _total):
        if done == batches:
            raise Killed

    return on_progress


@pytest.mark.parametrize("batches", [3, 8, 14, 15])  # 7 batches an epoch
def test_a_run_that_was_cut_anywhere_resumes_with_the_same_metrics(tmp_path, batches):
    params = {"schedule": "warmup_cosine", "warmup_epochs": 1.0, "label_smoothing": 0.1}
    whole = measured(tmp_path / "whole", **params)
    with pytest.raises(Killed):
        measured(tmp_path / "cut", on_progress=cut_after(batches), **params)
    (tmp_path / "cut" / "metrics.jsonl").unlink()
    assert measured(tmp_path / "cut", **params) == whole


def test_a_torn_checkpoint_or_one_of_another_arm_starts_afresh(tmp_path):
    whole = measured(tmp_path / "whole")
    measured(tmp_path / "other", lr=0.1)
    assert measured(tmp_path / "other") == whole
    (tmp_path / "other" / "checkpoint" / "training.pt").write_bytes(b"PK torn")
    assert measured(tmp_path / "other") == whole


def close(one, other):
    """Equal within float tolerance, which may swap two rows of nearly one score: 3e-5 of an AUC."""
    assert one.keys() == other.keys()
    for key in one:
        assert one[key] == pytest.approx(other[key], rel=1e-4, abs=1e-4), key


def test_seeds_together_give_what_each_gives_alone(tmp_path):
    params = {"label_smoothing": 0.05, "weight_decay": 1e-3, "schedule": "warmup_cosine"}
    found = together(tmp_path / "all", [3, 0, 7], **params)
    for seed in (3, 0, 7):
        close(found[seed], measured(tmp_path / f"alone {seed}", seed=seed, **params))


def test_seeds_that_were_cut_together_resume_alone_and_the_other_way_round(tmp_path):
    alone = {seed: measured(tmp_path / f"alone {seed}", seed=seed) for seed in (0, 1, 2)}
    with pytest.raises(Killed):
        together(tmp_path / "cut", [0, 1], on_progress=cut_after(10))
    close(measured(tmp_path / "cut" / "1", seed=1), alone[1])
    with pytest.raises(Killed):
        measured(tmp_path / "cut" / "2", seed=2, on_progress=cut_after(17))
    found = together(tmp_path / "cut", [2, 0, 1])  # two, one and all epochs behind them
    for seed in (0, 1, 2):
        close(found[seed], alone[seed])


def slow_clocks(slow_from):
    """Clocks for which a batch takes 1 s, and 10 s from that batch on; all of it on the CPU."""
    asked = [0, 0.0]

    def wall():
        asked[0] += 1
        asked[1] += 10.0 if asked[0] > slow_from else 1.0
        return asked[1]

    return {"wall": wall, "cpu": lambda: asked[1]}


def on_a_machine(folder, seeds, slow_from=math.inf, **params):
    """Trains seeds together with clocks that a test turns; two slow batches stop them."""
    config = config_of(slow_batches=2, slow_seconds=0.0, **params)
    logs = [MetricLog(folder / str(seed)) for seed in seeds]
    try:
        study.run_together(config, seeds, logs, functools.partial(Watchdog, **slow_clocks(slow_from)))
    finally:
        for log in logs:
            log.close()


def test_a_slowdown_stops_the_run_and_leaves_the_epochs_before_it_and_a_projection(tmp_path):
    with pytest.raises(Slowdown, match="epoch 2 take 10000"):
        on_a_machine(tmp_path, [0], slow_from=8)
    tmp_path /= "0"
    found = told(tmp_path, timed=True)
    assert found["epochs_completed", 1] == 1
    assert ("val_auc", 1) in found
    assert ("val_auc", 2) not in found
    assert found["epoch_minutes", 1] == pytest.approx(7 / 60)
    assert found["epoch_minutes", 2] == pytest.approx(70 / 60, rel=0.3)


def test_a_run_that_resumes_on_a_slow_machine_is_slowed_down(tmp_path):
    for _ in range(2):
        with pytest.raises(Slowdown, match=r"epoch 2 take 10000.0 ms, 10.0 times .* \(1000.0 ms\)"):
            on_a_machine(tmp_path, [0], slow_from=8 if not (tmp_path / "0").exists() else 0)
    on_a_machine(tmp_path, [0])
    assert told(tmp_path / "0")["epochs_completed", 3] == 3


@pytest.mark.parametrize("now", [[0, 1], [0]])
def test_a_batch_of_fewer_seeds_may_take_as_long_as_one_of_more(tmp_path, now):
    with pytest.raises(Slowdown):
        on_a_machine(tmp_path, [0, 1], slow_from=8)
    with pytest.raises(Slowdown, match=r"10.0 times .* \(1000.0 ms\)"):
        on_a_machine(tmp_path, now, slow_from=0)


def test_a_batch_of_more_seeds_may_take_as_many_times_longer(tmp_path):
    for seed in (0, 1):
        with pytest.raises(Slowdown):
            on_a_machine(tmp_path, [seed], slow_from=8)
    with pytest.raises(Slowdown, match=r"5.0 times .* \(2000.0 ms\)"):
        on_a_machine(tmp_path, [0, 1], slow_from=0)


def test_a_short_burst_stops_no_run_at_any_fidelity():
    for fidelity in study.PRESETS:
        config = configure(study, {}, fidelity)
        assert (config.slow_batches, config.slow_seconds) == (20, 3.0)


def test_a_machine_that_really_becomes_slow_stops_the_run(tmp_path):
    at = [time.perf_counter()]

    def lag(done, _total):
        """From the second epoch keeps the processor busy, ten times as long as a batch took."""
        if done > 25:
            until = time.perf_counter() + 10 * statistics.median(np.diff(at))
            while time.perf_counter() < until:
                pass
        else:
            at.append(time.perf_counter())

    log = MetricLog(tmp_path, lag)
    with pytest.raises(Interrupted, match="times those of the first epoch"):
        study.run(config_of(batch_size=16, slow_batches=8, slow_seconds=0.0), 0, log)
    log.close()
    assert told(tmp_path)["epochs_completed", 1] == 1


# --- data ----------------------------------------------------------------------------------------


def test_the_synthetic_log_is_what_it_says():
    log = generator.synthetic(40_000, 0)
    assert log.y.mean() == pytest.approx(0.04, abs=0.004)
    assert 0.67 < auc(log.true_logit.numpy(), log.y.numpy()) < 0.74
    for ids in (log.fields[:, 0], log.item):
        counts = np.sort(np.bincount(ids.numpy()))[::-1]
        assert counts[:100].sum() > 5 * counts[1000:1100].sum()
    assert log.history.shape == (40_000, 12)
    held = log.history > 0
    assert (held[:, :-1] | ~held[:, 1:]).all()  # padding is at the end
    assert held[:, :2].all()
    assert log.category[0] == 0
    assert log.category[1:].min() >= 1
    assert (log.category[log.item] == log.fields[:, 2]).all()


def test_histories_tell_of_clicks_and_of_taste():
    log = generator.synthetic(40_000, 0)
    category, held = log.category[log.history], log.history > 0
    share = ((category == log.fields[:, 2:3]) & held).sum(1) / held.sum(1)
    assert auc(share.numpy(), log.y.numpy()) > 0.55
    by_user = category[log.fields[:, 0] == 0][:, 0]
    assert by_user.bincount().max() / len(by_user) > 3 / generator.CATEGORIES


def test_the_log_has_a_seed_of_its_own():
    one, same, other = (generator.synthetic.__wrapped__(500, seed, 40, 30, 5) for seed in (0, 0, 1))
    assert torch.equal(one.x, same.x)
    assert torch.equal(one.y, same.y)
    assert not torch.equal(one.x, other.x)


def test_parts_follow_each_other_in_time():
    log = generator.synthetic(1000, 0, 40, 30, 5, 0.3)
    parts = clicks.split(log, 500, 200, 100)
    assert parts == {"test": slice(900, 1000), "validation": slice(700, 900), "train": slice(200, 700)}
    with pytest.raises(ValueError, match="1000 rows are too few"):
        clicks.split(log, 900, 100, 100)


def test_the_digest_follows_the_data_and_nothing_else():
    digest = study.describe(config_of()).digest
    for change in ({"data_seed": 1}, {"click_rate": 0.2}, {"test_size": 199}, {"items": 31}):
        assert study.describe(config_of(**change)).digest != digest, change
    assert (
        study.describe(config_of(lr=1.0, dropout=0.5, width=16, batch_size=2, num_workers=1)).digest == digest
    )


def test_generated_impressions_do_not_repeat():
    data = study.describe(config_of())
    assert data.sizes == {"train": 400, "validation": 200, "test": 200}
    assert data.overlap == 0.0
    assert data.files == ()


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
    found = measured(tmp_path / "run", data=str(path), **OWN)
    assert 0 <= found["test_auc", 3] <= 1
    assert ("oracle_auc", None) not in found
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


# --- configuration -------------------------------------------------------------------------------


@pytest.mark.parametrize("fidelity", ["smoke", "standard", "full"])
def test_every_preset_is_a_configuration(fidelity):
    assert configure(study, {"lr": 3e-4, "schedule": "warmup_cosine"}, fidelity).epochs == 5


@pytest.mark.parametrize("wrong", [{"learning_speed": 1}, {"dropout": 1.0}, {"embedding": 5}, {"lr": 0.0}])
def test_a_parameter_that_is_unknown_or_out_of_range_is_refused_by_name(wrong):
    with pytest.raises(pydantic.ValidationError, match=next(iter(wrong))):
        configure(study, wrong, "smoke")


@pytest.mark.slow
def test_after_one_epoch_the_running_gap_is_negative_and_that_in_evaluation_mode_is_not(tmp_path):
    params = {"epochs": 1, "train_size": 40_000, "validation_size": 10_000, "test_size": 10_000}
    logs = [MetricLog(tmp_path / str(seed)) for seed in range(2)]
    study.run_together(study.Config(**params), range(2), logs)
    for log in logs:
        log.close()
        found = told(log.folder)
        assert found["gap", 1] < 0 < found["gap_eval", 1]
