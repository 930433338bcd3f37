"""The code that runs are made with as files in folders, to be kept with the runs and read by people."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from experiments.watched import state_of

from planner.io.system.secrets import hidden, hide_in_files
from planner.io.workers.code_digest import Code

MANIFEST = "kept.json"
"""Says the digest, what was kept (with what it held) and what was left out, and why."""
MOST_BYTES = 1_000_000
"""A file of code is no larger; what is larger is data."""
_PATIENCE = 10.0
"""Seconds that git may take."""


def write_readable(home: Path, code: Code, command: Sequence[str], folder: Path) -> None:
    """Writes code as files in folders, each under the name that it has in the home.

    What git ignores, ``.env`` and large files are left out, and secrets of the environment are masked: who
    sees the runs sees what is kept with them.

    Args:
        command: the words of a program's command; none where an experiment measures.

    Side effects: reads files, asks git, writes the folder.
    """
    folder.mkdir(parents=True)
    contents = dict(_contents(home, code))
    ignored = _ignored_by_git(home, contents)
    digests: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for name, content in sorted(contents.items()):
        why = "git ignores it" if name in ignored else _why_not(name, content)
        if content is None or why:
            left_out[name] = why
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        digests[name] = hashlib.sha256(content).hexdigest()
    hide_in_files(folder, command)
    words = [hidden(word, command) for word in command]
    manifest = {"digest": code.digest, "command": words, "files": digests, "left_out": left_out}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _contents(home: Path, code: Code) -> Iterator[tuple[str, bytes | None]]:
    """(name below the home, what it holds); None for what is too large, or not what it was any more."""
    for module, (path, content) in code.modules.items():
        yield _name_of(home, path, module), content
    for file, state in code.files.items():
        path = Path(file)
        small = state is not None and state[0] <= MOST_BYTES
        held = path.read_bytes() if small else None
        yield str(path.relative_to(home.absolute())), held if state_of(path) == state else None


def _name_of(home: Path, path: Path, module: str) -> str:
    """A module's file below the home, or below where the package of experiments is installed."""
    if path.is_relative_to(home):
        return str(path.relative_to(home))
    parts = module.split(".")
    return "/".join([*parts, path.name] if path.name == "__init__.py" else [*parts[:-1], path.name])


def _why_not(name: str, content: bytes | None) -> str:
    """Why a file is left out; empty where it is not."""
    last = name.rpartition("/")[2]
    if last == ".env" or last.startswith(".env."):
        return "it holds settings of an environment"
    if content is None:
        return f"it has more than {MOST_BYTES} bytes, or was being changed"
    return f"it has more than {MOST_BYTES} bytes" if len(content) > MOST_BYTES else ""


def _ignored_by_git(home: Path, names: Mapping[str, object] | Iterable[str]) -> frozenset[str]:
    """Those of the names below a home that git ignores; none where there is no git, or no repository.

    A home that git ignores as a whole is in none.

    Side effects: runs git.
    """
    words = ["git", "-c", "core.fsmonitor=false", "check-ignore", "-z", "--stdin"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            words,
            input="\0".join([".", *names]).encode(),
            cwd=home,
            env=environment,
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return frozenset()
    ignored = frozenset(os.fsdecode(done.stdout).split("\0")) - {""}
    return frozenset() if "." in ignored else ignored
