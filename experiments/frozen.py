"""Imports modules as they were when a command began, whatever has become of their files since."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.abc import ExecutionLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType

INDEX = "modules.json"


class FrozenModules(MetaPathFinder, ExecutionLoader):
    """Finds the modules that lie in a folder as ``MODULE.py``, and nothing else.

    Each has the name, the ``__file__`` and the place in its package that it would have without this: an
    experiment that reads what lies beside its own file finds it.

    Args:
        folder: holds the modules, and ``modules.json``: module -> its own file.

    Raises:
        OSError, ValueError: there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, str] = json.loads((folder / INDEX).read_text(encoding="utf-8"))

    @property
    def modules(self) -> frozenset[str]:
        """The names of the modules."""
        return frozenset(self._files)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a module comes from; None where it is none of these."""
        if fullname not in self._files:
            return None
        spec = spec_from_loader(fullname, self, origin=self._files[fullname])
        if spec is not None:
            spec.has_location = True
            if self.is_package(fullname):
                spec.submodule_search_locations = [str(Path(self._files[fullname]).parent)]
        return spec

    def is_package(self, fullname: str) -> bool:
        """Whether other modules lie in it."""
        return Path(self._files[fullname]).name == "__init__.py"

    def get_filename(self, fullname: str) -> str:
        """The module's own file."""
        return self._files[fullname]

    def get_source(self, fullname: str) -> str:
        """What that file held."""
        return (self.folder / f"{fullname}.py").read_text(encoding="utf-8")
