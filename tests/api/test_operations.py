"""What operators see through the API: comparisons with a cluster's accounts, the history of machines."""

from datetime import timedelta

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


def test_maintenance_is_announced_told_in_estimates_and_cancelled(centre):
    begins_at = clock.now() + timedelta(hours=2)
    body = {"pool": "local", "begins_at": begins_at.isoformat(), "ends_at": (begins_at + timedelta(hours=3)).isoformat(), "reason": "new fans"}
    made = centre.ok("operator", "POST", "/admin/maintenance", json=body)
    (told,) = centre.ok("viewer", "GET", "/maintenance")["items"]
    assert (told["id"], told["state"], told["whole_pool"], "by" in told) == (made["id"], "announced", True, False)
    job = {"name": "j", "command": "true", "flavour": "cpu.1", "time_limit_s": 3 * 3600}
    (notice,) = centre.ok("owner", "POST", "/estimate", json=job)["notices"]
    assert "With a time limit of 3 h this job can start only after it; with less than 1 h 59 min it may run before." in notice
    assert centre.ok("owner", "POST", "/estimate", json={**job, "time_limit_s": 3600})["notices"] == []
    centre.ok("operator", "DELETE", f"/admin/maintenance/{made['id']}")
    assert centre.ok("viewer", "GET", "/maintenance")["items"] == []
    assert centre.ok("operator", "GET", "/admin/maintenance")["items"][0]["state"] == "cancelled"
    assert centre.error("operator", "DELETE", f"/admin/maintenance/{made['id']}")[1]["code"] == "maintenance_over"
    assert centre.error("operator", "POST", "/admin/maintenance", json={**body, "ends_at": body["begins_at"]})[0] == 422
    assert centre.error("operator", "POST", "/admin/maintenance", json={**body, "nodes": ["nobody"]})[1]["code"] == "no_such_node"
