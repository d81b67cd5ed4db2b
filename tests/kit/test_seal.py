"""Secrets at rest."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wutong.kit.seal import SealBroken, ensure_key, seal, unseal


def test_what_is_sealed_opens_with_the_key_only(tmp_path: Path) -> None:
    key, other = ensure_key(tmp_path / "a" / "key"), ensure_key(tmp_path / "b" / "key")
    sealed = seal(key, "密码")
    assert "密码" not in sealed
    assert unseal(key, sealed) == "密码"
    with pytest.raises(SealBroken):
        unseal(other, sealed)
    with pytest.raises(SealBroken):
        unseal(key, sealed[:-4])


def test_the_key_is_private_and_made_once(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ensure_key(path), range(32)))
    first = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    ensure_key(path)
    assert path.read_bytes() == first
    assert [each.name for each in tmp_path.iterdir()] == ["key"]
