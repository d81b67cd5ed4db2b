"""The collector takes what nobody uses, all of it, and never anything else, whatever happens in between."""

import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text
from tests.hub.hubkit import OWNER, STRANGER, Hub, file, sha

from wutong.hub import service
from wutong.hub.gc.collector import Collector
from wutong.hub.rules import MissingBlobs, Visibility
from wutong.kit import clock
from wutong.kit.errors import NotFound
from wutong.kit.loops import drain


def collect(hub: Hub) -> None:
    drain(hub.collector.step, most=50)


def test_an_uncommitted_upload_is_kept_a_week_then_goes(hub: Hub, fake_clock: clock.FakeClock) -> None:
    hub.upload(b"abc")
    fake_clock.advance(timedelta(days=6).total_seconds())
    collect(hub)
    assert (hub.used(), hub.blobs.exists(sha(b"abc"))) == (3, True)
    fake_clock.advance(timedelta(days=1, hours=1).total_seconds())
    collect(hub)
    assert (hub.used(), hub.blobs.exists(sha(b"abc"))) == (0, True)
    fake_clock.advance(timedelta(days=1, hours=1).total_seconds())
    collect(hub)
    assert list(hub.blobs.list()) == []


def test_a_deleted_version_gives_its_room_back_soon(hub: Hub, fake_clock: clock.FakeClock) -> None:
    kept, gone = hub.commit({"a": b"aa", "b": b"b"}), hub.commit({"a": b"aa", "c": b"cccc"})
    fake_clock.advance(7200)
    hub.run(service.delete_version, OWNER, gone.id)
    collect(hub)
    assert hub.used() == 3
    fake_clock.advance(timedelta(days=2).total_seconds())
    collect(hub)
    assert {blob.sha256 for blob in hub.blobs.list()} == {sha(b"aa"), sha(b"b")}
    assert hub.run(service.files_of, kept.id) == [file("a", b"aa"), file("b", b"b")]


def test_a_client_that_asked_what_is_missing_has_time_to_commit(hub: Hub, fake_clock: clock.FakeClock) -> None:
    version = hub.commit({"a": b"aa"})
    fake_clock.advance(timedelta(days=3).total_seconds())
    assert hub.run(service.missing_blobs, OWNER, [sha(b"aa")]) == []
    hub.run(service.delete_repo, OWNER, version.repo_id)
    fake_clock.advance(timedelta(days=3).total_seconds())
    collect(hub)
    assert hub.commit({"again": b"aa"}, upload=False).number == 1


def test_bytes_without_a_row_are_adopted_and_go(hub: Hub, fake_clock: clock.FakeClock) -> None:
    with hub.blobs.intake() as intake:
        intake.add([b"orphan"])
    collect(hub)
    assert hub.blobs.exists(sha(b"orphan"))
    fake_clock.advance(timedelta(days=1, hours=1).total_seconds())
    collect(hub)
    assert list(hub.blobs.list()) == []


def test_a_blob_recorded_again_while_marked_stays(hub: Hub, fake_clock: clock.FakeClock) -> None:
    with hub.blobs.intake() as intake:
        intake.add([b"orphan"])
    collect(hub)
    fake_clock.advance(timedelta(hours=23).total_seconds())
    hub.commit({"a": b"orphan"})
    fake_clock.advance(timedelta(days=10).total_seconds())
    collect(hub)
    assert hub.blobs.exists(sha(b"orphan"))


def test_what_something_outside_the_hub_holds_stays_though_no_organisation_owns_it(hub: Hub, fake_clock: clock.FakeClock) -> None:
    with hub.blobs.intake() as intake:
        held, marked, orphan = (intake.add([data]) for data in (b"held", b"marked", b"orphan"))
    hub.run(service.hold_blob, held, "attachment:1", blobs=hub.blobs)
    collect(hub)
    fake_clock.advance(timedelta(hours=23).total_seconds())
    hub.run(service.hold_blob, marked, "attachment:2", blobs=hub.blobs)
    hub.upload(b"held")
    fake_clock.advance(timedelta(days=20).total_seconds())
    collect(hub)
    fake_clock.advance(timedelta(days=2).total_seconds())
    collect(hub)
    assert {blob.sha256 for blob in hub.blobs.list()} == {held.sha256, marked.sha256}
    assert hub.used() == 0
    with pytest.raises(MissingBlobs):
        hub.run(service.hold_blob, orphan, "attachment:3", blobs=hub.blobs)
    with pytest.raises(MissingBlobs):
        hub.commit({"a": b"held"}, upload=False)


