import csv
import json
import math
import os

import numpy as np
import pydantic
import pytest
import torch
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve
from torch.nn import functional as F

from experiments import span_multitask as study
from experiments.contract import MetricLog, configure, read_metrics
from experiments.parts.span_multitask import metrics, proxies, windows
from experiments.parts.span_multitask.artifacts import TABLES
from experiments.parts.span_multitask.files import read_windows
from experiments.parts.span_multitask.generator import STEPS, generate
from experiments.parts.span_multitask.kendall import LIMIT, Uncertainty
from experiments.parts.span_multitask.net import SpanNet
from experiments.parts.span_multitask.pretraining import HIDDEN_SHARE, hidden_bars
from experiments.parts.span_multitask.tasks import Objective, Targets, countdown_bars, scale_countdown
from experiments.parts.span_multitask.windows import Windows

TINY = {
    "hidden": 8, "epochs": 3, "pretrain_epochs": 2, "batch_size": 8,
    "train_size": 24, "validation_size": 20, "test_size": 16, "unlabelled_size": 30,
}  # fmt: skip


def measured(folder, seed=0, **params):
    """Runs a small arm in ``folder``; returns (name, step) -> value and the log's progress."""
    told = []
    log = MetricLog(folder, lambda done, total: told.append((done, total)))
    study.run(study.Config(**{**TINY, **params}), seed, log)
    log.close()
    return {(name, step): value for name, step, value in read_metrics(folder)}, told


def tiny_windows(count=6, steps=20, seed=0):
    draws = np.random.default_rng(seed)
    start = torch.from_numpy(draws.integers(0, steps - 4, count))
    x = torch.from_numpy(draws.normal(size=(count, steps, 3)).astype(np.float32))
    return Windows(x, start, torch.full((count,), 4), torch.arange(count) % 2, x[..., :1].repeat(1, 1, 4))


@pytest.fixture
def scored():
    """Probabilities with ties, and labels that they tell something about."""
    draws = np.random.default_rng(0)
    mask = torch.from_numpy(draws.random((8, 50)) < 0.1).float()
    probability = torch.from_numpy(draws.integers(0, 40, (8, 50)) / 60).float() + 0.3 * mask
    return probability, mask


# --- metrics against what is known ------------------------------------------------------------------


def test_f1_precision_and_average_precision_are_those_of_scikit_learn(scored):
    probability, mask = scored
    found = metrics.precision_recall_f1(probability, mask, 0.5)
    assert found[2] == pytest.approx(f1_score(mask.flatten(), probability.flatten() >= 0.5))
    wanted = average_precision_score(mask.flatten().numpy(), probability.flatten().numpy())
    assert metrics.average_precision(probability, mask) == pytest.approx(wanted)


def test_the_best_threshold_is_that_of_the_precision_recall_curve(scored):
    probability, mask = scored
    precision, recall, _ = precision_recall_curve(mask.flatten(), probability.flatten())
    best = (2 * precision * recall / (precision + recall).clip(1e-12)).max()
    chosen = metrics.best_threshold(probability, mask)
    assert metrics.precision_recall_f1(probability, mask, chosen)[2] == pytest.approx(best)


def test_the_floor_is_the_f1_of_calling_every_bar_positive(scored):
    _, mask = scored
    everything = metrics.precision_recall_f1(torch.ones_like(mask), mask, 0.5)[2]
    assert metrics.f1_floor(mask.mean().item()) == pytest.approx(everything)
    assert metrics.f1_floor(7.4 / 105) == pytest.approx(0.1317, abs=1e-4)


def test_a_constant_probability_has_the_base_rate_as_average_precision_and_separates_nothing(scored):
    _, mask = scored
    same = torch.full_like(mask, 0.3)
    assert metrics.average_precision(same, mask) == pytest.approx(mask.mean().item())
    assert metrics.separation(same, mask)["prob_separation"] == pytest.approx(0, abs=1e-7)
    assert metrics.precision_recall_f1(same, mask, 0.5) == (0.0, 0.0, 0.0)


def test_the_threshold_is_chosen_on_validation_and_measured_on_test(scored):
    probability, mask = scored
    found = metrics.span_metrics((probability, mask), (probability.flip(0) / 2, mask.flip(0)))
    assert found["best_threshold"] == metrics.best_threshold(probability, mask)
    lower = metrics.precision_recall_f1(probability / 2, mask, found["best_threshold"])[2]
    assert found["span_f1_best_threshold"] == pytest.approx(lower)


