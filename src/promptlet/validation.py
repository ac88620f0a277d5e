"""Turning pydantic's reports into one line that names the key, the value and what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from promptlet.registry import unknown

_SECRET = re.compile("key|secret|password|extra")
"""Names of settings whose value may be a secret; lists and mappings may hold one whatever their name."""
_LONGEST_SHOWN = 60
"""Characters of a wrong value that an error tells."""
_LIST, _KEYS = "a list is needed, such as [a, b]", "keys with their values are needed, such as {{key: value}}"
_WHOLE, _NUMBER, _TRUTH = "a whole number is needed", "a number is needed", "true or false is needed"
_REASONS: Mapping[str, str] = {
    **dict.fromkeys(("tuple_type", "list_type", "set_type", "frozen_set_type", "iterable_type"), _LIST),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), _KEYS),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing"), _NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), _TRUTH),
    **dict.fromkeys(("string_type", "string_sub_type"), "a text is needed"),
    "string_unicode": "a text of Unicode characters is needed",
    "finite_number": "a finite number is needed",
    "path_type": "a path is needed",
    "none_required": "null is needed",
    "missing": "it is missing",
    "extra_forbidden": "there is no such key",
    "literal_error": "{expected} is allowed",
    "enum": "{expected} is allowed",
    "greater_than_equal": "{ge} or more is allowed",
    "greater_than": "more than {gt} is allowed",
    "less_than_equal": "{le} or less is allowed",
    "less_than": "less than {lt} is allowed",
    "string_too_long": "at most {max_length} characters are allowed",
    "string_too_short": "{min_length} or more characters are needed",
    "too_long": "at most {max_length} entries are allowed",
    "too_short": "{min_length} or more entries are needed",
    "string_pattern_mismatch": "a text of the pattern {pattern} is needed",
}
"""By pydantic's type of an error, what it is in words that are not Python's; the names are those of its context."""


def reason(details: Mapping[str, Any]) -> str:
    """Return what is needed or allowed instead of a wrong value; `details` are pydantic's of one error."""
    if found := _REASONS.get(details["type"]):
        return found.format_map(details.get("ctx", {}))
    return str(details["msg"]).removeprefix("Value error, ").removeprefix("Input should be ")


def shown(value: object, write: Callable[[Any], str] = repr) -> str:
    """Return the beginning of a wrong value, as an error tells it."""
    try:
        return write(value)[:_LONGEST_SHOWN]
    except (TypeError, ValueError, RecursionError):  # a number of thousands of digits, a list in lists
        return "what can't be shown"


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
        value, why = first["input"], reason(first)
        if _SECRET.search(where) or not isinstance(value, str | int | float | None):
            return f"{where}: {why}".removeprefix(": ")
        return f"{where} is {value!r}: {why}" if where else why
    owner: Any = model
    for part in path:
        annotation = owner.model_fields[part].annotation
        options = (annotation, *get_args(annotation))  # of a section that may be left out, the one that is none
        owner = next(each for each in options if hasattr(each, "model_fields"))
    return unknown("key", str(last), owner.model_fields).replace(f"'{last}'", f"'{where}'", 1)
