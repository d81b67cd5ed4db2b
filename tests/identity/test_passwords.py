import re

from wutong.identity import passwords
from wutong.identity.passwords import hash_password, verify_password


def test_only_the_password_fits_and_the_hash_does_not_show_it():
    made = hash_password("correct horse")
    assert made.startswith("$argon2id$")
    assert "horse" not in made
    assert verify_password("correct horse", made)
    assert not verify_password("correct horsf", made)
    assert not verify_password("anything", None)
    assert not verify_password("anything", "not a hash")


def test_a_guess_is_dear_whether_or_not_there_is_such_a_person():
    """Each takes 64 MiB and three passes, and what is checked where nobody was found costs the same."""
    price = re.compile(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$")
    made, unknown = (price.match(text).groups() for text in (hash_password("x"), passwords._DUMMY))
    assert made == unknown == ("65536", "3", "4")
