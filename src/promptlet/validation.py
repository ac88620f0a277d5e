"""Turning pydantic's reports into one line that names the key, the value and what is allowed."""

from __future__ import annotations

import re
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from promptlet.registry import unknown

_SECRET = re.compile("key|secret|password|extra")
"""Names of settings whose value may be a secret; lists and mappings may hold one whatever their name."""


def explain(error: ValidationError, model: type[BaseModel], section: str = "") -> str:
    """Return one line about the first thing that is wrong in the settings of `model`, found in `section`."""
    first = error.errors()[0]
    *path, last = first["loc"] or ("",)
    where = ".".join(str(part) for part in (section, *first["loc"]) if part != "")
    if first["type"] == "missing":  # its input is all that was given, secrets too
        return f"{where} is missing"
    if first["type"] != "extra_forbidden":
        value, why = first["input"], first["msg"].removeprefix("Value error, ")
        if _SECRET.search(where) or not isinstance(value, str | int | float | None):
            return f"{where}: {why}".removeprefix(": ")
        return f"{where} is {value!r}: {why}" if where else why
    owner: Any = model
    for part in path:
        annotation = owner.model_fields[part].annotation
        options = (annotation, *get_args(annotation))  # of a section that may be left out, the one that is none
        owner = next(each for each in options if hasattr(each, "model_fields"))
    return unknown("key", str(last), owner.model_fields).replace(f"'{last}'", f"'{where}'", 1)
