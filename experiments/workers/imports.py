"""What a run imported: which versions of libraries, and which of the user's own modules nobody knew of."""

from __future__ import annotations

import platform
import sys
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

OURS = frozenset({"planner", "tests", "benchmarks", "cli", "docs", "__main__", "__mp_main__"})
"""Modules of this project, which lie in the home where the home is a checkout of it."""


def imported_below(
    home: Path, recorded: Collection[str], modules: Mapping[str, ModuleType] = sys.modules
) -> list[str]:
    """The modules below a home that this process has imported, besides those that are known.

    What belongs to this project, to the interpreter or to a virtual environment is left out.
    """
    return sorted(
        name
        for name, module in list(modules.items())
        if name not in recorded and name.partition(".")[0] not in OURS and _lies_below(home, module)
    )


def _lies_below(home: Path, module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and _is_below(home, file)


@cache  # a worker looks through its two thousand modules once, and not each of its runs
def _is_below(home: Path, file: str) -> bool:
    if not file.endswith(".py") or not Path(file).is_absolute():
        return False  # torch has modules that name a file which is not there
    path = Path(file).resolve()
    return (
        path.is_relative_to(home)
        and not path.is_relative_to(Path(sys.prefix).resolve())
        and "site-packages" not in path.parts
        and "mlruns" not in path.relative_to(home).parts[:1]
    )


def libraries(before: Collection[str], home: Path) -> list[str]:
    """The modules of libraries that were imported since; a worker imports them once for its next runs."""
    return [
        name
        for name, module in list(sys.modules.items())
        if name not in before
        and name.partition(".")[0] not in (*OURS, "experiments")
        and getattr(module, "__spec__", None) is not None
        and not _lies_below(home, module)
    ]


def versions_of(modules: Collection[str]) -> dict[str, str]:
    """Python's version, and those of torch, NumPy and every library that some modules name."""
    names = {"torch", "numpy"} | {
        name for module in modules if module in sys.modules for name in _named_in(sys.modules[module])
    }
    third_party = sorted(names - sys.stdlib_module_names)
    held = {name: getattr(sys.modules.get(name), "__version__", None) for name in third_party}
    versions = {name: str(version)[:100] for name, version in held.items() if version is not None}
    return {"python": platform.python_version(), **versions}


def _named_in(module: ModuleType) -> Iterator[str]:
    """Top-level packages from which a module has a module, function or class."""
    for value in list(vars(module).values()):
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        if isinstance(name, str):
            yield name.partition(".")[0]
