"""Replies held against the JSON Schemas that ``schema --reply`` publishes."""

from __future__ import annotations

from typing import Any

import jsonschema

from planner.io.commands.replies.published import reply_schema


def assert_fits(reply: Any, name: str) -> None:
    """Fails, and says where, if a reply is not what is published under a name."""
    schema = reply_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(reply, schema, cls=jsonschema.Draft202012Validator)
