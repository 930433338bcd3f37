"""Libraries that a run would import late: its worker imports them before, once for all its runs.

Only libraries are imported so, never modules of the home. What the worker's runs imported late is kept beside
the code that they ran, so that the next worker of the same code imports it before its first run.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib.util
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from experiments.frozen import FrozenModules
from experiments.workers.imports import libraries

KEPT = "libraries.json"
AGAIN = 76
"""Exit code of a process that needs a library: its worker imports that, and starts it again."""
TRIES = 4
"""So often a request is started at most; the last time it imports what it needs itself."""
AT_THE_FIRST_OPTIMIZER = "torch._dynamo"
"""What torch imports when the first optimizer is made: it takes more than a second."""


class LateLibraries:
    """What a worker knows of the libraries that its runs import late.

    Args:
        home: absolute path.
        frozen: the code of the runs; None where it comes from its files, and nothing is kept.
    """

    def __init__(self, home: Path, frozen: FrozenModules | None) -> None:
        self._home = home
        self._frozen = frozen
        self._expected = frozen is None

    def import_expected(self) -> None:
        """Imports what runs of this code are expected to need, before the first of them."""
        if not self._expected and self._frozen is not None:
            self._expected = True
            _import(self._kept())
            if "torch" in sys.modules and _name_optimizers(self._frozen):
                _import([AT_THE_FIRST_OPTIMIZER])

    def leave_imports(self, file: int) -> None:
        """In a process that can be started again: has its worker import the first library that it lacks.

        Side effects: from now on such an import ends this process.
        """
        importing = builtins.__import__

        def import_or_leave(name: str, *given: Any, **named: Any) -> Any:
            if _is_new_library(name.partition(".")[0]):
                parts = named.get("fromlist", given[2] if len(given) > 2 else None) or ()
                _say([name, *(f"{name}.{part}" for part in parts)], file)
                os._exit(AGAIN)
            return importing(name, *given, **named)

        builtins.__import__ = import_or_leave

    def say(self, before: set[str], file: int) -> None:
        """In a run's process: writes which libraries it imported late."""
        _say(libraries(before, self._home), file)

    def learn(self, said: BinaryIO) -> list[str]:
        """Imports what a process said that it had imported late; gives the names."""
        said.seek(0)
        names: list[str] = []
        with contextlib.suppress(ValueError):  # it wrote nothing: it was killed, or started anew
            names = json.loads(said.read())
            _import(names)
        return names

    def keep(self, names: Sequence[str]) -> None:
        """Lets the next worker of this code import them, too."""
        if not names or self._frozen is None:
            return
        file = self._frozen.folder / KEPT
        aside = file.with_name(f"{KEPT}.{os.getpid()}")
        with contextlib.suppress(OSError):
            aside.write_text(json.dumps(list(dict.fromkeys([*self._kept(), *names]))), encoding="utf-8")
            aside.replace(file)

    def _kept(self) -> list[str]:
        assert self._frozen is not None
        try:
            names = json.loads((self._frozen.folder / KEPT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _say(names: Sequence[str], file: int) -> None:
    with contextlib.suppress(OSError):
        os.write(file, json.dumps(names).encode())


def _is_new_library(package: str) -> bool:
    if not package or package in sys.modules or package in sys.stdlib_module_names:
        return False
    with contextlib.suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(package)
        return spec is not None and "site-packages" in Path(spec.origin or "").parts
    return False


def _import(names: Sequence[str]) -> None:
    for name in names:
        with contextlib.suppress(Exception, SystemExit):
            importlib.import_module(name)


def _name_optimizers(code: FrozenModules) -> bool:
    return any(re.search(r"\boptim\b", code.get_source(module)) for module in code.modules)
