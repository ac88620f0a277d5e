"""Turning pydantic's reports into one line that names the key, the value and what is allowed."""

from __future__ import annotations

import difflib
import re
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from promptlet.registry import unknown

_SECRET = re.compile("key|secret|password|extra")
"""Names of settings whose value may be a secret; lists and mappings may hold one whatever their name."""
_LIST, _KEYS = "a list is needed, such as [a, b]", "keys with their values are needed, such as {key: value}"
_IN_WORDS = {"tuple_type": _LIST, "list_type": _LIST, "dict_type": _KEYS, "model_type": _KEYS}
"""What pydantic says in words of Python."""


def explain(error: ValidationError, model: type[BaseModel], section: str = "") -> str:
    """Return one line about the first thing that is wrong in the settings of `model`, found in `section`."""
    errors = error.errors()
    first = errors[0]
    if first["type"] == "missing":  # perhaps because it is misspelt
        (*section_of, name) = first["loc"]
        strange = (each for each in errors if each["type"] == "extra_forbidden" and [*each["loc"][:-1]] == section_of)
        first = next((each for each in strange if difflib.get_close_matches(str(each["loc"][-1]), [str(name)])), first)
    *path, last = first["loc"] or ("",)
    where = ".".join(str(part) for part in (section, *first["loc"]) if part != "")
    if first["type"] == "missing":  # its input is all that was given, secrets too
        return f"{where} is missing"
    if first["type"] != "extra_forbidden":
        value, why = first["input"], _IN_WORDS.get(first["type"]) or first["msg"].removeprefix("Value error, ")
        if _SECRET.search(where) or not isinstance(value, str | int | float | None):
            return f"{where}: {why}".removeprefix(": ")
        return f"{where} is {value!r}: {why}" if where else why
    owner: Any = model
    for part in path:
        annotation = owner.model_fields[part].annotation
        options = (annotation, *get_args(annotation))  # of a section that may be left out, the one that is none
        owner = next(each for each in options if hasattr(each, "model_fields"))
    return unknown("key", str(last), owner.model_fields).replace(f"'{last}'", f"'{where}'", 1)
