from wutong.identity.passwords import hash_password, verify_password


def test_only_the_password_fits_and_the_hash_does_not_show_it():
    made = hash_password("correct horse")
    assert made.startswith("$argon2id$")
    assert "horse" not in made
    assert verify_password("correct horse", made)
    assert not verify_password("correct horsf", made)
    assert not verify_password("anything", None)
    assert not verify_password("anything", "not a hash")