def test_recording_waits_for_a_sweep_and_then_sees_that_the_bytes_are_gone(hub: Hub, fake_clock: clock.FakeClock) -> None:
    with hub.blobs.intake() as intake:
        blob = intake.add([b"orphan"])
    collect(hub)
    fake_clock.advance(timedelta(days=2).total_seconds())
    inside, go = threading.Event(), threading.Event()
    delete = hub.blobs.delete

    def slow_delete(sha256: str) -> None:
        inside.set()
        go.wait(10)
        delete(sha256)

    hub.blobs.delete = slow_delete
    sweeper = threading.Thread(target=hub.collector.sweep)
    sweeper.start()
    assert inside.wait(10)
    outcome: list[object] = []

    def record() -> None:
        try:
            outcome.append(hub.run(service.record_blobs, "tenant_a", [blob], blobs=hub.blobs))
        except MissingBlobs as problem:
            outcome.append(problem)

    recorder = threading.Thread(target=record)
    recorder.start()
    recorder.join(0.3)
    assert recorder.is_alive(), "recording must wait for the sweep"
    go.set()
    recorder.join()
    sweeper.join()
    assert isinstance(outcome[0], MissingBlobs)
    assert hub.used() == 0


def test_a_version_cannot_be_pinned_and_purged_at_once(hub: Hub) -> None:
    version = hub.commit({"a": b"aa"})
    with hub.database.session() as session:
        service.pin(session, version.id, "job_1")
        deleter = threading.Thread(target=lambda: (hub.run(service.delete_repo, OWNER, version.repo_id), hub.collector.purge()))
        deleter.start()
        deleter.join(0.3)
    deleter.join()
    collect(hub)
    assert hub.run(service.files_of, version.id) == [file("a", b"aa")]


class Killed(BaseException):
    """Stands for kill -9 in the middle of something."""


DATA = [b"", b"a", b"bb", b"ccc", b"dddd"]
digests = st.sampled_from(DATA)
people = st.sampled_from([OWNER, STRANGER])


