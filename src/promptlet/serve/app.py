"""The application: its routes and the middlewares around them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from promptlet import __version__
from promptlet.generation import Generator
from promptlet.serve.access import AccessMiddleware
from promptlet.serve.documentation import DocumentedFastAPI, add_documentation
from promptlet.serve.errors import add_error_handlers
from promptlet.serve.lookup import lookup_routes
from promptlet.serve.monitoring import monitoring_routes
from promptlet.serve.openai import openai_routes
from promptlet.serve.prompts import prompt_routes
from promptlet.serve.request_logging import REQUEST_ID_HEADER, RequestLoggingMiddleware
from promptlet.serve.service import Service
from promptlet.serve.settings import Settings

PAGE = Path(__file__).parent / "page"


def make_app(generator: Generator, settings: Settings | None = None) -> FastAPI:
    """Return the application that serves a student; its `state.service` is what the routes share."""
    service = Service(generator, settings or Settings())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.queue.stop()

    app = DocumentedFastAPI(
        lifespan=lifespan,
        title="Promptlet",
        version=__version__,
        description="Prompts to order: these intents, this task, exactly this many words.",
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    add_error_handlers(app)
    routers = [routes(service) for routes in (prompt_routes, openai_routes, lookup_routes, monitoring_routes)]
    for router in routers:
        app.include_router(router)
    paths = frozenset(route.path for router in routers for route in router.routes if isinstance(route, Route))
    open_paths = [
        *add_documentation(app),
        "/",
        *(f"/{file.relative_to(PAGE)}" for file in PAGE.rglob("*") if file.is_file()),
    ]
    page = StaticFiles(directory=PAGE, html=True)
    app.router.routes += [Route(path, page) for path in open_paths if not path.startswith("/docs")]
    # The one that is added last is the outermost.
    app.add_middleware(AccessMiddleware, settings=service.settings, open_paths=open_paths)
    if service.settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=service.settings.origins,
            allow_methods=["GET", "POST"],
            # Clients send headers of their own (openai-node: x-stainless-*). There are no cookies to protect.
            allow_headers=["*"],
            expose_headers=["Retry-After", REQUEST_ID_HEADER],
        )
    app.add_middleware(RequestLoggingMiddleware, metrics=service.metrics, paths=paths)
    return app
