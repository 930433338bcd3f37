"""The code that measures: an experiment with the modules that it imports, or a command with its files."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.machinery import PathFinder
from pathlib import Path
from typing import NamedTuple

import experiments as package
from experiments.watched import State, state_of
from experiments.workers.imports import OURS

from planner.errors import ProgramError
from planner.records.base import digest_of

_INSTALLED = Path(package.__file__ or "").resolve().parent


@dataclass(frozen=True)
class Code:
    """The code that measures a program's arms, as it was when it was read.

    Attributes:
        digest: changes when what the code does may change, not when a comment or docstring does.
        modules: module -> (its file, what the file held); none for a command.
        files: what a command is made of below the home, and what a program says that it depends on ->
            its state before it was read.
        earlier: the digest that the same would have had by earlier versions -> the files that they left out.
    """

    digest: str
    modules: Mapping[str, tuple[Path, bytes]] = field(default_factory=dict)
    files: Mapping[str, State | None] = field(default_factory=dict)
    earlier: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_experiment(experiments: Path, name: str, late: Collection[str] = ()) -> Code:
    """Reads an experiment and every module that it imports from the home or from the package of experiments.

    Imports are those that the source states; what is imported by a computed name, runs say.

    Args:
        experiments: the folder of experiments; the package itself is looked at where a part is not there.
        name: the experiment's module.
        late: modules that runs were seen to import besides.

    Raises:
        ProgramError: the module is not there, or is no Python.

    Side effects: reads files.
    """
    first = [f"experiments.{name}", *late]
    modules = _read_modules(experiments, first)
    if first[0] not in modules:
        missing = str(experiments / f"{name}.py")
        raise ProgramError([(("experiment",), f"there is no experiments/{name}.py")], file=missing)
    beside = [one.path for module, one in modules.items() if not _is_experiments(module)]
    files = tuple(sorted(str(path.relative_to(experiments.parent)) for path in beside))
    left_out = {_digest(_without_beside(modules, first)): files} if beside else {}
    contents = {module: (one.path, one.content) for module, one in modules.items()}
    return Code(_digest(modules), contents, earlier=left_out)


class _Module(NamedTuple):
    """A module as it was read: its source without comments and docstrings, and what it imports."""

    path: Path
    content: bytes
    source: str
    imports: list[str]


def _read_modules(experiments: Path, first: Sequence[str]) -> dict[str, _Module]:
    """The modules of these names and all that they import."""
    modules: dict[str, _Module] = {}
    todo = [*first]
    while todo:
        module = todo.pop()
        path = None if module in modules else _path_of(experiments, module)
        if path is None:
            continue
        content = path.read_bytes()
        try:
            tree = ast.parse(content.decode("utf-8"))
        except (SyntaxError, ValueError) as error:
            what = f"{path.name} is not valid Python: {error}"
            line = getattr(error, "lineno", None)
            raise ProgramError([(("experiment",), what)], file=str(path), line=line) from None
        imports = list(dict.fromkeys(_imported(tree, module, path.name == "__init__.py")))
        modules[module] = _Module(path, content, ast.unparse(_without_docstrings(tree)), imports)
        todo.extend(imports)
    return modules


def _without_beside(modules: Mapping[str, _Module], first: Sequence[str]) -> dict[str, _Module]:
    """What is left where nothing that lies beside the experiments is looked at."""
    left: dict[str, _Module] = {}
    todo = [*first]
    while todo:
        module = todo.pop()
        if module in modules and module not in left and _is_experiments(module):
            left[module] = modules[module]
            todo.extend(modules[module].imports)
    return left


def _is_experiments(module: str) -> bool:
    return module.partition(".")[0] == "experiments"


def read_command(home: Path, words: Sequence[str]) -> Code:
    """Reads what a command is made of: its words, and what those of them hold that are files below the home.

    Side effects: reads files.
    """
    files = [path for word in words if (path := _file_below(home, word)) is not None]
    states, held = _states_and_contents(home, files)
    earlier = {digest_of(["command", *words]): tuple(file for file, _ in held)} if held else {}
    return Code(digest_of(["command", *words, *([held] if held else [])]), files=states, earlier=earlier)


def with_files(home: Path, code: Code, patterns: Sequence[str]) -> Code:
    """The same code with the files below the home that a program says it depends on.

    Args:
        patterns: as ``Path.glob`` takes them.

    Side effects: reads files.
    """
    files = files_matching(home, patterns)
    states, held = _states_and_contents(home, files)
    if not held:
        return code
    return replace(code, digest=digest_of([code.digest, held]), files={**code.files, **states})


def files_matching(home: Path, patterns: Sequence[str]) -> list[Path]:
    """The files below a home that match, sorted; nothing of what the planner itself writes."""
    paths = {path for pattern in patterns for path in home.glob(pattern)}
    return sorted(
        path
        for path in paths
        if "mlruns" not in path.relative_to(home).parts[:1] and _file_below(home, str(path)) is not None
    )


def _states_and_contents(
    home: Path, files: Sequence[Path]
) -> tuple[dict[str, State | None], list[list[str]]]:
    """(absolute path -> state before it was read, [relative path, digest of what it held])."""
    states = {str(path.absolute()): state_of(path) for path in files}
    held = [[str(path.relative_to(home)), hashlib.sha256(path.read_bytes()).hexdigest()] for path in files]
    return states, held


def _digest(modules: Mapping[str, _Module]) -> str:
    text = "\n".join(f"# {module}\n{one.source}" for module, one in sorted(modules.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _file_below(home: Path, word: str) -> Path | None:
    path = home / word
    try:
        return path if path.is_file() and path.resolve().is_relative_to(home.resolve()) else None
    except (OSError, ValueError):
        return None


def _path_of(experiments: Path, module: str) -> Path | None:
    first, *parts = module.split(".")
    if first != "experiments":
        return _below_home(experiments.parent, first, parts)
    for root in (experiments, _INSTALLED):
        for candidate in _candidates(root, parts):
            if parts and candidate.is_file():
                return candidate
    return None


def _below_home(home: Path, first: str, parts: Sequence[str]) -> Path | None:
    """The file of a module that lies in the home itself, beside its experiments."""
    if first in OURS or first in sys.stdlib_module_names or not first.isidentifier():
        return None
    file = next((path for path in _candidates(home, [first, *parts]) if path.is_file()), None)
    if file is None:
        return None
    elsewhere = [path for path in sys.path if Path(path or ".").resolve() != home.resolve()]
    spec = PathFinder.find_spec(first, elsewhere)  # the home comes last on the path
    return file if spec is None or spec.loader is None else None


def _candidates(root: Path, parts: Sequence[str]) -> tuple[Path, Path]:
    folder = root.joinpath(*parts)
    return folder.with_name(f"{folder.name}.py"), folder / "__init__.py"


def _imported(tree: ast.Module, module: str, is_package: bool) -> Iterator[str]:
    """The modules that a module imports, by any of the ways to write it, with the packages around them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_packages(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = node.level - is_package  # the first dot means the package that a module lies in
                base = f"{module.rsplit('.', up)[0] if up else module}.{base}".rstrip(".")
            yield from _with_packages(base)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _with_packages(module: str) -> Iterator[str]:
    """``a.b.c``, and outside of the experiments, whose packages hold no code, ``a`` and ``a.b`` too."""
    yield module
    while "." in module and module.partition(".")[0] != "experiments":
        module = module.rpartition(".")[0]
        yield module


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            value = first.value if isinstance(first, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                node.body = node.body[1:] or [ast.Pass()]
    return tree
