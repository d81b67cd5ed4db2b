"""Buying: the catalogue and what a job would cost, packages, reserved days, topping up, orders."""

import re
from datetime import timedelta

import pytest
from tests.web.conftest import Portal, statements

from wutong.compute.catalogue import service as catalogue
from wutong.compute.orders import service as orders
from wutong.compute.orders.rules import today
from wutong.identity import service as identity
from wutong.kit import clock
from wutong.ledger import service as ledger

PAGES = ("/buy", "/buy/estimate", "/buy/packages", "/buy/reservations", "/buy/orders", "/buy/top-up", "/buy/top-up/slip")
NASTY = '<script>alert(1)</script>"><img src=x> \u202egnp 武汉'


def offer(portal: Portal, name: str = "1000 hours") -> str:
    with portal.context.database.session() as session:
        operator = identity.authenticate(session, portal.people["operator"].secret)
        made = catalogue.offer_package(session, operator, name=name, accelerator="cpu-slot", card_hours=1000, price_fen=480_000, validity_days=90)
        return made.id


def terms(portal: Portal) -> None:
    with portal.context.database.session() as session:
        operator = identity.authenticate(session, portal.people["operator"].secret)
        orders.set_reservation_terms(session, operator, pool="local", fen_per_card_day=12_000, share_permille=500)


def key_in(page: str) -> str:
    return re.search(r'name="key" value="([^"]+)"', page).group(1)


def cash(portal: Portal) -> int:
    with portal.context.database.session() as session:
        return ledger.balance(session, portal.people["owner"].tenant_id).cash_fen


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_page_opens_in_both_languages_with_few_statements(portal, language):
    offer(portal)
    terms(portal)
    browser = portal.browser("viewer", language)
    for path in PAGES:
        with statements(portal) as seen:
            browser.get(path)
        assert len(seen) <= 12, (path, len(seen), seen)


def test_the_menu_entry_opens_for_members_only(portal):
    portal.browser().get("/buy", status=303)
    portal.browser("operator").get("/buy", status=403)
    portal.browser("stranger").get("/buy")


def test_the_catalogue_shows_prices_and_room(portal):
    page = portal.browser("owner").get("/buy").text
    assert "¥6.00" in page
    assert "4 of 4" in page
    assert "¥10,000,000.00" in page


def test_an_estimate_is_worked_out_as_one_types(portal):
    browser = portal.browser("owner")
    browser.headers = {"HX-Request": "true"}
    page = browser.get("/buy/estimate?flavour=cpu.1&nodes=1&hours=2").text
    assert "<html" not in page
    assert "¥12.00" in page
    assert "Your balance allows this job to start." in page


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("flavour=cpu.1&nodes=x&hours=1", "whole number"),
        ("flavour=cpu.1&nodes=1&hours=-1", "more than no time"),
        ("flavour=none&nodes=1&hours=1", "none"),
    ],
)
def test_an_estimate_that_cannot_be_made_says_why(portal, query, sentence):
    page = portal.browser("owner").get(f"/buy/estimate?{query}").text
    assert 'role="alert"' in page
    assert sentence in page


def test_an_estimate_says_what_would_be_refused(portal):
    page = portal.browser("owner").get("/buy/estimate?flavour=cpu.1&nodes=500&hours=1").text
    assert "note-bad" in page


def test_a_package_is_bought_once_however_often_it_is_sent(portal):
    offered, before = offer(portal), cash(portal)
    browser = portal.browser("owner")
    key = key_in(browser.get("/buy/packages").text)
    first = browser.send("/buy/packages", {"offer": offered, "key": key}).headers["location"]
    assert browser.send("/buy/packages", {"offer": offered, "key": key}).headers["location"] == first
    assert before - cash(portal) == 480_000
    assert "1000 hours" in browser.get(first).text
    assert "1,000" in browser.get("/buy/packages").text
    assert "1000 hours" in browser.get("/buy/orders").text


