"""Every public name says what it is, and its example does what it shows."""

from __future__ import annotations

import doctest
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import planner
from planner import testing

TYPES_OF_VALUES = {"Measurement"}
"""Public names that are neither functions nor classes: nothing to call, so nothing to show."""


def public() -> Iterator[tuple[str, Any]]:
    """(name, what it is) of everything public, the package itself included."""
    yield "planner", planner
    for module in (planner, testing):
        for name in module.__all__:
            if name not in TYPES_OF_VALUES:
                yield f"{module.__name__}.{name}", getattr(module, name)


PUBLIC = dict(public())


def examples_of(name: str, thing: Any) -> list[doctest.DocTest]:
    """The examples in its docstring and in those of its own public methods."""
    module = thing if isinstance(thing, ModuleType) else sys.modules[thing.__module__]
    finder = doctest.DocTestFinder(recurse=isinstance(thing, type))
    return [test for test in finder.find(thing, name, module=module) if test.examples]


@pytest.mark.parametrize("name", [name for name, thing in PUBLIC.items() if thing is not testing])
def test_the_example_of_a_public_name_does_what_it_shows(name: str) -> None:
    tests = examples_of(name, PUBLIC[name])
    assert any(test.name == name for test in tests), f"{name} has no example"
    runner = doctest.DocTestRunner(verbose=False)
    for test in tests:
        said: list[str] = []
        runner.run(test, out=said.append)
        assert runner.failures == 0, "".join(said)


def methods_of(cls: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties that a class defines itself."""
    for name, member in vars(cls).items():
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
            yield name, member


def test_every_public_name_and_method_has_a_docstring() -> None:
    silent = [name for name, thing in PUBLIC.items() if not inspect.getdoc(thing)]
    for name, thing in PUBLIC.items():
        if isinstance(thing, type) and thing.__module__.startswith(("planner.api", "planner.testing")):
            silent += [f"{name}.{method}" for method, member in methods_of(thing) if not member.__doc__]
    assert silent == []


@pytest.mark.parametrize("name", [name for name, thing in PUBLIC.items() if inspect.isfunction(thing)])
def test_a_function_says_what_it_takes_and_raises(name: str) -> None:
    text = inspect.getdoc(PUBLIC[name]) or ""
    takes = inspect.signature(PUBLIC[name]).parameters
    assert not takes or ("Args:" in text and "Raises:" in text)
