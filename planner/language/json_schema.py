"""The JSON Schema of a program file, for editors."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

from planner.language.program import Program
from planner.language.types import Written


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a program file; what stands under a key in the source is its description."""
    schema = Program.model_json_schema(by_alias=True)
    classes = {cls.__name__: cls for cls in _all_kinds(Written)}
    for name, definition in [*schema["$defs"].items(), (Program.__name__, schema)]:
        definition["description"] = definition["description"].partition("\n\n")[0]  # no example for Python
        for base in classes[name].__mro__:
            for field, text in _texts(base).items():
                definition["properties"].get(field, {}).setdefault("description", text)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "phasegate program"
    return schema


def _all_kinds(base: type) -> list[type]:
    children: list[type] = base.__subclasses__()
    return [base, *(kind for child in children for kind in _all_kinds(child))]


def _texts(cls: type) -> dict[str, str]:
    """Key -> the text under it. pydantic can read these too, but does so at every import, which is slow."""
    if not issubclass(cls, Written):
        return {}
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    descriptions = {}
    for line, after in zip(body.body, body.body[1:], strict=False):
        docstring = after.value if isinstance(after, ast.Expr) else None
        if isinstance(line, ast.AnnAssign) and isinstance(docstring, ast.Constant):
            descriptions[ast.unparse(line.target).rstrip("_")] = " ".join(str(docstring.value).split())
    return descriptions