def test_a_package_that_one_cannot_pay_for_is_refused_with_a_sentence(portal):
    offered = offer(portal)
    with portal.context.database.session() as session:
        tenant_id, free = portal.people["owner"].tenant_id, cash(portal)
        ledger.refund(session, tenant_id=tenant_id, amount_fen=free, key="test:all", reference="all of it")
    browser = portal.browser("owner")
    key = key_in(browser.get("/buy/packages").text)
    assert 'role="alert"' in browser.send("/buy/packages", {"offer": offered, "key": key}, status=402).text


def test_members_without_the_purse_may_look_and_not_buy(portal):
    offered = offer(portal)
    browser = portal.browser("colleague")
    assert 'action="/buy/packages"' not in browser.get("/buy/packages").text
    browser.send("/buy/packages", {"offer": offered, "key": "k"}, status=403)


def test_days_are_chosen_priced_reserved_and_cancelled(portal):
    terms(portal)
    before = cash(portal)
    first = today(clock.now()) + timedelta(days=3)
    last = first + timedelta(days=1)
    browser = portal.browser("owner")
    page = browser.get(f"/buy/reservations?pool=local&cards=2&first_day={first}&last_day={last}").text
    assert "¥480.00" in page
    assert "2 free" in page
    form = {"pool": "local", "cards": "2", "first_day": first, "last_day": last, "key": key_in(page)}
    order = browser.send("/buy/reservations", form).headers["location"]
    assert before - cash(portal) == 48_000
    assert 'class="day full"' in browser.get(f"/buy/reservations?month={first:%Y-%m}").text.replace("  ", " ") or first.month != last.month
    browser.get(order)
    browser.send(f"{order}/cancel")
    assert cash(portal) == before
    assert browser.send(f"{order}/cancel", status=409)


def test_a_full_day_is_refused_and_what_was_chosen_stays(portal):
    terms(portal)
    day = today(clock.now()) + timedelta(days=3)
    browser = portal.browser("owner")
    page = browser.get(f"/buy/reservations?pool=local&cards=3&first_day={day}").text
    answer = browser.send(
        "/buy/reservations", {"pool": "local", "cards": "3", "first_day": day, "last_day": day, "key": key_in(page)}, status=409
    ).text
    assert "can still be reserved" in answer
    assert f'value="{day}"' in answer


@pytest.mark.parametrize("query", ["first_day=nonsense", "cards=0&first_day=2099-01-01", "month=2026-13", "first_day=2099-02-01&last_day=2099-01-01"])
def test_nonsense_in_the_address_is_answered_kindly(portal, query):
    terms(portal)
    answer = portal.browser("owner").http.get(f"/buy/reservations?{query}")
    assert answer.status_code in (200, 422)


def test_the_slip_names_the_reference(portal):
    browser = portal.browser("owner")
    assert portal.people["owner"].tenant_id in browser.get("/buy/top-up/slip?amount=1,000").text
    assert 'role="alert"' in browser.get("/buy/top-up/slip?amount=much", status=422).text
    assert "first of owner" in browser.get("/buy/top-up").text


def test_others_orders_are_not_there(portal):
    offered = offer(portal)
    browser = portal.browser("owner")
    key = key_in(browser.get("/buy/packages").text)
    order = browser.send("/buy/packages", {"offer": offered, "key": key}).headers["location"]
    stranger = portal.browser("stranger")
    stranger.get(order, status=404)
    stranger.get("/buy")
    stranger.send(f"{order}/cancel", status=404)


def test_names_stay_text(portal):
    offer(portal, NASTY)
    page = portal.browser("owner").get("/buy/packages").text
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_without_offers_or_orders_the_next_step_is_told(portal):
    browser = portal.browser("owner")
    assert "No packages are on sale" in browser.get("/buy/packages").text
    assert "No pool can be reserved" in browser.get("/buy/reservations").text
    assert "Nothing was ordered yet" in browser.get("/buy/orders").text


def test_orders_come_in_pages(portal):
    offered = offer(portal)
    browser = portal.browser("owner")
    browser.get("/buy/packages")
    for number in range(3):
        browser.send("/buy/packages", {"offer": offered, "key": f"key{number}"})
    page = browser.get("/buy/orders?limit=2").text
    older = re.search(r'rel="next" href="([^"]+)"', page).group(1).replace("&amp;", "&")
    assert browser.get(older).text.count('href="/buy/orders/ord_') == 1
