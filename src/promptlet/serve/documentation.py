"""The API's documentation at /docs: Swagger UI, from a package, so that it works offline.

The page loads its script from `page/`, because the Content-Security-Policy forbids scripts inside a page. The OpenAPI
needs a key where the API does; the script asks for it, unless it was entered on the main page.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from promptlet.http_security import content_security_policy
from promptlet.serve.access import HEALTH_PATHS
from promptlet.serve.errors import (
    ApiError,
    BodyTooLargeError,
    ErrorAnswer,
    InternalError,
    InvalidApiKeyError,
    RateLimitError,
    RequestTimeoutError,
    UnknownHostError,
)
from promptlet.serve.settings import Settings

# Swagger UI has styles and data: images inside its page.
_POLICY = content_security_policy(style_src="'self' 'unsafe-inline'", img_src="'self' data:", font_src="'self'")
_PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Promptlet: API</title>
<link rel="icon" href="icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
<link rel="stylesheet" href="documentation.css">
<script src="docs/assets/swagger-ui-bundle.js" defer></script>
<script src="documentation.js" type="module"></script>
<p class="back"><a href=".">Back to the page</a></p>
<div id="told" role="status" hidden><p id="told-message"></p><button type="button" id="told-again"></button></div>
<main id="docs"></main>
<dialog id="key" aria-labelledby="key-title">
  <form id="key-form" method="dialog">
    <h1 id="key-title">This server needs a key</h1>
    <p id="key-message">Whoever runs it can give you one. It is kept until you close this tab.</p>
    <label for="key-entry">API key</label>
    <input id="key-entry" type="password" aria-describedby="key-problem" autocomplete="off" autocapitalize="none"
      spellcheck="false" required>
    <p id="key-problem" role="alert" hidden></p>
    <div class="actions">
      <button type="button" id="key-cancel">Not now</button><button type="submit">Go on</button>
    </div>
  </form>
</dialog>
<noscript><p>This page needs JavaScript.</p></noscript>
"""
_ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js")
_FASTAPI_ERRORS = ("HTTPValidationError", "ValidationError")
"""Schemas of FastAPI's own errors, which no response here has."""


class DocumentedFastAPI(FastAPI):
    """An application whose OpenAPI includes what its middlewares do; `state.service` must be set."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI."""
        if self.openapi_schema is None:
            _add_middlewares(super().openapi(), self.state.service.settings)
        return super().openapi()


def add_documentation(app: FastAPI) -> list[str]:
    """Add the documentation to an application and return the paths of its files, which need no key."""

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})

    app.mount("/docs/assets", StaticFiles(packages=[("fastapi_offline", "static")]))
    return ["/docs", *(f"/docs/assets/{name}" for name in _ASSETS)]


def _add_middlewares(openapi: dict[str, Any], settings: Settings) -> None:
    """Add keys and the errors of the middlewares to what FastAPI knows of the routes."""
    components = openapi["components"]
    for name in _FASTAPI_ERRORS:
        components["schemas"].pop(name, None)
    if settings.keys:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            if settings.keys and path not in HEALTH_PATHS:
                operation["security"] = [{"key": []}]
            responses = operation["responses"]
            if _FASTAPI_ERRORS[0] in str(responses.get("422")):
                del responses["422"]
            for kind in _middleware_errors(path, method, settings):
                responses.setdefault(str(kind.status_code), _response(kind))


def _middleware_errors(path: str, method: str, settings: Settings) -> list[type[ApiError]]:
    """Return the errors that a request may get before it reaches its route, or when its route fails."""
    has_body, needs_key = method == "post", bool(settings.keys) and path not in HEALTH_PATHS
    possible = {
        InternalError: True,
        UnknownHostError: bool(settings.hosts),
        InvalidApiKeyError: needs_key,
        BodyTooLargeError: has_body,
        RequestTimeoutError: has_body,
        RateLimitError: has_body and settings.rate is not None,
    }
    return [kind for kind, is_possible in possible.items() if is_possible]


def _response(kind: type[ApiError]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{ErrorAnswer.__name__}"}
    return {"description": kind.__doc__, "content": {"application/json": {"schema": schema}}}
