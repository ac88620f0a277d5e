"""Turning pydantic's reports into one line that names the key, the value and what is allowed."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from promptlet.registry import unknown


def explain(error: ValidationError, model: type[BaseModel], section: str = "") -> str:
    """Return one line about the first thing that is wrong in the settings of `model`, found in `section`."""
    first = error.errors()[0]
    *path, last = first["loc"] or ("",)
    where = ".".join(str(part) for part in (section, *first["loc"]) if part != "")
    if first["type"] == "missing":  # its input is all that was given, secrets too
        return f"{where} is missing"
    if first["type"] != "extra_forbidden":
        return f"{where} is {first['input']!r}: {first['msg'].removeprefix('Value error, ')}"
    owner: Any = model
    for part in path:
        owner = owner.model_fields[part].annotation
    return unknown("key", str(last), owner.model_fields).replace(f"'{last}'", f"'{where}'", 1)