class Collecting(RuleBasedStateMachine):
    """Two tenants and a collector, killed in between, against the plain truth of which version holds what."""

    hub: Hub

    @initialize()
    def start(self) -> None:
        self.live: dict[str, tuple[object, list]] = {}
        self.gone: dict[str, list] = {}
        self.pins: dict[str, str] = {}
        self.counter = 0

    @rule(who=people, data=digests)
    def upload(self, who, data: bytes) -> None:
        self.hub.upload(data, who)

    @rule(data=digests)
    def put_and_die(self, data: bytes) -> None:
        with self.hub.blobs.intake() as intake:
            intake.add([data])

    @rule(who=people, data=digests)
    def ask_what_is_missing(self, who, data: bytes) -> None:
        self.hub.run(service.missing_blobs, who, [sha(data)])

    @rule(who=people, chosen=st.lists(digests, min_size=1, max_size=3), public=st.booleans(), upload=st.booleans())
    def commit(self, who, chosen: list[bytes], public: bool, upload: bool) -> None:
        self.counter += 1
        files = {str(at): data for at, data in enumerate(chosen)}
        try:
            version = self.hub.commit(files, who, name=f"r{self.counter}", upload=upload)
        except MissingBlobs:
            assert not upload, "what was just uploaded must be there"
            return
        if public:
            self.hub.run(service.change_repo, who, version.repo_id, licence="MIT")
            self.hub.run(service.set_visibility, who, version.repo_id, Visibility.PUBLIC)
        self.live[version.id] = (who, chosen)

    @precondition(lambda self: self.live)
    @rule(data=st.data())
    def delete(self, data) -> None:
        version_id = data.draw(st.sampled_from(sorted(self.live)))
        who, chosen = self.live.pop(version_id)
        self.hub.run(service.delete_version, who, version_id)
        self.gone[version_id] = chosen

    @precondition(lambda self: self.live or self.gone)
    @rule(data=st.data())
    def pin(self, data) -> None:
        version_id = data.draw(st.sampled_from(sorted([*self.live, *self.gone])))
        self.counter += 1
        if version_id in self.live:
            self.hub.run(service.pin, version_id, f"job_{self.counter}")
            self.pins[f"job_{self.counter}"] = version_id
            return
        with pytest.raises(NotFound):
            self.hub.run(service.pin, version_id, f"job_{self.counter}")

    @precondition(lambda self: self.pins)
    @rule(data=st.data())
    def unpin(self, data) -> None:
        holder = data.draw(st.sampled_from(sorted(self.pins)))
        del self.pins[holder]
        self.hub.run(service.unpin, holder)

    @rule(seconds=st.sampled_from([60, 7200, 90_000, 700_000]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @rule(stage=st.sampled_from(["purge", "sweep", "look_at_owners", "look_at_store", "step"]))
    def collect(self, stage: str) -> None:
        getattr(self.hub.collector, stage)()

    @rule(stage=st.sampled_from(["purge", "sweep", "look_at_owners", "look_at_store"]), after=st.integers(0, 3))
    def collect_and_die(self, stage: str, after: int) -> None:
        """The collector is killed after some of its work outside the database, or between its transactions; a new one takes over."""
        left = [after]

        def count(original):
            def call(*args):
                if left[0] == 0:
                    raise Killed
                left[0] -= 1
                return original(*args)

            return call

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.hub.blobs, "delete", count(self.hub.blobs.delete))
            patch.setattr(self.hub.collector, "_drop", count(self.hub.collector._drop))
            with suppress(Killed):
                getattr(self.hub.collector, stage)()
        self.hub.collector = Collector(self.hub.database, self.hub.blobs, self.hub.uploads)

    @invariant()
    def nothing_in_use_is_gone(self) -> None:
        if not hasattr(self, "live"):
            return
        held = [(version_id, chosen) for version_id, (_, chosen) in self.live.items()]
        held += [(version_id, self.gone[version_id]) for version_id in self.pins.values() if version_id in self.gone]
        for version_id, chosen in held:
            files = self.hub.run(service.files_of, version_id)
            assert [entry.sha256 for entry in files] == [sha(data) for data in chosen]
            for data in chosen:
                assert b"".join(self.hub.blobs.open_range(sha(data))) == data

    @invariant()
    def use_is_the_sum_of_what_is_owned(self) -> None:
        with self.hub.database.session() as session:
            wrong = text(
                "SELECT tenant_id FROM hub_storage s WHERE reserved_bytes <> 0 OR "
                "used_bytes <> (SELECT coalesce(sum(size_bytes), 0) FROM hub_blob_owner o WHERE o.tenant_id = s.tenant_id)"
            )
            assert session.scalars(wrong).all() == []

    def teardown(self) -> None:
        """In the end all that no live or pinned version holds is gone, from the store as well."""
        if not hasattr(self, "live"):
            return
        for _ in range(4):
            self.clock.advance(700_000)
            drain(self.hub.collector.step, most=100)
        held = {sha(data) for _, chosen in self.live.values() for data in chosen}
        held |= {sha(data) for version_id in self.pins.values() for data in self.gone.get(version_id, [])}
        assert {blob.sha256 for blob in self.hub.blobs.list()} == held
        with self.hub.database.session() as session:
            assert set(session.scalars(text("SELECT sha256 FROM hub_blob"))) == held
        self.nothing_in_use_is_gone()


def test_no_used_blob_ever_vanishes_and_unused_ones_do(migrated, tmp_path_factory) -> None:
    from tests.tables import empty

    class Machine(Collecting):
        def __init__(self) -> None:
            super().__init__()
            empty(migrated)
            folder = tmp_path_factory.mktemp("machine")
            blobs, uploads = service.LocalBlobs(folder / "blobs"), service.UploadFolder(folder / "uploads")
            self.hub = Hub(migrated, blobs, uploads, Collector(migrated, blobs, uploads), folder)

    fake = clock.FakeClock(clock.SystemClock().now())
    Machine.clock = fake
    with clock.use(fake):
        run_state_machine_as_test(Machine, settings=settings(settings.default, max_examples=max(settings.default.max_examples // 4, 5)))
