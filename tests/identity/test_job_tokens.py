from datetime import timedelta

import pytest

from wutong.identity.service import authenticate_job_token, issue_job_token
from wutong.kit.errors import Unauthenticated
from wutong.kit.seal import ensure_key


def test_a_job_token_says_what_was_signed_until_its_time(tmp_path, fake_clock):
    key = ensure_key(tmp_path / "key")
    token = issue_job_token(key, "wutong-job_1-1", "ten_1", "per_1", fake_clock.now() + timedelta(hours=1))
    claims = authenticate_job_token(key, token)
    assert (claims.run_name, claims.tenant_id, claims.person_id) == ("wutong-job_1-1", "ten_1", "per_1")
    fake_clock.advance(3600)
    with pytest.raises(Unauthenticated):
        authenticate_job_token(key, token)


def test_nobody_else_can_make_or_change_one(tmp_path, fake_clock):
    key, other = ensure_key(tmp_path / "key"), ensure_key(tmp_path / "other")
    until = fake_clock.now() + timedelta(hours=1)
    token = issue_job_token(key, "wutong-job_1-1", "ten_1", "per_1", until)
    forged = issue_job_token(other, "wutong-job_1-1", "ten_1", "per_1", until)
    body, signature = token.split(".")
    tampered = [forged, f"{body[:-2]}AA.{signature}", f"{body}.{signature[:-2]}AA", body, "wtj_", "", "wtj_.", "wtj_é.é", token.removeprefix("wtj_")]
    for text in tampered:
        with pytest.raises(Unauthenticated):
            authenticate_job_token(key, text)
