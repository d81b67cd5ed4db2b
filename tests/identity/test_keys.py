import pytest
from hypothesis import given
from hypothesis import strategies as st

from wutong.identity import keys


@pytest.mark.parametrize("prefix", [keys.SESSION, keys.TOKEN, keys.INVITATION])
def test_a_fresh_secret_is_whole_and_its_own(prefix):
    made = {keys.new_secret(prefix) for _ in range(50)}
    assert len(made) == 50
    assert all(keys.is_whole(secret) and secret.startswith(prefix) for secret in made)


@given(st.integers(0, 41), st.sampled_from("0aZ-_ é"))
def test_a_mistyped_secret_is_not_whole(place, other):
    secret = keys.new_secret(keys.TOKEN)
    wrong = secret[:place] + other + secret[place + 1 :]
    assert keys.is_whole(wrong) == (wrong == secret)


@given(st.text(max_size=60))
def test_any_text_can_be_asked(text):
    assert not keys.is_whole(text)
