"""The gauges of operators, over a centre with one local pool."""

from prometheus_client import CollectorRegistry
from tests.api.callers import seed_centre

from wutong.app.gauges import OperationMetrics


def test_what_operators_watch_is_told(database):
    with database.session() as session:
        seed_centre(session)
    registry = CollectorRegistry()
    registry.register(OperationMetrics(database))
    assert registry.get_sample_value("wutong_nodes", {"pool": "local", "state": "up"}) == 1
    assert registry.get_sample_value("wutong_utilisation_ratio", {"pool": "local"}) == 0
    assert registry.get_sample_value("wutong_pflops", {"pool": "local", "use": "free"}) > 0
    assert registry.get_sample_value("wutong_accounts_differ") == 0
    assert registry.get_sample_value("wutong_runs_per_minute", {"what": "starts"}) == 0
