import pytest
from hypothesis import given
from hypothesis import strategies as st

from wutong.identity.credit_code import ALPHABET, check_character, normal_credit_code
from wutong.kit.errors import Invalid

# Codes published by their owners on their own web pages.
PUBLISHED = ["914403001922038216", "91330100716105852F", "9144030071526726XG", "91110000802100433B"]

firsts = st.builds(
    lambda kind, region, rest: kind + region + rest,
    st.text(ALPHABET, min_size=2, max_size=2),
    st.text("0123456789", min_size=6, max_size=6),
    st.text(ALPHABET, min_size=9, max_size=9),
)


@pytest.mark.parametrize("code", PUBLISHED)
def test_published_codes_are_valid(code):
    assert normal_credit_code(f" {code[:9].lower()} {code[9:]} ") == code


@given(firsts, st.integers(0, 17), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_always_found(first, place, other):
    code = first + check_character(first)
    assert normal_credit_code(code) == code
    wrong = code[:place] + other + code[place + 1 :]
    if wrong != code:
        with pytest.raises(Invalid):
            normal_credit_code(wrong)


@given(firsts, st.integers(0, 15))
def test_two_neighbours_swapped_are_always_found(first, place):
    code = first + check_character(first)
    swapped = code[:place] + code[place + 1] + code[place] + code[place + 2 :]
    if swapped != code:
        with pytest.raises(Invalid):
            normal_credit_code(swapped)


@pytest.mark.parametrize("text", ["", "9144", "91440300192203821I", "9" * 18, "九144030019220382１6", "\x00" * 18])
def test_nonsense_is_refused_with_a_reason(text):
    with pytest.raises(Invalid) as refused:
        normal_credit_code(text)
    assert refused.value.params["field"] == "credit_code"
