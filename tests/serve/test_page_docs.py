"""The API's documentation in a real browser, on a server that has keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.serve.browsing import KEY, visit
from tests.serve.conftest import server_process


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server that has a key."""
    folder: Path = tmp_path_factory.mktemp("closed")
    keys = folder / "keys"
    keys.write_text(KEY)
    with server_process(folder / "log", "--keys", keys) as running:
        yield running.address


def test_the_docs_ask_for_the_key_and_try_operations_with_it(browser: Browser, closed: str) -> None:
    with visit(browser, f"{closed}docs") as page:
        dialog = page.get_by_role("dialog", name="This server needs a key")
        key = dialog.get_by_label("API key")
        expect(key).to_be_focused()
        expect(page.get_by_text("/v1/prompts")).to_have_count(0)
        key.fill("a-key-of-someone-else")
        key.press("Enter")
        expect(dialog.get_by_role("alert")).to_have_text("This API key is not valid.")
        key.fill(KEY)
        key.press("Enter")
        expect(dialog).to_have_count(0)
        expect(page.get_by_role("button", name="Authorize")).to_be_visible()
        operation = page.locator("#operations-choices-tasks_v1_tasks_get")
        operation.get_by_role("button").first.click()
        operation.get_by_role("button", name="Try it out").click()
        with page.expect_response("**/v1/tasks") as answer:
            operation.get_by_role("button", name="Execute").click()
        assert answer.value.status == 200
        page.goto(closed)  # the main page has it too
        expect(page.get_by_role("form", name="Your order")).to_be_visible()


def test_without_a_key_the_docs_tell_nothing_and_offer_to_ask_again(browser: Browser, closed: str) -> None:
    with visit(browser, f"{closed}docs") as page:
        page.get_by_role("button", name="Not now").click()
        expect(page.get_by_text("This server asks for a key before it tells what it can do.")).to_be_visible()
        page.get_by_role("button", name="Enter a key").click()
        expect(page.get_by_label("API key")).to_be_focused()


def test_an_open_server_s_docs_ask_for_nothing(browser: Browser, address: str) -> None:
    with visit(browser, f"{address}docs") as page:
        expect(page.get_by_text("/v1/reading")).to_be_visible()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_role("button", name="Authorize")).to_have_count(0)
