"""The API's documentation at /docs: Swagger UI, from a package, so that it works offline.

Its page is a file of ours, for a policy that allows no script inside a page. The OpenAPI itself needs a key where the
API does; the page sends the one that was entered on the main page.
"""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from promptlet.serve.watch import PAGE_POLICY

_POLICY = PAGE_POLICY.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
_PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Promptlet: API</title>
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
<div id="docs"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
"""
_SCRIPT = """"use strict";
const key = JSON.parse(sessionStorage.getItem("promptlet.key"));
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  requestInterceptor: (request) => {
    if (key) request.headers.Authorization ??= `Bearer ${key}`;
    return request;
  },
});
"""
_ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js")


def document(app: FastAPI) -> list[str]:
    """Add the documentation to an application and return the paths of its files, which everyone may read."""

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})

    @app.get("/docs/start.js", include_in_schema=False)
    async def start() -> Response:
        return Response(_SCRIPT, media_type="text/javascript")

    app.mount("/docs/assets", StaticFiles(packages=[("fastapi_offline", "static")]))
    return ["/docs", "/docs/start.js", *(f"/docs/assets/{name}" for name in _ASSETS)]
