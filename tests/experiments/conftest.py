import pytest
import torch

from experiments.parts import shared_results


@pytest.fixture(autouse=True)
def one_thread():
    """As in a worker: small matrices gain nothing from more, and timings stay comparable."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def nothing_is_shared_with_other_tests(monkeypatch):
    monkeypatch.delenv(shared_results.FOLDER, raising=False)
