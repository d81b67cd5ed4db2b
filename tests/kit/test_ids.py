"""Ids sort by birth, do not collide, and are recognised."""

import pytest

from wutong.kit.ids import is_id, new_id


def test_ids_of_one_moment_differ_and_are_recognised() -> None:
    made = [new_id("job") for _ in range(5000)]
    assert len(set(made)) == len(made)
    assert all(is_id(each, "job") for each in made)


def test_ids_sort_by_birth(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for millisecond in (1, 5, 1_790_000_000_000, 1_790_000_000_001, 2**48 - 1):
        monkeypatch.setattr("time.time_ns", lambda at=millisecond: at * 1_000_000)
        made.append(new_id("job"))
    assert made == sorted(made)


@pytest.mark.parametrize(
    "text", ["", "job_", "job_123", "run_0123456789abcdefghjk", "job_0123456789abcdefghjK", "job_0123456789abcdefghji", "job_../../../../etc/pass"]
)
def test_what_is_no_id(text: str) -> None:
    assert not is_id(text, "job")
