"""Reads YAML the safe way: plain data, YAML 1.2 words and numbers, a line for every key.

Built from the parser's events, so that nothing is constructed, nothing recurses, and a repeated key
is seen before it is lost. Anchors and tags are refused: a program has no use for them, and a few
lines of anchors can stand for gigabytes.
"""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import yaml

from planner.text.terminal import CONTROL

Path = tuple[str | int, ...]

MOST_DEPTH = 32
MOST_PROBLEMS = 100
MOST_VALUES = 50_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE, _FALSE = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_A_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclasses.dataclass(frozen=True)
class YamlFault:
    """One thing that is wrong with a file: where (keys and line) and what."""

    path: Path
    line: int
    what: str


@dataclasses.dataclass(frozen=True)
class Document:
    """What a file says: plain data, the line of every path of keys, and what is wrong with it.

    Attributes:
        complete: False where reading broke off; ``value`` then lacks what follows.
    """

    value: Any
    lines: dict[Path, int]
    troubles: list[YamlFault]
    complete: bool

    def line_of(self, path: Path) -> int:
        """The line of a path, or of its nearest ancestor that the file holds."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class _Refused(Exception):
    """Reading cannot go on."""


def read_yaml(data: bytes) -> Document:
    """The data of one YAML document; never raises on what the bytes say.

    Args:
        data: the file; UTF-8, with or without a byte order mark.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _broken(YamlFault((), line, "the file is not UTF-8 text"))
    hidden = CONTROL.search(text.replace("\r\n", "\n"))
    if hidden:
        line = text.replace("\r\n", "\n").count("\n", 0, hidden.start()) + 1
        what = f"control character U+{ord(hidden[0]):04X}: remove it"
        return _broken(YamlFault((), line, what))
    return _Builder().read(text)


def _broken(trouble: YamlFault) -> Document:
    return Document(None, {}, [trouble], complete=False)


@dataclasses.dataclass
class _Frame:
    """A mapping or list that is being filled."""

    holds: dict[str, Any] | list[Any]
    path: Path
    key: str | None = None
    """The key whose value comes next; None where a key comes next."""
    drop: bool = False
    """That key was refused: read its value, keep nothing."""


class _Builder:
    def __init__(self) -> None:
        self.root: Any = None
        self.documents = 0
        self.values = 0
        self.frames: list[_Frame] = []
        self.lines: dict[Path, int] = {}
        self.troubles: list[YamlFault] = []

    def read(self, text: str) -> Document:
        complete = True
        try:
            for event in yaml.parse(text, Loader=_LOADER):
                self._take(event)
        except _Refused:
            complete = False
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
            here = self.frames[-1].path if self.frames else ()
            what = getattr(error, "problem", None) or "this is no YAML"
            self.troubles.append(YamlFault(here, mark.line + 1 if mark else 1, f"cannot be read: {what}"))
            complete = False
        return Document(self.root, self.lines, self.troubles, complete)

    def _take(self, event: Any) -> None:
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self._stop(event, "a second document: a file holds one program")
        elif isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"'*{event.anchor}': aliases are not read, write the value out")
            self._fill(None, event, "")
        elif isinstance(event, yaml.NodeEvent):
            self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self.frames.pop()

    def _open(self, event: Any) -> None:
        self.values += 1
        if self.values > MOST_VALUES:
            self._stop(event, f"more than {MOST_VALUES} keys and values")
        if event.anchor:
            self._refuse(event, f"'&{event.anchor}': anchors are not read, write the value out")
        if event.tag is not None:
            self._refuse(event, f"'{event.tag}': tags are not read, leave it out")
        if isinstance(event, yaml.ScalarEvent):
            reads = not event.style and not self._wants_key()
            self._fill(self._scalar(event) if reads else event.value, event, event.value)
            return
        if self._wants_key():
            self._stop(event, "a key is one word, not a list or a mapping")
        if len(self.frames) >= MOST_DEPTH:
            self._stop(event, f"more than {MOST_DEPTH} levels deep")
        holds: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        path = self._next_path()
        self._fill(holds, event, "")
        self.frames.append(_Frame(holds, path))

    def _wants_key(self) -> bool:
        return bool(self.frames) and isinstance(self.frames[-1].holds, dict) and self.frames[-1].key is None

    def _next_path(self) -> Path:
        """The path of the value that comes next (of the mapping, where a key comes next)."""
        if not self.frames:
            return ()
        frame = self.frames[-1]
        if isinstance(frame.holds, list):
            return (*frame.path, len(frame.holds))
        return frame.path if frame.key is None else (*frame.path, frame.key)

    def _fill(self, value: Any, event: Any, text: str) -> None:
        """Puts a value, or a key, where it belongs."""
        if not self.frames:
            self.root = value
            self.lines[()] = event.start_mark.line + 1
            return
        frame = self.frames[-1]
        if isinstance(frame.holds, list):
            self.lines.setdefault(self._next_path(), event.start_mark.line + 1)
            self._check_text(value, event)
            frame.holds.append(value)
        elif frame.key is None:
            self._take_key(frame, text, event)
        else:
            self._check_text(value, event)
            if not frame.drop:
                frame.holds[frame.key] = value
            frame.key, frame.drop = None, False

    def _take_key(self, frame: _Frame, key: str, event: Any) -> None:
        plain = not getattr(event, "style", None)
        problem = None
        if plain and key == "<<":
            problem = "'<<': merge keys are not read, write the values out"
        elif plain and key in _NULL | _TRUE | _FALSE or _NOT_A_NUMBER.fullmatch(key) or not key.strip():
            problem = f"'{key}' is no name for a key: put it in quotes or choose another"
        elif CONTROL.search(key) or "\n" in key:
            problem = f"control character in the key {key!r}"
        elif key in frame.holds:
            first = self.lines[*frame.path, key]
            problem = f"the key '{key}' is here twice (first in line {first}): keep one"
        if problem:
            self._refuse(event, problem, (*frame.path, key))
        self.lines.setdefault((*frame.path, key), event.start_mark.line + 1)
        frame.key, frame.drop = key, problem is not None

    def _scalar(self, event: Any) -> Any:
        """The value of a plain word by YAML 1.2's core schema."""
        word: str = event.value
        if word in _NULL:
            return None
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        if _NOT_A_NUMBER.fullmatch(word):
            return self._refuse(event, f"'{word}' is no finite number")
        if _INT.fullmatch(word):
            base = {"0o": 8, "0x": 16}.get(word[:2], 10)
            if len(word) <= 25 and abs(number := int(word, base)) < 2**63:
                return number if base != 10 else int(word)
            return self._refuse(event, "a whole number of more than 64 bits: write it with an exponent")
        if _FLOAT.fullmatch(word):
            value = float(word)
            return value if math.isfinite(value) else self._refuse(event, f"'{word}' is too large a number")
        return word

    def _check_text(self, value: Any, event: Any) -> None:
        # Escapes in double quotes can write what the file itself may not hold.
        if isinstance(value, str) and (match := CONTROL.search(value)):
            self._refuse(event, f"control character U+{ord(match[0]):04X} in the text")

    def _refuse(self, event: Any, what: str, path: Path | None = None) -> None:
        where = self._next_path() if path is None else path
        self.troubles.append(YamlFault(where, event.start_mark.line + 1, what))
        if len(self.troubles) >= MOST_PROBLEMS:
            raise _Refused

    def _stop(self, event: Any, what: str) -> None:
        self._refuse(event, what)
        raise _Refused
