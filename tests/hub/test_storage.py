"""Quota and metering of storage: every byte-second is counted once."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hub.hubkit import OPERATOR, OWNER, Hub

from wutong.hub import service
from wutong.hub.rules import QuotaExceeded
from wutong.hub.storage.meter import StorageMeter
from wutong.hub.storage.rules import human, windows
from wutong.hub.storage.service import change_used
from wutong.kit import clock
from wutong.kit.errors import Forbidden, Invalid
from wutong.kit.loops import drain


def test_a_quota_is_set_by_the_operator_alone(hub: Hub) -> None:
    with pytest.raises(Forbidden):
        hub.run(service.set_quota, OWNER, "tenant_a", 1 << 50)
    with pytest.raises(Invalid):
        hub.run(service.set_quota, OPERATOR, "tenant_a", -1)
    assert hub.run(service.set_quota, OPERATOR, "tenant_a", 5).quota_bytes == 5
    with pytest.raises(QuotaExceeded, match=r"6 B of storage.*of 5 B"):
        hub.upload(b"123456")
    assert hub.run(service.storage, "tenant_b").quota_bytes == 100 * 1024**3


def test_the_same_bytes_count_once_for_a_tenant(hub: Hub) -> None:
    hub.commit({"a": b"12345", "b": b"12345"})
    hub.commit({"c": b"12345"}, name="other")
    assert hub.used() == 5


def test_closed_hours_go_to_the_journal_once(hub: Hub, fake_clock: clock.FakeClock) -> None:
    meter = StorageMeter(hub.database)
    fake_clock.advance(1800)
    hub.upload(b"x" * 10)
    assert not meter.step()
    fake_clock.advance(2 * 3600)
    hub.upload(b"y" * 5)
    fake_clock.advance(3600)
    assert drain(meter.step) > 0
    assert not meter.step()
    rows = hub.run(service.storage_usage_after, 0, 10)
    assert [row.byte_seconds for row in rows] == [10 * 1800, 10 * 3600, 10 * 1800 + 15 * 1800]
    assert [row.window_start.hour for row in rows] == [8, 9, 10]
    assert hub.run(service.storage_usage_after, rows[0].seq, 1) == [rows[1]]


@given(st.lists(st.tuples(st.sampled_from(["tenant_a", "tenant_b"]), st.integers(-50, 100), st.integers(0, 9000), st.booleans()), max_size=15))
def test_metered_byte_seconds_are_the_integral_of_use(migrated, changes: list) -> None:
    from tests.tables import empty

    empty(migrated)
    meter = StorageMeter(migrated, batch=2)
    used, total = {"tenant_a": 0, "tenant_b": 0}, {"tenant_a": 0, "tenant_b": 0}
    with clock.use(clock.FakeClock()) as fake:
        for tenant, delta, wait, metered in changes:
            change = max(delta, -used[tenant])
            with migrated.session() as session:
                change_used(session, tenant, change)
            used[tenant] += change
            fake.advance(wait)
            for name, amount in used.items():
                total[name] += amount * wait
            if metered:
                drain(meter.step)
        rest = (fake.now() + timedelta(hours=1)).replace(minute=0, second=0) - fake.now()
        fake.advance(rest.total_seconds())
        for name, amount in used.items():
            total[name] += amount * int(rest.total_seconds())
        drain(meter.step)
        with migrated.session() as session:
            rows = service.storage_usage_after(session, 0, 10_000)
    assert {name: sum(row.byte_seconds for row in rows if row.tenant_id == name) for name in total} == total
    assert len({(row.tenant_id, row.window_start) for row in rows}) == len(rows)


def test_spans_are_cut_at_the_hour() -> None:
    start = clock.FakeClock().now() + timedelta(minutes=59)
    assert [seconds for _, seconds in windows(start, start + timedelta(hours=1, minutes=2))] == [60, 3600, 60]
    assert list(windows(start, start)) == []


def test_sizes_read_well() -> None:
    assert [human(0), human(1023), human(1536), human(100 * 1024**3), human(1 << 60)] == ["0 B", "1023 B", "1.5 KiB", "100.0 GiB", "1024.0 PiB"]
