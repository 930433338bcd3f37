"""The digest of an experiment's code: its syntax tree, and those of the parts that it imports."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

import experiments as package

from planner.errors import ProgramError

_INSTALLED = Path(package.__file__ or "").resolve().parent


def code_digest(experiments: Path, name: str) -> str:
    """A digest that changes when what the code does may change, not when a comment or docstring does.

    Args:
        experiments: the folder of experiments; the package itself is looked at where a part is not there.
        name: the experiment's module.

    Raises:
        ProgramError: the module is not there, or is no Python.

    Side effects: reads files.
    """
    sources: dict[str, str] = {}
    todo = [f"experiments.{name}"]
    while todo:
        module = todo.pop()
        path = _path_of(experiments, module)
        if module in sources or path is None:
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError) as error:
            raise ProgramError([(("experiment",), f"{path.name} is not valid Python: {error}")]) from None
        todo.extend(_imported(tree, module))
        sources[module] = ast.unparse(_without_docstrings(tree))
    if f"experiments.{name}" not in sources:
        raise ProgramError([(("experiment",), f"there is no experiments/{name}.py")])
    text = "\n".join(f"# {module}\n{code}" for module, code in sorted(sources.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _path_of(experiments: Path, module: str) -> Path | None:
    parts = module.split(".")[1:]
    for root in (experiments, _INSTALLED):
        for candidate in (root.joinpath(*parts).with_suffix(".py"), root.joinpath(*parts, "__init__.py")):
            if parts and candidate.is_file():
                return candidate
    return None


def _imported(tree: ast.Module, module: str) -> Iterator[str]:
    """The modules of ``experiments`` that a module imports, by any of the ways to write it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("experiments."))
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.rsplit(".", node.level)[0]
                base = f"{package}.{base}".rstrip(".")
            if base == "experiments" or base.startswith("experiments."):
                yield base
                yield from (f"{base}.{a.name}" for a in node.names)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            value = first.value if isinstance(first, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                node.body = node.body[1:] or [ast.Pass()]
    return tree
