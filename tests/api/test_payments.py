"""Payments with four eyes, by the API: what one of finance enters counts when another approves it, and not before."""

from dataclasses import replace

import pytest
from tests.api.callers import Door
from tests.api.conftest import application


@pytest.fixture
def door(centre: Door) -> Door:
    return centre.with_second_finance()


def enter(door: Door, **changes) -> dict:
    body = {"tenant_id": door.people["owner"].tenant_id, "amount_fen": 250_00, "reference": "ICBC 7", "memo": "contract 7"}
    return door.ok("operator", "POST", "/admin/payments/proposals", json={**body, **changes})


def cash(door: Door) -> int:
    return door.ok("owner", "GET", "/balance")["cash_fen"]


def test_it_counts_when_another_approves_it(door):
    before = cash(door)
    made = enter(door)
    assert (made["state"], made["payment_id"], cash(door)) == ("proposed", None, before)
    assert door.error("operator", "POST", f"/admin/payments/proposals/{made['id']}/approve")[1]["code"] == "second_person"
    done = door.ok("second", "POST", f"/admin/payments/proposals/{made['id']}/approve")
    assert (done["state"], done["decided_by"], cash(door)) == ("approved", door.people["second"].person_id, before + 250_00)
    recorded = door.ok("operator", "GET", "/admin/payments", params={"tenant_id": made["tenant_id"]})["items"]
    assert done["payment_id"] in [payment["id"] for payment in recorded]
    status, error = door.error("second", "POST", f"/admin/payments/proposals/{made['id']}/reject", json={"reason": "late"})
    assert (status, error["code"], cash(door)) == (409, "proposal_stands", before + 250_00)


def test_a_refund_goes_the_same_way(door):
    before = cash(door)
    made = enter(door, kind="refund")
    assert cash(door) == before
    door.ok("second", "POST", f"/admin/payments/proposals/{made['id']}/approve")
    assert cash(door) == before - 250_00


def test_what_is_rejected_or_withdrawn_frees_its_reference_and_moves_nothing(door):
    before = cash(door)
    first = enter(door)
    assert door.error("operator", "POST", "/admin/payments/proposals", json={**_sent(first), "amount_fen": 1})[0] == 409
    said = door.ok("second", "POST", f"/admin/payments/proposals/{first['id']}/reject", json={"reason": "not on the statement"})
    assert (said["state"], said["note"]) == ("rejected", "not on the statement")
    second = enter(door)
    assert door.error("second", "POST", f"/admin/payments/proposals/{second['id']}/withdraw")[1]["code"] == "only_proposer"
    assert door.ok("operator", "POST", f"/admin/payments/proposals/{second['id']}/withdraw")["state"] == "withdrawn"
    assert cash(door) == before
    listed = door.ok("second", "GET", "/admin/payments/proposals", params={"state": "rejected"})["items"]
    assert [each["id"] for each in listed] == [first["id"]]


def test_up_to_the_centres_limit_one_person_suffices(door, monkeypatch):
    settings = door.context.settings.model_copy(update={"one_person_yuan": 250})
    monkeypatch.setattr(application(None).state, "context", replace(door.context, settings=settings))
    assert enter(door)["state"] == "approved"
    assert enter(door, reference="ICBC 8", amount_fen=250_01)["state"] == "proposed"


def _sent(made: dict) -> dict:
    return {name: made[name] for name in ("tenant_id", "kind", "amount_fen", "reference", "memo")}
