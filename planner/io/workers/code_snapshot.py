"""Keeps the code that a command's runs are made with, so that editing it meanwhile changes none of them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from experiments.frozen import INDEX
from filelock import FileLock

from planner.io.workers.code_digest import Code
from planner.paths import Home


def keep_code(home: Home, code: Code) -> Path | None:
    """The folder that holds the modules of an experiment as they were read; None where there are none.

    Workers import from it (:mod:`experiments.frozen`). It is named by the digest and written once.

    Side effects: writes below ``mlruns/work``; removes what one who was killed left half written.
    """
    if not code.modules:
        return None
    folder, lock = home.code(code.digest), home.lock(".code")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):  # what is half written while nobody else holds it was left by one who was killed
        for left in folder.parent.glob("*.part"):
            shutil.rmtree(left, ignore_errors=True)
        index = {module: str(path.resolve()) for module, (path, _) in code.modules.items()}
        if _index_in(folder) != index:  # not there yet, or of a home that was moved or copied since
            shutil.rmtree(folder, ignore_errors=True)
            _write(folder, code, index)
    return folder


def changed_files(home: Home, digest: str, code: Code) -> tuple[str, ...]:
    """The files of the code that was kept under a digest that are not in today's as they were, and new ones.

    Returns:
        Empty where no such code was kept.
    """
    index = _index_in(home.code(digest)) or {}
    then = {path: (home.code(digest) / f"{module}.py").read_bytes() for module, path in index.items()}
    now = {str(path.resolve()): content for path, content in code.modules.values()}
    changed = [Path(path) for path in {**now, **then} if then.get(path) != now.get(path)] if index else []
    return tuple(sorted(os.path.relpath(path, home.root.resolve()) for path in changed))


def _index_in(folder: Path) -> dict[str, str] | None:
    try:
        index: dict[str, str] = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return index


def _write(folder: Path, code: Code, index: dict[str, str]) -> None:
    aside = folder.with_name(f"{folder.name}.part")
    aside.mkdir(parents=True)
    for module, (_, content) in code.modules.items():
        (aside / f"{module}.py").write_bytes(content)
    (aside / INDEX).write_text(json.dumps(index, indent=1, sort_keys=True), encoding="utf-8")
    aside.rename(folder)
