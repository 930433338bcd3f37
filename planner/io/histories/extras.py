"""Libraries that read one kind of store, and are no part of a plain installation."""

from __future__ import annotations

import importlib
from typing import Any

from planner.errors import UsageError


def needed(module: str, what: str) -> Any:
    """A module of a library that may not be installed.

    Args:
        what: is read with it, in words.

    Raises:
        UsageError: it is not installed; says how to.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise UsageError(f"{what} are read with {package}: pip install 'phasegate[stores]'") from error
