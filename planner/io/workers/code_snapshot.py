"""Keeps the code that a command's runs are made with, so that editing it meanwhile changes none of them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from experiments.frozen import INDEX
from filelock import FileLock

from planner.io.workers.code_digest import Code
from planner.io.workers.readable_code import write_readable
from planner.paths import Home


def keep_code(home: Home, code: Code, command: Sequence[str] = ()) -> Path | None:
    """The folder that holds the modules of an experiment as they were read; None where there are none.

    Workers import from it (:mod:`experiments.frozen`). It is named by the digest and written once; what of it
    is kept with the runs lies in a folder of its own in it (:mod:`planner.io.workers.readable_code`).

    Args:
        command: the words of a program's command; none where an experiment measures.

    Side effects: writes below ``mlruns/work``; removes what one who was killed left half written.
    """
    folder, lock = home.code(code.digest), home.lock(".code")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock):  # what is half written while nobody else holds it was left by one who was killed
        for left in folder.parent.glob("*.part"):
            shutil.rmtree(left, ignore_errors=True)
        index = {module: str(path.resolve()) for module, (path, _) in code.modules.items()}
        there = _index_in(folder) == index and home.readable_code(code.digest).is_dir()
        if not there:  # or of a home that was moved or copied since, or of an earlier version
            shutil.rmtree(folder, ignore_errors=True)
            _write(home, folder, code, index, command)
    return folder if code.modules else None


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


def _write(home: Home, folder: Path, code: Code, index: dict[str, str], command: Sequence[str]) -> None:
    aside = folder.with_name(f"{folder.name}.part")
    aside.mkdir(parents=True)
    for module, (_, content) in code.modules.items():
        (aside / f"{module}.py").write_bytes(content)
    (aside / INDEX).write_text(json.dumps(index, indent=1, sort_keys=True), encoding="utf-8")
    write_readable(home.root, code, command, aside / home.readable_code(code.digest).name)
    aside.rename(folder)
