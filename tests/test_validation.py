"""Reports of settings that are wrong, in one line."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from promptlet.validation import explain


class _Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    tone: str
    style: str


class _Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    inner: _Inner
    names: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Invalid JSON: EOF while parsing an object at line 1 column 1"),
        ("7", "keys with their values are needed, such as {key: value}"),
        ("{}", "inner is missing"),
        ('{"inner": 7}', "inner is 7: keys with their values are needed, such as {key: value}"),
        ('{"inner": {"tone": "x"}}', "inner.style is missing"),
        (
            '{"inner": {"tone": "x", "stile": "y"}}',
            "unknown key 'inner.stile'; did you mean 'style'? (known: tone, style)",
        ),
        ('{"inner": {"tone": "x", "other": "y"}}', "inner.style is missing"),
        ('{"inner": {"tone": "x", "style": "y"}, "names": "z"}', "names is 'z': a list is needed, such as [a, b]"),
    ],
)
def test_what_is_wrong_is_said_in_words(text: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _Outer.model_validate_json(text.encode())
    assert explain(caught.value, _Outer) == said
