"""Who rates what: everyone the same share, every item its reviewers, and nothing that was done is undone."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from promptlet.review.assignment import deal

NAMES = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=7, unique=True)


@given(st.integers(0, 40), st.integers(0, 5), NAMES, st.integers(1, 5), st.integers())
def test_every_item_has_its_reviewers_and_all_get_the_same_share(
    count: int, checks: int, names: list[str], per_item: int, seed: int
) -> None:
    items, known = [*range(count)], [*range(100, 100 + checks)]
    dealt = deal(items, known, {name: [] for name in names}, per_item, seed)
    raters = Counter(item for each in dealt.values() for item in each)
    assert all(raters[item] == min(per_item, len(names)) for item in items)
    for each in dealt.values():
        assert len(set(each)) == len(each)
        assert set(known) <= set(each)
    sizes = [len(each) for each in dealt.values()]
    assert max(sizes) - min(sizes) <= 1
    assert dealt == deal(items, known, {name: [] for name in names}, per_item, seed)


@given(st.integers(1, 30), NAMES, st.integers(1, 4), st.data())
def test_what_is_done_stays_with_its_reviewer_and_a_newcomer_takes_of_the_rest(
    count: int, names: list[str], per_item: int, data: st.DataObject
) -> None:
    items = [*range(count)]
    before = deal(items, [99], {name: [] for name in names}, per_item, 1)
    done = {name: each[: data.draw(st.integers(0, len(each)))] for name, each in before.items()}
    after = deal(items, [99], done | {"new": []}, per_item, 1)
    for name, rated in done.items():
        assert after[name][: len(rated)] == rated
    raters = Counter(item for each in after.values() for item in each)
    assert all(raters[item] == min(per_item, len(after)) for item in items)
    assert 99 in after["new"]


def test_reviewers_have_orders_of_their_own_with_checks_all_along() -> None:
    checks = [*range(100, 104)]
    ann, bob = deal([*range(80)], checks, {"ann": [], "bob": []}, 2, 5).values()
    assert ann != bob
    for order in (ann, bob):
        quarters = [{*order[start : start + 21]} for start in range(0, 84, 21)]
        assert all(len(quarter & {*checks}) == 1 for quarter in quarters)
