"""Fen to text and back, and division that loses nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wutong.kit.errors import Invalid
from wutong.kit.money import MAX_FEN, format_fen, parse_yuan, share


@given(st.integers(0, MAX_FEN))
def test_what_is_written_can_be_read(amount_fen: int) -> None:
    assert parse_yuan(format_fen(amount_fen)) == amount_fen


@given(st.integers(1, MAX_FEN))
def test_a_negative_amount_is_written_and_not_read(amount_fen: int) -> None:
    assert format_fen(-amount_fen) == "-" + format_fen(amount_fen)
    with pytest.raises(Invalid):
        parse_yuan(format_fen(-amount_fen))


@pytest.mark.parametrize(("text", "fen"), [("12", 1200), ("12.5", 1250), (" ¥1,234.50 ", 123450), ("0", 0), ("1e2", 10000), ("0.010", 1)])
def test_ways_to_write_yuan(text: str, fen: int) -> None:
    assert parse_yuan(text) == fen


@pytest.mark.parametrize("text", ["", "abc", "-1", "0.001", "NaN", "Infinity", "-0.01", "1e20", "1.2.3", "1e-1000000", "9" * 5000])
def test_what_is_no_amount(text: str) -> None:
    with pytest.raises(Invalid):
        parse_yuan(text)


@given(st.integers(0, MAX_FEN), st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any))
def test_parts_add_up_and_are_fair(total: int, weights: list[int]) -> None:
    parts = share(total, weights)
    whole = sum(weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert total * weight // whole <= part <= total * weight // whole + 1
        assert weight or not part


def test_nothing_cannot_be_shared_by_no_weight() -> None:
    with pytest.raises(ValueError, match="weights"):
        share(10, [0, 0])
