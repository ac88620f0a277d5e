"""The page in a real browser: by keyboard, with a reload in the middle, several tabs and people, on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.review.conftest import Review

TOTAL = 10
"""Eight prompts and two checks."""


@contextmanager
def opened(browser: Browser, **settings: object) -> Iterator[BrowserContext]:
    context = browser.new_context(**settings)  # type: ignore[arg-type]
    context.set_default_timeout(20_000)
    yield context
    context.close()


def enter(context: BrowserContext, address: str, code: str) -> Page:
    page = context.new_page()
    page.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
    page.goto(address + code)
    page.locator("#item:visible, #login:visible").wait_for()
    return page


def place(page: Page, number: int) -> None:
    expect(page.get_by_role("heading", name=f"Prompt {number} of {TOTAL}")).to_be_visible()


def saved(review: Review, reviewer: str) -> list[tuple[int | None, int | None, str]]:
    """Return what the store holds, in the reviewer's order."""
    return [(rating.relevance, rating.correctness, rating.comment) for _, _, rating in review.store.assigned(reviewer)]


def settled(page: Page) -> None:
    expect(page.get_by_role("status")).to_have_text("Saved")


def test_a_review_is_done_by_keyboard_alone(browser: Browser, address: str, review: Review) -> None:
    with opened(browser) as context:
        page = enter(context, address, review.codes["Ann"])
        for number in range(1, TOTAL + 1):
            place(page, number)
            page.keyboard.press("3")
            page.keyboard.press("2")
            expect(page.get_by_text(f"{number} of {TOTAL} rated")).to_be_visible()
            page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="All done")).to_be_focused()
    assert saved(review, "Ann") == [(3, 2, "")] * TOTAL
    assert saved(review, "Bob") == [(None, None, "")] * TOTAL


def test_going_back_amends_and_comments_are_kept(browser: Browser, address: str, review: Review) -> None:
    with opened(browser) as context:
        page = enter(context, address, review.codes["Ann"])
        for key in ("1", "1", "n"):
            page.keyboard.press(key)
        place(page, 2)
        page.keyboard.press("b")
        place(page, 1)
        expect(page.get_by_role("radio", name="Not correct")).to_be_checked()
        for key in ("c", "3", "m"):
            page.keyboard.press(key)
        # In a comment digits and letters are text.
        page.keyboard.type("never 2 moons")
        page.keyboard.press("Escape")
        page.keyboard.press("n")
        place(page, 2)
        settled(page)
    assert saved(review, "Ann")[0] == (1, 3, "never 2 moons")


def test_a_reload_in_the_middle_keeps_the_place_and_every_answer(
    browser: Browser, address: str, review: Review
) -> None:
    with opened(browser) as context:
        page = enter(context, address, review.codes["Ann"])
        for key in ("3", "3", "n", "2", "2", "n", "1", "b"):
            page.keyboard.press(key)
        place(page, 2)
        page.reload()
        place(page, 2)
        expect(page.get_by_role("radio", name="Somewhat relevant")).to_be_checked()
        page.keyboard.press("n")
        expect(page.get_by_role("radio", name="Not relevant")).to_be_checked()
        # Someone who opens the link again goes on with the first prompt that is left.
        again = enter(context, address, review.codes["Ann"])
        place(again, 3)
    assert saved(review, "Ann")[:3] == [(3, 3, ""), (2, 2, ""), (1, None, "")]


def test_two_reviewers_in_one_browser_keep_apart(browser: Browser, address: str, review: Review) -> None:
    with opened(browser) as context:
        pages = {name: enter(context, address, code) for name, code in review.codes.items()}
        for _ in range(3):
            for name, page in pages.items():
                page.keyboard.press("3" if name == "Ann" else "1")
                page.keyboard.press("2")
                page.keyboard.press("Enter")
        for page in pages.values():
            place(page, 4)
            settled(page)
    assert saved(review, "Ann")[:4] == [(3, 2, "")] * 3 + [(None, None, "")]
    assert saved(review, "Bob")[:4] == [(1, 2, "")] * 3 + [(None, None, "")]


def test_two_tabs_of_one_reviewer_do_not_undo_each_other(browser: Browser, address: str, review: Review) -> None:
    with opened(browser) as context:
        first, second = (enter(context, address, review.codes["Ann"]) for _ in range(2))
        place(first, 1)
        place(second, 1)
        first.get_by_label("Very relevant").dblclick()
        settled(first)
        # The second tab does not know of that answer when it gives the other one.
        second.get_by_label("Somewhat correct").check()
        settled(second)
        expect(second.get_by_role("radio", name="Very relevant")).to_be_checked()
    assert saved(review, "Ann")[0] == (3, 2, "")
    assert len(review.store.ratings()) == 1


def test_a_phone_shows_everything_without_scrolling_sideways(browser: Browser, address: str, review: Review) -> None:
    with opened(browser, viewport={"width": 320, "height": 640}, has_touch=True, is_mobile=True) as context:
        page = enter(context, address, review.codes["Bob"])
        place(page, 1)
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        for answer in ("Very relevant", "Not correct"):
            label = page.locator("label", has_text=answer)
            box = label.bounding_box()
            assert box is not None
            assert box["height"] >= 44, "too small for a thumb"
            label.tap()
        page.get_by_role("button", name="Next").tap()
        place(page, 2)
        settled(page)
    assert saved(review, "Bob")[0] == (3, 1, "")


def test_a_wrong_code_is_told_and_a_right_one_may_be_entered(browser: Browser, address: str, review: Review) -> None:
    with opened(browser) as context:
        page = enter(context, address, "wrong")
        expect(page.get_by_role("alert")).to_contain_text("access code is not")
        page.get_by_label("Access code").fill("falsch ä")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("access code is not")
        page.get_by_label("Access code").fill(address + review.codes["Ann"])
        page.keyboard.press("Enter")
        place(page, 1)
        expect(page.get_by_role("alert")).to_be_hidden()


def test_an_answer_that_could_not_be_sent_is_sent_later(browser: Browser, address: str, review: Review) -> None:
    with opened(browser) as context:
        page = enter(context, address, review.codes["Ann"])
        place(page, 1)
        context.set_offline(True)
        page.keyboard.press("3")
        expect(page.get_by_role("alert")).to_contain_text("Not saved yet")
        context.set_offline(False)
        settled(page)
        expect(page.get_by_role("alert")).to_be_hidden()
    assert saved(review, "Ann")[0] == (3, None, "")


def test_a_prompt_that_was_taken_out_is_told(browser: Browser, address: str, review: Review) -> None:
    with opened(browser) as context:
        page = enter(context, address, review.codes["Ann"])
        place(page, 1)
        review.store.remove(review.store.assigned("Ann")[0][0])
        page.keyboard.press("3")
        expect(page.get_by_role("alert")).to_contain_text("no longer")
        expect(page.get_by_role("heading", name=f"Prompt 1 of {TOTAL - 1}")).to_be_visible()
    assert not review.store.ratings()