# --- losses, weights, gradients ---------------------------------------------------------------------


def test_kendalls_total_and_gradient_follow_the_formula():
    weights = Uncertainty(["span", "countdown"])
    with torch.no_grad():
        weights.log_sigma.copy_(torch.tensor([0.3, -0.7]))
    losses = {"span": torch.tensor(0.8), "countdown": torch.tensor(5.0)}
    total = weights(losses)
    wanted = 0.8 / (2 * math.exp(0.6)) + 0.3 + 5.0 / (2 * math.exp(-1.4)) - 0.7
    assert total.item() == pytest.approx(wanted, rel=1e-6)
    total.backward()
    assert weights.log_sigma.grad[0].item() == pytest.approx(1 - 0.8 / math.exp(0.6), rel=1e-5)
    assert weights.sigmas() == pytest.approx({"span": math.exp(0.3), "countdown": math.exp(-0.7)})


def test_log_sigma_is_clamped_and_without_kendall_the_total_is_the_sum():
    weights = Uncertainty(["span"])
    with torch.no_grad():
        weights.log_sigma.fill_(-9.0)
    assert weights.weight("span").item() == pytest.approx(math.exp(2 * LIMIT) / 2)
    losses = {"span": torch.tensor(0.5), "type": torch.tensor(2.0)}
    plain = Uncertainty(["span", "type"], learnt=False)
    assert plain(losses).item() == 2.5
    assert plain.sigmas() == {}


def test_the_span_loss_is_torchs_with_pos_weight_and_focal_zero_is_cross_entropy():
    logits, mask = torch.randn(4, 9), (torch.rand(4, 9) < 0.3).float()
    wanted = F.binary_cross_entropy_with_logits(logits, mask, pos_weight=torch.tensor(13.0))
    assert torch.equal(Objective(pos_weight=13.0).span_loss(logits, mask), wanted)
    truth = torch.where(mask > 0, logits.sigmoid(), 1 - logits.sigmoid())
    focal = (-((1 - truth) ** 2) * truth.log()).mean()
    torch.testing.assert_close(Objective(focal_gamma=2.0).span_loss(logits, mask), focal)


def test_targets_of_a_known_window():
    window = Windows(torch.zeros(1, 60, 2), torch.tensor([30]), torch.tensor([6]), torch.tensor([1]))
    raw, scaled = Targets.of(window, normalize=False), Targets.of(window, normalize=True)
    assert raw.countdown[0, [0, 25, 30, 33, 59]].tolist() == [20, 5, 0, -3, -20]
    assert scaled.countdown[0, [0, 30, 59]].tolist() == [1, 0.5, 0]
    assert raw.pointer[0].tolist() == pytest.approx([33 / 60, 6 / 60])
    assert torch.nonzero(raw.span[0])[:, 0].tolist() == list(range(30, 36))


def test_the_error_in_bars_does_not_depend_on_the_unit_of_training():
    wanted, said = torch.tensor([20.0, 3.0, -20.0]), torch.tensor([10.0, 4.5, -21.0])
    errors = [
        (countdown_bars(scale_countdown(said, n), n) - countdown_bars(scale_countdown(wanted, n), n)).abs()
        for n in (False, True)
    ]
    torch.testing.assert_close(*errors)
    assert errors[0].mean().item() == pytest.approx((10 + 1.5 + 1) / 3)


def test_a_share_of_loss_is_not_a_share_of_gradient():
    w = torch.tensor(1.0, requires_grad=True)
    losses = {"large_and_flat": 100 + 0.01 * w, "small_and_steep": 2 * w}
    slopes = {n: torch.autograd.grad(loss, w)[0].abs().item() for n, loss in losses.items()}
    loss_share = losses["large_and_flat"].item() / sum(loss.item() for loss in losses.values())
    assert loss_share > 0.98
    assert slopes["large_and_flat"] / sum(slopes.values()) < 0.005


