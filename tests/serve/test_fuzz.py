"""Schemathesis over the OpenAPI: what it allows, what it forbids, and the edges between. No fault, no hang."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from promptlet.generation import Generator
from promptlet.serve.app import make_app
from promptlet.serve.settings import Limits, Settings
from promptlet.student.format import default_student, load_student
from tests.serve.conftest import Stepper, server_thread

SIZES: dict[str, Any] = {"limits": Limits(prompts=1, candidates=1, batch=2), "timeout": 30.0, "read_timeout": 0.5}
"""What keeps a case short."""
CONFIG = schemathesis.Config.from_dict(
    {
        "generation": {"mode": "all"},
        "phases": {"examples": {"enabled": True}, "coverage": {"enabled": True}, "fuzzing": {"enabled": True}},
        # The schema can't say all: that a text has no control characters, or that kept words leave room for others.
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "404", "422"]}},
    }
)
_APP = make_app(Generator(load_student(default_student()), Stepper()), Settings(**SIZES))
schema = schemathesis.openapi.from_dict(_APP.openapi(), config=CONFIG)
_CASES = settings(suppress_health_check=list(HealthCheck), derandomize=True, database=None)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where a student is served whose engine takes no time, so that many cases take little."""
    with server_thread(Stepper(), **SIZES) as server:
        yield server.address


@pytest.fixture(scope="module")
def shipped_address(shipped: Generator) -> Iterator[str]:
    """Where the shipped student is served."""
    with server_thread(shipped.engine, **SIZES) as server:
        yield server.address


@schema.parametrize()
@settings(_CASES, max_examples=200)
def test_the_api_does_what_its_openapi_says(case: schemathesis.Case, address: str) -> None:
    case.call_and_validate(base_url=address, timeout=60)


@pytest.mark.long
@schema.parametrize()
@settings(_CASES, max_examples=1000)
def test_the_api_does_so_a_thousand_times(case: schemathesis.Case, shipped_address: str) -> None:
    case.call_and_validate(base_url=shipped_address, timeout=60)
