"""How long charges take after the end of a run, as the gauges tell it."""

from tests.compute import money as world

from wutong.centre.engines.protocol import EndReason
from wutong.compute.billing import service as billing
from wutong.kit import clock


def test_the_lag_is_from_the_end_to_the_last_charge(centre, settle, fake_clock):
    with centre.session() as session:
        run = world.start(session)
        world.use(session, run, clock.now(), 60_000, final=True)
        assert billing.charge_lag(session) == {}
        billing.attempt_ended(session, run, reason=EndReason.COMPLETED, our_fault=False)
    fake_clock.advance(4)
    settle()
    with centre.session() as session:
        assert billing.charge_lag(session) == {"median": 4.0, "worst": 4.0}
    fake_clock.advance(600)
    with centre.session() as session:
        assert billing.charge_lag(session) == {}
