"""What finance does at the console: prices, packages, payments with four eyes, the books."""

import re
from datetime import timedelta

from tests.web.console import HOSTILE, cash, staffed

from wutong.kit import clock

__all__ = ["staffed"]


def test_a_price_begins_when_said_and_the_old_one_stays_to_be_read(portal):
    browser = portal.browser("operator")
    browser.get("/console/prices")
    past = (clock.now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:00")
    later = (clock.now() + timedelta(days=3)).strftime("%Y-%m-%dT%H:00")
    page = browser.send("/console/prices", {"flavour": "cpu.1", "price": "7.5", "valid_from": past}, status=422).text
    assert 'value="7.5"' in page
    browser.send("/console/prices", {"flavour": "cpu.1", "price": "seven"}, status=422)
    browser.send("/console/prices", {"flavour": "cpu.1", "price": "7.5", "valid_from": later})
    page = browser.get("/console/prices").text
    assert "¥7.50" in page
    assert "¥6.00" in page


def test_packages_and_reservation_terms(portal):
    browser = portal.browser("operator")
    browser.get("/console/prices")
    offer = {"name": HOSTILE[:40], "accelerator": "cpu-slot", "card_hours": "1,000", "price": "4800", "validity_days": "90"}
    browser.send("/console/offers", {**offer, "card_hours": "many"}, status=422)
    browser.send("/console/offers", offer)
    assert "¥4,800.00" in browser.get("/console/prices").text
    browser.send("/console/offers/end", {"name": HOSTILE[:40]})
    assert "No package is on sale." in browser.get("/console/prices").text
    browser.send("/console/reservation-terms", {"pool": "local", "day_price": "120", "share": "150"}, status=422)
    browser.send("/console/reservation-terms", {"pool": "local", "day_price": "120", "share": "50"})
    assert "¥120.00" in browser.get("/console/prices").text


def test_money_is_shown_to_those_who_keep_the_books(staffed):
    path = f"/console/tenants/{staffed.people['owner'].tenant_id}"
    assert "¥10,000,000.00" in staffed.browser("finance").get(path).text
    assert "¥" not in staffed.browser("plain").get(path).text


def proposal_in(page: str, verb: str) -> str:
    return re.search(rf'action="/console/payments/([^/"]+)/{verb}"', page).group(1)


def test_a_payment_counts_when_a_second_person_approves(staffed):
    before, tenant = cash(staffed), staffed.people["owner"].tenant_id
    first, second = staffed.browser("finance"), staffed.browser("operator")
    form = {"tenant_id": tenant, "kind": "top_up", "amount": "1,200.50", "reference": "ICBC 77", "memo": HOSTILE}
    first.get("/console/payments")
    assert "Each bank transfer" in first.send("/console/payments", {**form, "reference": " "}, status=422).text
    first.send("/console/payments", {**form, "amount": "much"}, status=422)
    first.send("/console/payments", form)
    assert cash(staffed) == before
    own = first.get("/console/payments").text
    proposal = proposal_in(own, "withdraw")
    assert "/approve" not in own
    first.send(f"/console/payments/{proposal}/approve", status=403)
    page = second.get("/console/payments?state=proposed").text
    assert proposal_in(page, "approve") == proposal
    assert "<script>alert" not in page
    second.send(f"/console/payments/{proposal}/approve")
    assert cash(staffed) == before + 120_050
    second.send(f"/console/payments/{proposal}/reject", {"reason": "late"}, status=409)
    assert "ICBC 77" in second.get("/console/payments/recorded").text


def test_a_payment_is_rejected_with_a_reason_or_withdrawn(staffed):
    first, second = staffed.browser("finance"), staffed.browser("operator")
    form = {"tenant_id": staffed.people["owner"].tenant_id, "kind": "refund", "amount": "5", "reference": "R 1"}
    first.send("/console/payments", form, on="/console/payments")
    proposal = proposal_in(second.get("/console/payments").text, "reject")
    second.send(f"/console/payments/{proposal}/reject", {"reason": ""}, status=422)
    second.send(f"/console/payments/{proposal}/reject", {"reason": "no such transfer"})
    assert "no such transfer" in first.get("/console/payments?search=R+1").text
    first.send("/console/payments", form, on="/console/payments")
    first.send(f"/console/payments/{proposal_in(first.get('/console/payments?state=proposed').text, 'withdraw')}/withdraw")
    assert "No payments here" in first.get("/console/payments?state=approved").text


def test_small_payments_need_one_person_where_the_setting_says_so(staffed):
    object.__setattr__(staffed.context, "settings", staffed.context.settings.model_copy(update={"one_person_yuan": 100}))
    before, browser = cash(staffed), staffed.browser("finance")
    form = {"tenant_id": staffed.people["owner"].tenant_id, "kind": "top_up", "amount": "100", "reference": "S 1"}
    browser.send("/console/payments", form, on="/console/payments")
    assert cash(staffed) == before + 10_000


def test_the_books_are_checked(portal):
    browser = portal.browser("operator")
    assert "were not read yet" in browser.get("/console/books").text
    browser.send("/console/books/check")
    assert "Every fen is accounted for" in browser.get("/console/books/check").text
    assert "¥20,000,000.00" in browser.get("/console/books").text
