"""Which values are secrets, by the names that they go by, and texts without them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

INSTEAD = "***"
LEAST = 6
"""Shorter values are no secrets worth the name, and stand in too many texts."""
_SECRET = {
    *("token", "secret", "password", "passwd", "passphrase", "pwd"),
    *("credential", "credentials", "apikey", "auth"),
}
_KEYS = {"api", "access", "secret", "private", "auth", "signing", "encryption", "license", "account"}
"""What stands before ``key`` where that is no key to sort by."""
_ENDINGS = ("password", "passwd", "token", "secret", "apikey")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_IN_ADDRESS = re.compile(r"(\b[a-zA-Z][\w+.\-]*://[^\s:/@]*):[^\s/@]+@")
_OPTION = re.compile(r"-{0,2}([A-Za-z][\w.\-]*)=(.+)", re.DOTALL)


@lru_cache(1024)  # asked of every variable, for every text
def is_secret_variable(name: str) -> bool:
    """Whether a variable of the environment is named like a key, a token or a password."""
    words = _words(name)
    return "key" in words or any(word in _SECRET or word.endswith(_ENDINGS) for word in words)


def is_secret_option(name: str) -> bool:
    """Whether an option or a parameter is; a ``sort_key`` and ``max_tokens`` are none."""
    *before, last = _words(name) or [""]
    return last in _SECRET or last.endswith(_ENDINGS) or (last == "key" and bool(_KEYS & set(before)))


def secret_values(
    environment: Mapping[str, str], command: Sequence[str] = (), params: Mapping[str, object] | None = None
) -> frozenset[str]:
    """The values that are to be masked.

    Args:
        command: its words: ``--api-key VALUE``, ``--api-key=VALUE``, ``API_KEY=VALUE``.
        params: of an arm; numbers are no secrets.
    """
    variables = (value for name, value in environment.items() if is_secret_variable(name))
    given = (value for name, value in (params or {}).items() if is_secret_option(name))
    values = [*variables, *_options(command), *(value for value in given if isinstance(value, str))]
    return frozenset(value for value in values if len(value) >= LEAST)


def _options(command: Sequence[str]) -> Iterator[str]:
    for word, after in zip(command, [*command[1:], ""], strict=False):
        if match := _OPTION.fullmatch(word):
            if is_secret_option(match[1]):
                yield match[2]
        elif word.startswith("-") and is_secret_option(word) and not after.startswith(("-", "{")):
            yield after


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text with ``***`` wherever a secret stands, and in the place of a password in an address."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, INSTEAD)
    return _IN_ADDRESS.sub(rf"\1:{INSTEAD}@", text) if "://" in text else text


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]
