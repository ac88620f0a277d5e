"""What the tests of the page do in a browser: visit it, read its prompts, answer instead of the server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

PATIENCE = 60_000
"""Milliseconds for what the model writes; the machine may be busy."""
PROMPTS = "**/v1/prompts"
LAKE = "#task=t2i&intent=Topic:+mountain+lake&intent=Mood:+serene&words=12&n=2&seed=7"
"""The fragment of a link to an order."""
KEY = "a-key-of-the-right-form"
TEXT = "a lake"
PROMPT = {"prompt": TEXT, "words": 2, "intents": [], "coverage": {}, "spans": [], "seed": 1}
"""What a server answers with that does not ask the model."""
UNENDING = """
const real = fetch;
let orders = 0;
window.fetch = (path, options) => {
  if (path !== "v1/prompts") return real(path, options);
  const begin = (stream) => {
    if (!orders++) stream.enqueue(new TextEncoder().encode(FIRST));
    options.signal.addEventListener("abort", () => stream.error(options.signal.reason));
  };
  return Promise.resolve(new Response(new ReadableStream({ start: begin })));
};
"""
"""Orders that don't end: of the first one a prompt comes, of others nothing."""


@contextmanager
def visit(browser: Browser, address: str, **settings: Any) -> Iterator[Page]:
    """Open the page in a browser of its own; what its scripts or its policy refuse fails the test."""
    context: BrowserContext = browser.new_context(**settings)
    context.set_default_timeout(PATIENCE)
    page, wrong = context.new_page(), list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if "Security Policy" in message.text else None)
    page.goto(address)
    yield page
    context.close()
    assert not wrong


def cards(page: Page) -> Locator:
    return page.locator("#cards > li:not(.place)")


def texts(page: Page) -> list[str]:
    return cards(page).locator(".text").all_inner_texts()


def written(page: Page, count: int) -> list[str]:
    """Wait until the page has so many prompts and writes no more; return them."""
    expect(cards(page)).to_have_count(count, timeout=PATIENCE)
    expect(page.get_by_role("button", name=re.compile(r"^Write \d"))).to_be_visible(timeout=PATIENCE)
    return texts(page)


def events(*pairs: tuple[str, Any]) -> str:
    return "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in pairs)


def trouble(message: str, param: str | None = None, code: str = "invalid_value") -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def answer(route: Route) -> None:
    """Answer an order at once, without the model."""
    done = {"found": 1, "asked": 1, "seed": 1}
    route.fulfill(content_type="text/event-stream", body=events(("message", PROMPT), ("done", done)))


def guard(route: Route) -> None:
    """Answer as a server that has a key."""
    if route.request.headers.get("authorization") == f"Bearer {KEY}":
        return route.continue_()
    return route.fulfill(status=401, json=trouble("this API key is not valid", code="invalid_api_key"))


def paste(field: Locator, text: str) -> None:
    """Bring a text into a field in one piece."""
    field.focus()
    field.page.keyboard.insert_text(text)


def asked(page: Page, act: Any) -> dict[str, Any]:
    """Return what the page asks the server for when something is done."""
    with page.expect_request(PROMPTS) as request:
        act()
    return dict(request.value.post_data_json)
