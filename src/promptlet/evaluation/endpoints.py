"""Endpoints as the command line names them: ``URL#MODEL``, or a YAML file with all settings and a price."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from promptlet.errors import UsageError
from promptlet.io.yaml import read_yaml
from promptlet.remote import without_credentials
from promptlet.spending import Price
from promptlet.teachers.openai_compatible import OpenAICompatible, OpenAICompatibleConfig
from promptlet.validation import explain

FORMS = "URL#MODEL, as in http://127.0.0.1:8080/v1#smollm2, or a .yaml file with base_url, model and other settings"


class EndpointConfig(OpenAICompatibleConfig):
    """Settings of a teacher at an endpoint, and what it costs."""

    price: Price | None = None


def names_endpoint(text: str) -> bool:
    """Return whether a text is of the form of an endpoint."""
    return "://" in text or text.endswith((".yaml", ".yml"))


def read_endpoint(text: str) -> EndpointConfig:
    """Return the settings that a text names.

    Raises:
        UsageError: if it names none, or settings that are not allowed.
    """
    try:
        return EndpointConfig.model_validate(_settings(text))
    except ValidationError as error:
        raise UsageError(f"the endpoint {without_credentials(text)}: {explain(error, EndpointConfig)}") from error


def open_endpoint(config: EndpointConfig, answer_schema: dict[str, Any] | None = None) -> OpenAICompatible:
    """Return a client of the endpoint, ready to ask, whose answers follow the schema if there is one.

    Raises:
        TeacherError: if it can't be reached, or does not serve the model.
    """
    return OpenAICompatible.open(config.model_copy(update={"answer_schema": answer_schema}))


def _settings(text: str) -> Any:
    if "://" in text:
        url, _, model = text.rpartition("#")
        if not url or not model:
            raise UsageError(f"the endpoint '{without_credentials(text)}' names no model; an endpoint is {FORMS}")
        return {"base_url": url, "model": model}
    return read_yaml(Path(text), f"the endpoint's file {text}")
