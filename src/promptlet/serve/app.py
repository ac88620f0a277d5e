"""The application: routes, and around them what all requests go through."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from fastapi.staticfiles import StaticFiles

from promptlet import __version__
from promptlet.generation import Generator
from promptlet.serve.errors import handle_errors
from promptlet.serve.lookup import lookup_routes
from promptlet.serve.prompts import prompt_routes
from promptlet.serve.service import Service
from promptlet.serve.settings import Settings


def make_app(generator: Generator, settings: Settings | None = None) -> FastAPI:
    """Return the application that serves a student; its `state.service` is what the routes share."""
    service = Service(generator, settings or Settings())
    app = FastAPI(title="Promptlet", version=__version__, docs_url=None, redoc_url=None)
    app.state.service = service
    handle_errors(app)
    app.include_router(prompt_routes(service))
    app.include_router(lookup_routes(service))

    @app.get("/healthz", response_class=PlainTextResponse, tags=["operation"])
    async def healthz() -> str:
        """Say that the server is alive."""
        return "ok\n"

    app.mount("/", StaticFiles(packages=[("promptlet.serve", "page")], html=True))
    return app
