"""What operators do with pools, machines, flavours and maintenance, and ask of other machines."""

import re
from datetime import timedelta

from tests.web.console import submitted, trail

from wutong.kit import clock


def test_a_pool_is_closed_and_opened_with_a_reason(portal):
    browser = portal.browser("operator")
    browser.get("/console/nodes")
    refused = browser.send("/console/pools/local/state", {"state": "closed", "reason": ""}, status=422).text
    assert "Say why" in refused
    browser.send("/console/pools/local/state", {"state": "nonsense", "reason": "x"}, status=422)
    browser.send("/console/pools/local/state", {"state": "draining", "reason": "new racks"})
    assert "state-draining" in browser.get("/console/nodes").text
    assert "pool.state" in trail(portal)


def test_a_machine_is_taken_down_and_back_and_keeps_its_history(portal):
    browser = portal.browser("operator")
    path = "/console/nodes/local/local"
    browser.get(path)
    browser.send(f"{path}/state", {"state": "down", "reason": "fan broken"})
    page = browser.get(path).text
    assert page.count("fan broken") >= 2
    refused = browser.send(f"{path}/state", {"state": "draining", "reason": "keep what I typed"}, status=409).text
    assert 'value="keep what I typed"' in refused
    browser.send(f"{path}/state", {"state": "up", "reason": "fan new"})
    assert "fan new" in browser.get(path).text
    browser.get("/console/nodes/local/none", status=404)


def test_a_flavour_is_taken_back_and_offered_again(portal):
    browser = portal.browser("operator")
    browser.get("/console/flavours")
    browser.send("/console/flavours/cpu.1", {"enabled": "no"})
    assert 'name="enabled" value="yes"' in browser.get("/console/flavours").text
    browser.send("/console/flavours/none", {"enabled": "no"}, status=404)


def test_maintenance_is_announced_in_the_readers_zone_and_cancelled(portal):
    submitted(portal)
    browser = portal.browser("operator")
    browser.get("/console/maintenance")
    begins = (clock.now() + timedelta(days=1)).strftime("%Y-%m-%dT%H:00")
    ends = (clock.now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:00")
    form = {"pool": "local", "begins_at": begins, "ends_at": "", "reason": "kernel"}
    page = browser.send("/console/maintenance", form, status=422).text
    assert 'value="kernel"' in page
    assert "whole number" not in page
    browser.send("/console/maintenance", {**form, "ends_at": "tomorrow"}, status=422)
    browser.send("/console/maintenance", {**form, "ends_at": ends})
    page = browser.get("/console/maintenance").text
    assert "House of owner" in page
    assert begins.replace("T", " ") in page
    window = re.search(r'action="/console/maintenance/([^/"]+)/cancel"', page).group(1)
    browser.send(f"/console/maintenance/{window}/cancel")
    assert "state-cancelled" in browser.get("/console/maintenance").text


def test_what_if_needs_a_past_and_a_sensible_number(portal):
    browser = portal.browser("operator")
    browser.get("/console/whatif")
    assert 'value="many"' in browser.send("/console/whatif", {"pool": "local", "more_nodes": "many", "days": "7"}, status=422).text
    browser.send("/console/whatif", {"pool": "local", "more_nodes": "0", "days": "7"}, status=422)
    browser.send("/console/whatif", {"pool": "local", "more_nodes": "1", "days": "8"}, status=422)
    page = browser.send("/console/whatif", {"pool": "local", "more_nodes": "1", "days": "7"}, status=422).text
    assert "No job of local that ran was recorded" in page
