"""What operators see through the API: comparisons with a cluster's accounts, the history of machines."""

from tests.centre.comparison.test_comparer import Keeper
from tests.centre.conftest import add_npu_pool

from wutong.centre.engines.operations import Accounted
from wutong.kit import clock


def keeper(centre):
    engine = Keeper()
    centre.context.engines.add(engine)
    return engine


def test_a_day_is_compared_on_demand_and_shown_with_what_differs(centre):
    engine = keeper(centre)
    now = round(clock.now().timestamp())
    engine.books.append(Accounted("c-9", "9", True, "u", "a", "npu", "COMPLETED", now - 600, now - 595, 4, 8))
    (made,) = centre.ok("operator", "POST", "/admin/comparisons", json={})["items"]
    assert (made["engine"], made["differences"], made["rows"][0]["kind"], made["rows"][0]["their_card_ms"]) == ("stub", 1, "missing_here", 20_000)
    assert centre.ok("operator", "GET", "/admin/comparisons")["items"] == [made]
    assert centre.ok("operator", "GET", "/audit")["items"][0]["action"] == "comparison.make"


def test_an_accounting_that_is_away_is_said_to_be(centre):
    keeper(centre).dark = True
    status, error = centre.error("operator", "POST", "/admin/comparisons", json={})
    assert (status, error["message"].partition(".")[0]) == (503, "The accounting of stub does not answer right now")


def test_a_machine_tells_its_reason_and_its_history(centre):
    with centre.context.database.session() as session:
        add_npu_pool(session)
    body = {"state": "draining", "reason": "new fans"}
    assert centre.ok("operator", "PUT", "/admin/pools/npu/nodes/n001/state", json=body)["reason"] == "new fans"
    (node,) = [each for each in centre.ok("operator", "GET", "/admin/nodes")["items"] if each["name"] == "n001"]
    assert (node["state"], node["reason"]) == ("draining", "new fans")
    (event,) = centre.ok("operator", "GET", "/admin/pools/npu/nodes/n001/history")["items"]
    assert (event["state"], event["reason"], event["by"]) == ("draining", "new fans", "operator")


def test_utilisation_is_told_by_slot(centre):
    found = centre.ok("operator", "GET", "/admin/utilisation")["items"]
    assert {(slot["key"], slot["card_ms"], slot["share"]) for slot in found} == {("local", 0, 0.0)}
    status, error = centre.error("operator", "GET", "/admin/utilisation", params={"from": "2020-01-01", "to": "2021-01-01", "group": "node"})
    assert (status, "at most 31 days" in error["message"]) == (422, True)