def test_gradient_shares_are_those_of_the_weighted_norms_on_the_trunk(tmp_path):
    config = study.Config(**TINY, dropout=0.0)
    scaled = windows.standardised(study._splits(config), by="train")
    net = study._network(config, scaled, 0)
    training = study._training(config, net, scaled, 0, tmp_path)
    found = training._gradients()
    losses = training.objective.losses(net(scaled["train"].x), training.targets["train"])
    norms = {}
    for task, loss in losses.items():
        grads = torch.autograd.grad(loss / 2, net.trunk, retain_graph=True)
        norms[task] = torch.cat([g.flatten() for g in grads]).norm().item()
    for task, norm in norms.items():
        assert found[f"gradient_share_{task}"] == pytest.approx(norm / sum(norms.values()), rel=1e-4)
    whole = torch.autograd.grad(training.weights(losses), net.countdown_head.weight)[0]
    assert found["layer/countdown_head.weight"] == pytest.approx(whole.norm().item(), rel=1e-4)


@pytest.mark.parametrize("head", ["pooled", "per_step"])
def test_heads_give_what_they_should_and_arms_share_all_other_initial_numbers(head):
    net = SpanNet(3, 20, 2, 8, head, 0.0, seed=0)
    shapes = {name: tuple(value.shape) for name, value in net(torch.randn(5, 20, 3)).items()}
    assert shapes == {"type": (5, 2), "pointer": (5, 2), "span": (5, 20), "countdown": (5, 20)}
    other = SpanNet(3, 20, 2, 8, "pooled", 0.0, seed=0)
    for name, value in other.state_dict().items():
        assert name.startswith("span_head") or torch.equal(value, net.state_dict()[name])


def test_a_per_step_head_sees_the_place_that_a_pooled_one_cannot_tell_from_the_mean_state():
    net = SpanNet(3, 20, 2, 8, "per_step", 0.0, seed=0)
    pooled = SpanNet(3, 20, 2, 8, "pooled", 0.0, seed=0)
    states = torch.randn(1, 20, 16)
    rolled = states.roll(5, 1)
    for one, other, moves in ((net, net, True), (pooled, pooled, False)):
        one.states = lambda x, draws=None: x
        logits = [other(s)["span"] for s in (states, rolled)]
        assert torch.allclose(*logits, atol=1e-5) != moves


# --- windows ----------------------------------------------------------------------------------------


def test_generated_windows_are_as_described():
    made = generate(400, 0.6, "centres", 0)
    assert made.x.shape == (400, STEPS, 12)
    assert torch.isfinite(made.x).all()
    assert 6.5 < made.length.float().mean() < 8.5
    assert 0.06 < made.mask.mean() < 0.085
    assert torch.equal(made.mask.sum(1).long(), made.length)
    opens, high, low, close = made.prices.unbind(2)
    assert (high >= torch.maximum(opens, close)).all()
    assert (low <= torch.minimum(opens, close)).all()
    torch.testing.assert_close(opens[:, 1:], close[:, :-1])


def test_the_signal_is_in_the_span_and_grows_with_snr():
    drift = []
    for snr in (0.0, 1.0):
        made = generate(300, snr, "uniform", 0)
        moved = (made.prices[..., 3] - made.prices[..., 0]) * made.mask
        drift.append((moved.sum(1).abs() / made.length**0.5).mean().item())
    assert drift[1] > 2 * drift[0]


def test_jitter_moves_the_asked_share_of_labels_and_keeps_them_inside():
    made = generate(400, 0.6, "centres", 0)
    moved = windows.jittered(made, 0.4, 40, seed=0)
    assert (moved.start != made.start).float().mean().item() == pytest.approx(0.4, abs=0.06)
    assert (moved.start >= 0).all()
    assert (moved.start + moved.length <= STEPS).all()
    assert torch.equal(moved.x, made.x)
    assert torch.equal(windows.jittered(made, 0.0, 40, 0).start, made.start)


def test_shifted_windows_move_features_and_labels_together_and_never_mirror_a_span():
    made = tiny_windows()
    made.x[..., 0] = made.mask  # a feature that is the label
    moved = windows.shifted(made, 3)
    assert len(moved) > 2 * len(made)
    assert torch.equal(moved.x[..., 0], moved.mask)
    assert torch.equal(moved.take(torch.arange(len(made))).x, made.x)
    distinct = {(s, x.sum().item()) for s, x in zip(moved.start.tolist(), moved.x, strict=True)}
    assert len(distinct) == len(moved)


