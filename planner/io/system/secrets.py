"""Secrets of this process's environment, kept out of what is written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from planner.text.secrets import masked, secret_values

MOST_BYTES = 10_000_000


def hidden(text: str, command: Sequence[str] = (), params: Mapping[str, object] | None = None) -> str:
    """The text without the secrets of the environment, of a command and of an arm's parameters.

    Side effects: reads the environment.
    """
    return masked(text, secret_values(os.environ, command, params))


def hidden_param(name: str, text: str) -> str:
    """A parameter's value as it may be shown."""
    return hidden(text, params={name: text})


def hide_in_files(
    folder: Path, command: Sequence[str] = (), params: Mapping[str, object] | None = None
) -> None:
    """Masks secrets in the text files of a folder; those that are no text, or very large, stay as they are.

    Side effects: writes the files anew in which there is a secret.
    """
    secrets = secret_values(os.environ, command, params)
    for path in folder.rglob("*") if secrets else ():
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MOST_BYTES:
            continue
        content = path.read_bytes()
        if any(secret.encode() in content for secret in secrets):
            try:
                path.write_bytes(masked(content.decode("utf-8"), secrets).encode("utf-8"))
            except UnicodeDecodeError:
                continue
