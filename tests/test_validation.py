"""Reports of settings that are wrong, in one line."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from promptlet.validation import explain, reason


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


class _Many(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    whole: int = Field(0, ge=1, le=9)
    number: float = Field(0, gt=0, lt=2)
    truth: bool = False
    text: str = Field("", min_length=2, max_length=3, pattern="^[a-z]+$")
    names: list[str] = Field([], min_length=1, max_length=2)
    choice: Literal["a", "b"] = "a"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"whole": "7"}, "a whole number is needed"),
        ({"whole": 0}, "1 or more is allowed"),
        ({"whole": 10}, "9 or less is allowed"),
        ({"number": "x"}, "a number is needed"),
        ({"number": float("nan")}, "a finite number is needed"),
        ({"number": 0}, "more than 0.0 is allowed"),
        ({"number": 2}, "less than 2.0 is allowed"),
        ({"truth": 1}, "true or false is needed"),
        ({"text": 7}, "a text is needed"),
        ({"text": "a"}, "2 or more characters are needed"),
        ({"text": "abcd"}, "at most 3 characters are allowed"),
        ({"text": "AB"}, "a text of the pattern ^[a-z]+$ is needed"),
        ({"names": "x"}, "a list is needed, such as [a, b]"),
        ({"names": []}, "1 or more entries are needed"),
        ({"names": ["x"] * 3}, "at most 2 entries are allowed"),
        ({"choice": "c"}, "'a' or 'b' is allowed"),
        ({"other": 1}, "there is no such key"),
    ],
)
def test_what_is_needed_is_not_said_in_pydantic_s_words(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _Many.model_validate(wrong)
    assert reason(caught.value.errors()[0]) == said
