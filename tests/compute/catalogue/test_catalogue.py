"""Prices are versions that are only added to; packages are sold by name."""

import pytest
from tests.compute import money as world

from wutong.centre.rules import NoSuchFlavour
from wutong.compute.catalogue import service as catalogue
from wutong.compute.catalogue.rules import NoPrice, NoSuchOffer, PriceInPast, PriceTaken
from wutong.kit import clock
from wutong.kit.errors import Conflict, Forbidden, Invalid


@pytest.fixture
def centre(session, fake_clock):
    world.add_centre(session, fen_per_card_hour=600)
    return session


def test_every_flavour_gets_a_price_once(centre):
    assert [price.flavour for price in catalogue.list_prices(centre)] == ["npu.1", "npu.8"]
    assert catalogue.seed_prices(centre, 999) == 0


def test_a_price_holds_until_the_next_begins(centre):
    now = clock.now()
    catalogue.set_price(centre, world.OPERATOR, "npu.1", 700, now + world.minutes(10))
    assert catalogue.price_at(centre, "npu.1", now + world.minutes(9)).fen_per_card_hour == 600
    assert catalogue.price_at(centre, "npu.1", now + world.minutes(10)).fen_per_card_hour == 700
    with pytest.raises(NoPrice):
        catalogue.price_at(centre, "npu.1", now - world.minutes(1))


def test_a_price_never_begins_in_the_past_nor_twice_at_once(centre):
    with pytest.raises(PriceInPast):
        catalogue.set_price(centre, world.OPERATOR, "npu.1", 700, clock.now() - world.minutes(2))
    with pytest.raises(PriceTaken):
        catalogue.set_price(centre, world.OPERATOR, "npu.1", 700, clock.now())
    with pytest.raises(Invalid):
        catalogue.set_price(centre, world.OPERATOR, "npu.1", -1, clock.now() + world.minutes(1))
    with pytest.raises(NoSuchFlavour):
        catalogue.set_price(centre, world.OPERATOR, "npu.3", 1)
    with pytest.raises(Forbidden):
        catalogue.set_price(centre, world.member(), "npu.1", 1)


def test_offers_are_found_by_name_and_id_until_they_end(centre):
    offer = catalogue.offer_package(centre, world.OPERATOR, name="ten", accelerator="npu910", card_hours=10, price_fen=5_000, validity_days=30)
    assert catalogue.get_offer(centre, "ten") == catalogue.get_offer(centre, offer.id) == offer
    with pytest.raises(Conflict):
        catalogue.offer_package(centre, world.OPERATOR, name="ten", accelerator="npu910", card_hours=1, price_fen=1, validity_days=1)
    with pytest.raises(Invalid, match=r"There is no accelerator moon. Choose one of: (\w+, )*npu910"):
        catalogue.offer_package(centre, world.OPERATOR, name="moon", accelerator="moon", card_hours=1, price_fen=1, validity_days=1)
    catalogue.end_offer(centre, world.OPERATOR, "ten")
    with pytest.raises(NoSuchOffer, match="On sale are: none"):
        catalogue.get_offer(centre, "ten")
