"""Tokens: the form slurmrestd takes, and a key that is a secret."""

import base64
import hashlib
import hmac
import json

import pytest

from wutong.centre.engines.slurm.tenants import tokens
from wutong.kit.errors import Conflict

KEY = bytes(range(32))


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_token_says_who_and_until_when_and_is_signed():
    token = tokens.mint(KEY, "slurm", now_s=1000.9, lifetime_s=60)
    head, claims, signature = token.split(".")
    assert json.loads(decode(head)) == {"alg": "HS256", "typ": "JWT"}
    assert json.loads(decode(claims)) == {"iat": 1000, "exp": 1060, "sun": "slurm"}
    assert decode(signature) == hmac.new(KEY, f"{head}.{claims}".encode(), hashlib.sha256).digest()
    assert tokens.mint(KEY[::-1], "slurm", now_s=1000.9, lifetime_s=60).rpartition(".")[0] == token.rpartition(".")[0]


def test_the_bearer_may_name_whom_it_acts_for():
    assert tokens.headers("t") == {"X-SLURM-USER-TOKEN": "t"}
    assert tokens.headers("t", user="u") == {"X-SLURM-USER-TOKEN": "t", "X-SLURM-USER-NAME": "u"}


def test_a_key_is_read_only_while_it_is_a_secret(tmp_path):
    path = tmp_path / "jwt.key"
    path.write_bytes(KEY)
    path.chmod(0o640)
    with pytest.raises(Conflict, match="chmod 600"):
        tokens.read_key(path)
    path.chmod(0o600)
    assert tokens.read_key(path) == KEY
    path.write_bytes(b"short")
    with pytest.raises(Conflict, match="holds 5 bytes"):
        tokens.read_key(path)