def test_splits_are_disjoint_and_cover_every_window():
    made = tiny_windows(10)
    parts = windows.split(made, {"train": 5, "test": 3}, "rest", seed=0)
    assert {name: len(part) for name, part in parts.items()} == {"train": 5, "test": 3, "rest": 2}
    sums = torch.cat([part.x.sum((1, 2)) for part in parts.values()])
    assert sorted(sums.tolist()) == sorted(made.x.sum((1, 2)).tolist())
    with pytest.raises(ValueError, match="too few"):
        windows.split(made, {"train": 9, "test": 3}, "rest", seed=0)


def test_overlap_is_the_share_of_windows_that_share_bars():
    made = tiny_windows(8)
    training, evaluation = made.take(torch.arange(4)), made.take(torch.arange(4, 8))
    assert windows.overlap(training, evaluation) == 0.0
    evaluation.x[1, :5] = training.x[2, 11:16]
    evaluation.x[3, :4] = training.x[2, 11:15]  # too short a run
    assert windows.overlap(training, evaluation) == 0.25
    assert windows.overlap(windows.shifted(made, 5), made) == 1.0


def test_windows_made_before_the_split_leak_and_those_made_after_it_do_not():
    honest = study.describe(study.Config(**TINY, window_stride=5))
    leaking = study.describe(study.Config(**TINY, window_stride=5, split_first=False))
    assert honest.overlap == 0.0
    assert leaking.overlap > 0.9
    assert leaking.digest != honest.digest


def test_the_digest_follows_the_data_and_nothing_else():
    digest = study.describe(study.Config(**TINY)).digest
    same = {"pos_weight": 13.0, "hidden": 4, "window_stride": 5, "task": "proxy_grid", "pretrain_epochs": 9}
    assert study.describe(study.Config(**{**TINY, **same})).digest == digest
    other = [{"data_seed": 1}, {"snr": 0.5}, {"jitter": 0.1}, {"placement": "uniform"}, {"train_size": 23}]
    digests = {study.describe(study.Config(**{**TINY, **change})).digest for change in other}
    assert len(digests) == len(other)
    assert digest not in digests


def test_standard_has_enough_validation_windows_and_no_overlap():
    data = study.describe(study.Config())
    assert data.sizes == {"train": 168, "validation": 200, "test": 200, "unlabelled": 500}
    assert data.overlap == 0.0


# --- proxies ----------------------------------------------------------------------------------------


def test_proxy_correlation_is_numpys():
    draws = np.random.default_rng(0)
    mask = (draws.random((4, 30)) < 0.2).astype(float)
    guess = draws.random((4, 30)) + 0.2 * mask
    wanted = np.corrcoef(guess.ravel(), mask.ravel())[0, 1]
    assert proxies.correlation(guess, mask) == pytest.approx(wanted)
    assert proxies.correlation(np.ones((4, 30)), mask) == 0.0


def test_the_formula_and_its_features_on_prices_that_rise_and_fall():
    close = torch.tensor([1.0, 2, 3, 4, 5, 6, 5, 4])
    opens = torch.cat([torch.zeros(1), close[:-1]])
    bars = torch.stack([opens, close + 1, opens - 1, close], 1)[None]
    one = torch.zeros(1, dtype=torch.long)
    found = proxies.proxy_features(Windows(torch.zeros(1, 8, 1), one, one + 1, one, bars))
    assert found["momentum_3"][0].tolist() == [1, 2, 3, 3, 3, 3, 1, -1]
    assert found["cum_return_5"][0].tolist() == [1, 2, 3, 4, 5, 5, 3, 1]
    assert found["direction_streak"][0].tolist() == [1, 2, 3, 4, 5, 6, 1, 2]
    assert found["volatility"][0, 5:7] == pytest.approx([0, np.std([1] * 6 + [-1])])
    guess = proxies.Formula(2.0, 0.05, 0.5).probability({n: v[:, 6:] for n, v in found.items()})
    wanted = np.clip((found["cum_return_5"][0, 6:] * 2 + np.array([1, 2]) * 0.05), 0, None)
    assert guess[0] == pytest.approx(np.clip(wanted / (found["volatility"][0, 6:] + 0.5), 0, 1))


