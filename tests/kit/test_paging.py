"""Pages: all items once, in order, however large the page."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wutong.kit.errors import Invalid
from wutong.kit.paging import MAX_LIMIT, Page, PageRequest, cut


@dataclass(frozen=True)
class Item:
    id: str


def fetch(everything: list[Item], request: PageRequest) -> Page[Item]:
    start = 0 if request.after is None else next(i for i, item in enumerate(everything) if item.id == request.after) + 1
    return cut(everything[start : start + request.limit + 1], request)


@given(st.integers(0, 60), st.integers(1, 20))
def test_walking_the_pages_meets_every_item_once(count: int, limit: int) -> None:
    everything = [Item(f"{number:03d}") for number in range(count)]
    met, after = [], None
    while True:
        page = fetch(everything, PageRequest(limit, after))
        assert len(page.items) <= limit
        met += page.items
        if page.next is None:
            break
        after = page.next
    assert met == everything


@pytest.mark.parametrize("limit", [0, -1, MAX_LIMIT + 1])
def test_a_page_has_a_sensible_size(limit: int) -> None:
    with pytest.raises(Invalid):
        PageRequest(limit)
