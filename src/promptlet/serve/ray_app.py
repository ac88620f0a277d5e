"""The same application on Ray Serve, for when one machine is not enough: replicas on all machines of a Ray cluster.

serve run promptlet.serve.ray_app:build student=/models/mine replicas=4 threads=2

Each replica has a student and a queue of its own; Ray's proxies spread requests over them. API keys come from the
environment of whoever runs this command.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from promptlet.serve.keys import VARIABLE, Keys
from promptlet.serve.settings import Settings, usual_running

if TYPE_CHECKING:
    from fastapi import FastAPI


class Arguments(BaseModel):
    """Arguments of the application, which `serve run` takes after its name."""

    model_config = ConfigDict(extra="forbid")
    student: Path | None = None
    """A folder that every machine has; None is the shipped student."""
    engine: str = "llamacpp"
    replicas: int = Field(default=1, ge=1)
    threads: int = Field(default=1, ge=1)
    """Cores of each replica."""
    queue: int = Field(default=64, ge=0)
    """Requests that may wait at each replica."""
    rate: str | None = None
    """Requests that write, per key at each replica, as in ``120/minute``."""
    no_keys: bool = False
    """Whether everyone who reaches Ray's proxies may use it."""


def build(arguments: Arguments) -> Any:
    """Return the Ray Serve application.

    Raises:
        UsageError: if there are no keys and `no_keys` is not set, or for a rate that is none.
    """
    from ray import serve

    from promptlet.errors import UsageError
    from promptlet.serve.access import check_rate

    keys = Keys.read(None, os.environ.get(VARIABLE, ""))
    if not keys and not arguments.no_keys:
        raise UsageError(f"API keys are needed in {VARIABLE}, or no_keys=true")
    if arguments.rate is not None:
        check_rate(arguments.rate)
    running = usual_running(arguments.engine, arguments.threads)
    settings = Settings(running=running, waiting=arguments.queue, keys=keys, rate=arguments.rate)

    def replica() -> FastAPI:
        """Load the student where the replica runs."""
        from promptlet.generation import Generator
        from promptlet.serve.app import make_app

        return make_app(Generator.load(arguments.student, arguments.engine, arguments.threads), settings)

    deployment = serve.deployment(
        serve.ingress(replica)(),
        name="promptlet",
        num_replicas=arguments.replicas,
        ray_actor_options={"num_cpus": arguments.threads},
        # More than the replica has room for, so that it refuses requests itself, at once and with a Retry-After.
        max_ongoing_requests=running + arguments.queue + 64,
    )
    return deployment.bind()