def test_without_its_sign_a_fall_counts_as_much_as_a_rise():
    features = {
        "cum_return_5": np.array([-2.0, 2.0]),
        "direction_streak": np.ones(2),
        "volatility": np.ones(2),
    }
    assert proxies.Formula(0.1, 0.1, 1.0).probability(features) == pytest.approx([0.0, 0.15])
    assert proxies.Formula(0.1, 0.1, 1.0, True).probability(features) == pytest.approx([0.15, 0.15])


def test_the_proxy_arm_sweeps_the_grid_and_measures_the_best_point_on_test_windows(tmp_path):
    found, told = measured(tmp_path, task="proxy_grid")
    curve = [found["grid_correlation", i] for i in range(1, 28)]
    assert found["proxy_correlation_train", None] == max(curve)
    assert told[-1] == (27, 27)
    formula = json.loads((tmp_path / "artifacts" / "proxy_formula.json").read_text())
    assert formula["correlation_test"] == found["proxy_correlation", None]
    at = curve.index(max(curve)) + 1
    assert formula["return_weight"] == found["grid_return_weight", at]
    with (tmp_path / "artifacts" / "expansion_stats.csv").open() as file:
        assert len(list(csv.DictReader(file))) == TINY["train_size"]
    assert (tmp_path / "artifacts" / "proxy_validation.png").read_bytes().startswith(b"\x89PNG")


def test_one_grid_point_may_be_given_as_plain_numbers(tmp_path):
    found, _ = measured(tmp_path, task="proxy_grid", return_weight=2.0, streak_weight=0.05, vol_epsilon=0.001)
    assert {step for name, step in found if name == "grid_correlation"} == {1}


# --- whole runs -------------------------------------------------------------------------------------

ARMS = [
    {"normalize_countdown": False},
    {"tasks": ["span"], "pos_weight": 13.0},
    {"tasks": ["span", "countdown"], "weighting": "sum", "focal_gamma": 2.0},
    {"window_stride": 5, "keep": "best"},
    {"span_head": "per_step", "pretrain": "masked_autoencoder"},
]


@pytest.mark.parametrize("arm", ARMS)
def test_every_metric_is_finite_and_progress_ends(tmp_path, arm):
    found, told = measured(tmp_path, **arm)
    names = {name for name, _ in found}
    assert all(math.isfinite(value) for value in found.values())
    assert names >= {"epoch", "span_f1", "span_f1_floor", "average_precision", "prob_separation", "val_loss"}
    assert names >= {"gradient_share_span", "best_epoch", "label_overlap", "span_f1_best_threshold"}
    tasks = arm.get("tasks", ["type", "pointer", "span", "countdown"])
    assert ("countdown_mae" in names) == ("loss_countdown" in names) == ("countdown" in tasks)
    shares = [found[f"gradient_share_{task}", 3] for task in tasks]
    assert sum(shares) == pytest.approx(1)
    assert told[-1][0] == told[-1][1]
    assert found["label_overlap", None] == 0.0


def test_the_training_artifacts_are_all_there_and_agree_with_the_metrics(tmp_path):
    found, _ = measured(tmp_path)
    for name in TABLES:
        with (tmp_path / "artifacts" / name).open() as file:
            rows = list(csv.DictReader(file))
        assert [row["epoch"] for row in rows] == ["1", "2", "3"]
        assert all(math.isfinite(float(value)) for row in rows for value in row.values())
        for column in set(rows[0]) & {metric for metric, _ in found} - {"epoch"}:
            assert [float(r[column]) for r in rows] == [found[column, step] for step in (1, 2, 3)]
    told = json.loads((tmp_path / "artifacts" / "metadata.json").read_text())
    assert told["best_epoch"] == found["best_epoch", 3]
    assert told["windows"]["train"] == TINY["train_size"]
    best = torch.load(tmp_path / "artifacts" / "best_model.pt", weights_only=True)
    assert best["epoch"] == told["best_epoch"]
    net = SpanNet(12, STEPS, 2, TINY["hidden"], "pooled", 0.3, seed=9)
    net.load_state_dict(best["model"])


def test_the_best_epoch_has_the_lowest_loss_and_keep_best_speaks_of_it(tmp_path):
    last, _ = measured(tmp_path / "last", epochs=8, lr=0.05)
    best, _ = measured(tmp_path / "best", epochs=8, lr=0.05, keep="best")
    losses = [last["val_loss", i] for i in range(1, 9)]
    at = losses.index(min(losses)) + 1
    assert last["best_epoch", 8] == at < 8, losses
    assert best["average_precision", 8] == last["average_precision", at]
    assert best["val_loss", 8] == last["val_loss", 8]


