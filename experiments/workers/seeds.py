"""Seeds the generators that a process has one of, before a run draws from them.

Arms of one seed should still derive a generator for each purpose: with one stream for everything, an arm that
draws more shifts what it draws afterwards.
"""

from __future__ import annotations

import importlib.util
import random
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_NUMPY_SEEDS = 2**32
LIBRARIES = ("numpy.random", "torch")
"""Libraries with a generator of their own."""


def seed_everything(seed: int) -> None:
    """Seeds ``random``, NumPy and torch; what is imported only later is seeded when it is.

    Args:
        seed: of a run; any whole number.
    """
    random.seed(seed)
    for name in LIBRARIES:
        if name in sys.modules:
            _seed(sys.modules[name], seed)
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _SeedsWhenImported)]
    sys.meta_path.insert(0, _SeedsWhenImported(seed))


def _seed(library: ModuleType, seed: int) -> None:
    if library.__name__ == "torch":
        library.manual_seed(seed)
    else:
        library.seed(seed % _NUMPY_SEEDS)


class _SeedsWhenImported(MetaPathFinder):
    """Finds the libraries that are not imported yet, for the others on the path to load."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._waiting = {name for name in LIBRARIES if name not in sys.modules}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The library's own specification, with a loader that seeds it last."""
        if fullname not in self._waiting:
            return None
        self._waiting.discard(fullname)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _ThenSeeds(spec.loader, self._seed)
        return spec


class _ThenSeeds(Loader):
    def __init__(self, loader: Any, seed: int) -> None:
        self._loader = loader
        self._seed = seed

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _seed(module, self._seed)

    def __getattr__(self, name: str) -> Any:  # whatever else the library asks its loader for
        return getattr(self._loader, name)
