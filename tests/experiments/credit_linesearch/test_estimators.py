import copy

import pytest
import torch

from experiments.parts.credit_linesearch.classifier import train_classifier
from experiments.parts.credit_linesearch.credits import loss_slope, oracle, unit_directions
from experiments.parts.credit_linesearch.estimators import Snapshot, estimated, fit
from experiments.parts.credit_linesearch.quality import cosines
from experiments.parts.credit_linesearch.residual_mlp import ResidualMLP
from experiments.parts.seeding import derive, generator, seeded


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small network after three epochs on noisy blobs, with its rows."""
    with seeded(0, "test"):
        y = torch.randint(4, (512,))
        x = torch.randn(4, 10)[y] + torch.randn(512, 10)
        y = torch.where(torch.rand(512) < 0.2, torch.randint(4, (512,)), y)
        net = ResidualMLP(10, 4, depth=2, width=24)
    file = tmp_path_factory.mktemp("trained") / "network.pt"
    data = {"train": (x[:384], y[:384]), "test": (x[384:], y[384:])}
    history = train_classifier(net, data, 3, 64, 1e-2, 0, file, "key", lambda *_: None)
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    return net, x, y


@pytest.mark.parametrize("kind", ["vec_m4", "scalar_cb"])
def test_a_fitted_estimator_points_clearly_along_the_oracle(trained, tmp_path, kind):
    net, x, y = trained
    at = Snapshot.of(net, x, y)
    model, _ = fit(kind, at, 64, 400, 0, tmp_path / "estimator.pt", "key", lambda *_: None)
    gammas = cosines(estimated(model)(net, x, y), oracle(net, x, y))
    assert min(gammas) > 0.2


def test_fitting_leaves_the_network_as_it_was(trained, tmp_path):
    net, x, y = trained
    before = {name: value.clone() for name, value in net.state_dict().items()}
    fit("scalar_cb", Snapshot.of(net, x, y), 16, 10, 0, tmp_path / "estimator.pt", "key", lambda *_: None)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_a_checkpoint_of_another_training_is_left_aside(trained, tmp_path):
    net, x, y = trained
    at, file = Snapshot.of(net, x, y), tmp_path / "estimator.pt"
    ours, _ = fit("vec_m4", at, 16, 10, 0, tmp_path / "fresh.pt", "ours", lambda *_: None)
    fit("vec_m4", at, 16, 10, 1, file, "theirs", lambda *_: None)
    again, _ = fit("vec_m4", at, 16, 10, 0, file, "ours", lambda *_: None)
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), again.parameters(), strict=True))


def test_loss_slopes_agree_with_the_exact_derivative(trained):
    net, x, y = trained
    h = net.states(x)[1].detach()
    u = unit_directions(h, 3, generator(0))
    exact = (oracle(net, x, y)[0] * u).sum(2)
    with torch.no_grad():
        slope = loss_slope(copy.deepcopy(net).double(), h.double(), 1, y, u.double()).float()
    torch.testing.assert_close(slope, exact, atol=2e-3, rtol=1e-2)


def test_directions_have_unit_rms():
    u = unit_directions(torch.zeros(5, 16), 3, generator(0))
    torch.testing.assert_close(u.pow(2).mean(2).sqrt(), torch.ones(3, 5))


def test_purposes_give_streams_of_their_own():
    assert len({derive(seed, *purpose) for seed in (0, 1) for purpose in (("a",), ("b",), ("a", 1))}) == 6