def test_one_seed_twice_is_identical_and_leaves_the_global_generator_alone(tmp_path):
    before = torch.get_rng_state()
    first, _ = measured(tmp_path / "a", pretrain="masked_autoencoder")
    assert torch.equal(before, torch.get_rng_state())
    torch.rand(7)
    again, _ = measured(tmp_path / "b", pretrain="masked_autoencoder")
    other, _ = measured(tmp_path / "c", seed=1, pretrain="masked_autoencoder")
    assert first == again
    assert other["loss_span", 3] != first["loss_span", 3]


class Killed(Exception):
    pass


@pytest.mark.parametrize("keep", ["last", "best"])
@pytest.mark.parametrize("units_done", [1, 2, 3, 4])
def test_a_run_resumed_after_an_interruption_equals_the_unbroken_one(tmp_path, units_done, keep):
    params = {"pretrain": "masked_autoencoder", "lr": 0.02, "keep": keep}
    whole, _ = measured(tmp_path / "whole", **params)

    def kill(done, _total):
        if done == units_done:
            raise Killed

    log = MetricLog(tmp_path / "broken", kill)
    with pytest.raises(Killed):
        study.run(study.Config(**{**TINY, **params}), 0, log)
    log.close()
    (tmp_path / "broken" / "metrics.jsonl").unlink()
    resumed, _ = measured(tmp_path / "broken", **params)
    assert resumed == whole
    files = [(tmp_path / name / "artifacts" / "best_model.pt") for name in ("whole", "broken")]
    one, other = (torch.load(file, weights_only=True) for file in files)
    assert all(torch.equal(one["model"][name], other["model"][name]) for name in one["model"])


