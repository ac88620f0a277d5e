"""Routes for whoever operates the server: liveness, readiness, metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from promptlet.serve.errors import OverloadedError, error_responses
from promptlet.serve.service import Service


def monitoring_routes(service: Service) -> APIRouter:
    """Return the routes for liveness, readiness and metrics."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(asyncio.to_thread(service.warm_up))  # /healthz answers meanwhile
        yield
        warming.cancel()

    router = APIRouter(tags=["operation"], lifespan=lifespan)

    @router.head("/healthz", response_class=PlainTextResponse, include_in_schema=False)
    @router.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> str:
        """Say that the server is alive."""
        return "ok\n"

    @router.head("/readyz", response_class=PlainTextResponse, include_in_schema=False)
    @router.get("/readyz", response_class=PlainTextResponse, responses=error_responses(OverloadedError))
    async def readyz() -> str:
        """Say whether the server takes one more request, and could begin with it at once."""
        if not service.warm:
            raise OverloadedError("the server has only just begun", retry_after=1)
        if service.queue.full:
            raise OverloadedError("the server takes no requests now", retry_after=1)
        return "ready\n"

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Say what was measured, as Prometheus reads it."""
        return Response(service.metrics.render(), media_type=CONTENT_TYPE_LATEST)

    return router
