"""The length on the page: a number or a range, by the field or the slider, in links and in the history."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.serve.browsing import LAKE, PROMPTS, answer, asked, cards, visit, written

RANGED = LAKE.replace("words=12", "words=10-20")


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Length")


def slider(page: Page) -> Locator:
    return page.get_by_role("slider", name="Length")


def test_a_range_is_entered_by_keyboard_and_kept_in_the_link_and_the_history(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.get_by_role("combobox", name="Your ideas").fill("fox")
        expect(field(page)).to_have_accessible_description("words or a range: 10-20")
        field(page).fill("15")
        expect(slider(page)).to_have_attribute("aria-valuetext", "15 words")
        field(page).fill("10 to 14")
        body = asked(page, lambda: page.keyboard.press("Enter"))
        assert body["words"] == "10-14"
        assert all(10 <= len(text.split()) <= 14 for text in written(page, 4))
        expect(field(page)).to_have_value("10-14")
        expect(slider(page)).to_have_attribute("aria-valuetext", "10 to 14 words")
        expect(page.locator("#order")).to_contain_text("10\u201314 words")
        link = page.url
        assert parse_qs(urlsplit(link).fragment)["words"] == ["10-14"]
        field(page).fill("30")
        page.get_by_role("button", name="History").click()
        page.get_by_role("button", name=re.compile("fox.*10\u201314 words")).click()
        expect(field(page)).to_have_value("10-14")
    with visit(browser, address) as page:
        page.route(PROMPTS, answer)
        expect(field(page)).to_be_visible()
        assert asked(page, lambda: page.goto(link))["words"] == "10-14"
        expect(field(page)).to_have_value("10-14")


def test_the_slider_moves_a_range_as_a_whole_and_not_beyond_its_end(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        field(page).fill("28-38")
        slider(page).focus()
        page.keyboard.press("ArrowLeft")
        expect(field(page)).to_have_value("27-37")
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        expect(field(page)).to_have_value("30-40")
        expect(slider(page)).to_have_attribute("aria-valuetext", "30 to 40 words")
        field(page).fill("30-30")
        page.keyboard.press("Tab")
        expect(field(page)).to_have_value("30")
        page.keyboard.press("Home")
        expect(field(page)).to_have_value("5")


@pytest.mark.parametrize(
    ("entered", "wrong"),
    [
        ("", "A length is a number of words, or a range such as 10-20."),
        ("many", "A length is a number of words, or a range such as 10-20."),
        ("10-", "A length is a number of words, or a range such as 10-20."),
        ("20-10", "This range runs backwards; did you mean 10-20?"),
        ("4", "This model writes 5 to 40 words."),
        ("30-99999", "This model writes 5 to 40 words."),
    ],
)
def test_what_is_no_length_is_refused_at_its_field(browser: Browser, address: str, entered: str, wrong: str) -> None:
    with visit(browser, address) as page:
        page.route(PROMPTS, lambda _: pytest.fail("there is no such length"))
        page.get_by_role("combobox", name="Your ideas").fill("fox,")
        field(page).fill(entered)
        page.keyboard.press("Tab")
        expect(page.locator("#words-error")).to_have_text(wrong)
        expect(page.get_by_role("status").filter(has_text=wrong)).to_have_count(1)
        page.get_by_role("button", name="Write 4 prompts").click()
        expect(field(page)).to_be_focused()
        expect(field(page)).to_have_attribute("aria-invalid", "true")
        expect(field(page)).to_have_accessible_description(re.compile(re.escape(wrong)))
        page.unroute(PROMPTS)
        page.route(PROMPTS, answer)
        field(page).fill("12\u201314")
        expect(page.locator("#words-error")).to_be_hidden()
        expect(field(page)).not_to_have_attribute("aria-invalid", "true")
        assert asked(page, lambda: page.keyboard.press("Control+Enter"))["words"] == "12-14"


def test_a_link_to_a_range_beyond_the_models_shows_and_tells_what_is_sent(browser: Browser, address: str) -> None:
    with visit(browser, address) as page:
        page.route(PROMPTS, answer)
        expect(field(page)).to_be_visible()
        beyond = LAKE.replace("words=12", "words=30-99999").replace("n=2", "n=0")
        assert asked(page, lambda: page.goto(address + beyond))["words"] == "30-40"
        expect(field(page)).to_have_value("30-40")
        expect(page.locator("#order")).to_contain_text("30\u201340 words instead of 30-99999, 1 prompt instead of 0.")


def test_what_is_made_of_a_prompt_of_a_range_goes_by_its_own_length(browser: Browser, address: str) -> None:
    with visit(browser, address + RANGED) as page:
        count = len(written(page, 2)[0].split())
        more = asked(page, cards(page).first.get_by_role("button", name="More like this").click)
        written(page, 5)
    assert more["words"] == count


def test_a_row_of_facts_that_breaks_leaves_no_dot_behind(browser: Browser, address: str) -> None:
    where = """spans => spans.map(span => {
        const range = document.createRange();
        range.selectNodeContents(span);
        const { left, right, top, bottom } = range.getBoundingClientRect();
        const before = document.elementFromPoint(left - 7, (top + bottom) / 2);
        return { left, right, top, dotted: span.parentElement.contains(before) };
    })"""
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
    with visit(browser, address + RANGED.replace("seed=7", "seed=4294967295"), **phone) as page:
        written(page, 2)
        facts = page.locator("#order .facts").first
        assert "·" not in facts.inner_text(), "a dot of the text would stay at the end of a line"
        task, length, seed = facts.locator("span").evaluate_all(where)
        assert (task["dotted"], length["dotted"], seed["dotted"]) == (False, True, False)
        assert abs(task["top"] - length["top"]) < 4
        assert seed["top"] > length["top"] + 4, "the row is too short to break"
        left = page.locator("#order .chip").first.evaluate("chip => chip.getBoundingClientRect().left")
        assert abs(task["left"] - left) < 1
        assert abs(seed["left"] - left) < 1
