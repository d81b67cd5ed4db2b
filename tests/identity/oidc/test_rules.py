import pytest
from hypothesis import given
from hypothesis import strategies as st

from wutong.identity.oidc.rules import AddressNotVouched, Claims, LoginTaken, Way, choose, safe_return

people = st.sampled_from([None, "per_a", "per_b"])


@given(owner=people, asker=people, by_address=people, verified=st.booleans(), email=st.sampled_from(["", "a@example.cn"]))
def test_an_address_alone_opens_no_account(owner, asker, by_address, verified, email):
    claims = Claims("sub", email, verified, "A")
    try:
        way = choose(owner=owner, asker=asker, by_address=by_address, claims=claims, label="P")
    except LoginTaken:
        assert asker is not None
        assert owner not in (None, asker)
    except AddressNotVouched:
        assert owner is None
        assert not (verified and email)
    else:
        assert (way is Way.ENTER) == (owner is not None and asker is None)
        assert (way is Way.ADD_LOGIN) == (asker is not None)
        if way is Way.NEW_PERSON:
            assert by_address is None
            assert verified


@pytest.mark.parametrize(
    "path", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "/a\\b", "/\n/evil", "/" + "a" * 600]
)
def test_one_comes_back_to_our_own_pages_only(path):
    assert safe_return(path) == "/"


def test_a_page_of_ours_is_kept():
    assert safe_return("/jobs?state=running&page=2#log") == "/jobs?state=running&page=2#log"
