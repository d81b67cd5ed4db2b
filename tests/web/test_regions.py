"""The map of provinces: every division once, each on a tile of its own, small counts untold."""

import pytest
from sqlalchemy import text

from wutong.identity.credit_code import check_character
from wutong.kit import clock
from wutong.web import regions


def test_every_division_has_one_tile():
    assert len(regions.REGIONS) == 34
    for name in ("code", "letters", "zh", "en"):
        assert len({getattr(region, name) for region in regions.REGIONS}) == 34, name
    assert len({(region.x, region.y) for region in regions.REGIONS}) == 34
    assert [region.code for region in regions.REGIONS] == sorted(region.code for region in regions.REGIONS)
    assert (regions.WIDE, regions.TALL) == (8, 9)


def test_neighbours_stand_as_they_do_on_a_map():
    at = {region.letters: (region.x, region.y) for region in regions.REGIONS}
    for west, east in (("XJ", "HL"), ("SC", "HB"), ("SN", "HA"), ("HB", "ZJ"), ("FJ", "TW")):
        assert at[west][0] < at[east][0], (west, east)
    for north, south in (("HL", "LN"), ("BJ", "HE"), ("HA", "HB"), ("HB", "HN"), ("HN", "GD"), ("GD", "MO"), ("GX", "HI")):
        assert at[north][1] < at[south][1], (north, south)


@pytest.mark.parametrize(("count", "told"), [(0, ""), (1, "<3"), (2, "<3"), (3, "3"), (1200, "1,200")])
def test_a_small_count_is_not_told(count, told):
    assert regions.shown(count) == told


def test_shades_grow_with_the_count():
    found = {tile.region.code: tile.shade for tile in regions.tiles({"42": 118, "44": 10, "11": 9, "50": 2})}
    assert (found["42"], found["44"], found["11"], found["50"], found["31"]) == (4, 3, 2, 1, 0)
    assert regions.elsewhere({"10": 5, "42": 8}) == "5"
    assert regions.elsewhere({"42": 8}) == ""


def test_the_wall_tells_provinces_by_their_number_of_organisations(portal):
    with portal.context.database.session() as session:
        for number in range(4):
            for state in ("active", "suspended") if number == 0 else ("active",):
                first = f"91620100MA{number:06d}{'A' if state == 'active' else 'B'}"
                row = {"id": f"ten_{number}{state}", "code": first + check_character(first), "state": state, "now": clock.now()}
                new = "INSERT INTO identity_tenant (id, name, credit_code, kind, state, state_reason, created_at)"
                session.execute(text(f"{new} VALUES (:id, 'secret name', :code, 'enterprise', :state, '', :now)"), row)
    page = portal.browser("operator").get("/wall/part").text
    assert "Gansu: 4" in page
    assert "secret name" not in page
    assert "甘肃: 4" in portal.browser("operator", "zh").get("/wall/part").text