def test_epochs_of_shifted_windows_are_as_long_and_visit_every_window_once(tmp_path):
    config = study.Config(**TINY, window_stride=20)
    scaled = windows.standardised(study._splits(config), by="train")
    training = study._training(config, study._network(config, scaled, 0), scaled, 0, tmp_path)
    count = len(training.data["train"])
    epochs = [training.rows(i) for i in range(count // TINY["train_size"])]
    assert {len(rows) for rows in epochs} == {TINY["train_size"]}
    assert len(torch.cat(epochs).unique()) == len(torch.cat(epochs))
    assert len(epochs) > 1


def test_hidden_bars_are_the_asked_share_in_runs():
    hidden = hidden_bars(300, STEPS, torch.Generator().manual_seed(0))
    assert hidden.shape == (300, STEPS)
    assert hidden.float().mean().item() == pytest.approx(HIDDEN_SHARE, abs=0.02)


def test_pretraining_lowers_its_loss_and_changes_the_start(tmp_path):
    found, _ = measured(tmp_path / "a", pretrain="masked_autoencoder", pretrain_epochs=6, lr=0.01)
    plain, _ = measured(tmp_path / "b", lr=0.01)
    assert found["pretrain_loss", 6] < found["pretrain_loss", 1]
    assert found["loss_span", 1] != plain["loss_span", 1]


# --- parameters and files ---------------------------------------------------------------------------


@pytest.mark.parametrize("fidelity", ["smoke", "standard", "full"])
def test_every_preset_is_a_configuration(fidelity):
    config = configure(study, {"tasks": ["countdown", "span"], "pos_weight": 13.0}, fidelity)
    assert config.tasks == ("span", "countdown")


def test_unknown_parameters_and_tasks_without_span_are_refused():
    with pytest.raises(pydantic.ValidationError, match="learning_speed"):
        configure(study, {"learning_speed": 1}, "smoke")
    with pytest.raises(pydantic.ValidationError, match="must include 'span'"):
        configure(study, {"tasks": ["type"]}, "smoke")


def same(found, made):
    assert all(torch.equal(found.arrays()[name], array) for name, array in made.arrays().items())


def test_npz_and_torch_files_are_read(tmp_path):
    made = tiny_windows()
    np.savez(tmp_path / "own.npz", **{name: array.numpy() for name, array in made.arrays().items()})
    torch.save(made.arrays(), tmp_path / "own.pt")
    same(read_windows(str(tmp_path / "own.npz")), made)
    same(read_windows(str(tmp_path / "own.pt")), made)


def parquet(path, made, **columns):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    steps = made.steps
    frame = pandas.DataFrame({f"f{i}": made.x[..., i].flatten().numpy() for i in range(made.x.shape[2])})
    for i, name in enumerate(("open", "high", "low", "close")):
        frame[name] = made.prices[..., i].flatten().numpy()
    frame["window"] = np.arange(len(made)).repeat(steps)
    frame["in_span"] = made.mask.flatten().numpy().astype(int)
    frame["kind"] = made.kind.numpy().repeat(steps)
    frame.assign(**columns).to_parquet(path)


def test_parquet_is_read_with_one_row_per_bar(tmp_path):
    made = tiny_windows()
    parquet(tmp_path / "own.parquet", made)
    same(read_windows(str(tmp_path / "own.parquet")), made)


@pytest.mark.parametrize(
    ("columns", "says"),
    [({"in_span": [1, 0] * 60}, "unbroken span"), ({"window": [0] * 21 + [1] * 99}, "equally many rows")],
)
def test_parquet_with_broken_spans_or_windows_is_refused(tmp_path, columns, says):
    parquet(tmp_path / "own.parquet", tiny_windows(), **columns)
    with pytest.raises(ValueError, match=says):
        read_windows(str(tmp_path / "own.parquet"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"x": np.full((6, 20, 3), np.nan)}, "finite"),
        ({"x": np.zeros((6, 20))}, r"\(windows, steps, features\)"),
        ({"start": np.full(6, 18)}, "lie in its window"),
        ({"kind": np.zeros(6)}, "integers"),
        ({"prices": np.zeros((6, 20, 3))}, r"\(windows, steps, 4\)"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(tmp_path, change, says):
    arrays = {name: array.numpy() for name, array in tiny_windows().arrays().items()}
    np.savez(tmp_path / "own.npz", **{**arrays, **change})
    with pytest.raises(ValueError, match=says):
        read_windows(str(tmp_path / "own.npz"))


def test_missing_arrays_and_unknown_kinds_of_file_are_refused(tmp_path):
    np.savez(tmp_path / "own.npz", x=np.zeros((6, 20, 3)))
    with pytest.raises(ValueError, match="nothing named start, length, kind"):
        read_windows(str(tmp_path / "own.npz"))
    with pytest.raises(ValueError, match="unknown kind of file"):
        read_windows(str(tmp_path / "own.csv"))


class Malicious:
    def __init__(self, made):
        self.made = made

    def __reduce__(self):
        return os.mkdir, (self.made,)


def test_pickles_are_refused_and_not_run(tmp_path):
    evil = Malicious(str(tmp_path / "made"))
    torch.save({"x": evil}, tmp_path / "own.pt")
    np.savez(tmp_path / "own.npz", x=np.array([evil], dtype=object))
    with pytest.raises(ValueError, match="not a plain torch file"):
        read_windows(str(tmp_path / "own.pt"))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_windows(str(tmp_path / "own.npz"))
    assert not (tmp_path / "made").exists()


def test_a_users_own_file_is_measured_and_its_proxies_need_prices(tmp_path):
    made, path = tiny_windows(70), tmp_path / "own.npz"
    arrays = {name: array.numpy() for name, array in made.arrays().items() if name != "prices"}
    np.savez(path, **arrays)
    data = study.describe(study.Config(**TINY, data=str(path)))
    assert data.files == (str(path),)
    assert data.sizes["unlabelled"] == 10
    found, _ = measured(tmp_path / "run", data=str(path), pretrain="masked_autoencoder")
    assert math.isfinite(found["average_precision", 3])
    with pytest.raises(ValueError, match="add 'prices'"):
        measured(tmp_path / "proxies", data=str(path), task="proxy_grid")


@pytest.mark.slow
def test_at_standard_a_per_step_head_finds_spans_that_a_pooled_one_does_not(tmp_path):
    found = {}
    for head in ("pooled", "per_step"):
        log = MetricLog(tmp_path / head)
        study.run(configure(study, {"span_head": head}, "standard"), 0, log)
        found[head] = {name: value for name, _, value in read_metrics(log.folder)}
        log.close()
    assert found["pooled"]["span_f1"] == 0.0
    assert found["per_step"]["span_f1"] > found["per_step"]["span_f1_floor"]
