"""Buying ahead at the keyboard: reservation terms, reserving days, cancelling; and warnings, storage, open uploads."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.flows.stage import Person, Tenant

from wutong.cli.show import Stop
from wutong.cli.storage import size_bytes
from wutong.sdk.client import Client


@pytest.fixture
def owner(newcomer: Person, tenant: Tenant) -> Person:
    """The tenant's owner at a keyboard, signed in by token."""
    newcomer.quick("login", "--token", tenant.account.token)
    return newcomer


def test_days_are_reserved_and_given_back(owner: Person, finance: Person):
    pool = finance.ask("admin", "pools")["pools"][0]["name"]
    days = [(datetime.now(UTC) + timedelta(days=n)).date().isoformat() for n in (3, 4)]
    wanted = ("order", "reserve", pool, "--cards", "1", "--from", days[0], "--to", days[1])
    finance.quick("admin", "terms", pool, "12.50", "--share", "100")
    assert {"pool": pool, "fen_per_card_day": 1250, "share_permille": 1000} in owner.ask("order", "terms")
    assert "¥12.50" in owner.quick("order", "terms").out
    asked = owner.quick(*wanted, status=1).err.replace("\n", " ")
    assert f"Reserve 1 card of {pool} from {days[0]} to {days[1]}, 2 days, for ¥25.00? Add --yes to go on." in asked
    assert owner.ask("order", "ls") == []
    booked = owner.quick(*wanted, "--yes", "--json").json
    assert (booked["state"], booked["amount_fen"]) == ("booked", 2500)
    assert owner.ask("balance")["cash_fen"] == 1_000_000 - 2500
    assert "Add --yes" in owner.quick("order", "cancel", booked["id"], status=1).err
    assert "cancelled" in owner.quick("order", "cancel", booked["id"], "--yes").out
    assert owner.ask("balance")["cash_fen"] == 1_000_000
    assert "cannot be reserved" in owner.quick("order", "reserve", "moon", *wanted[3:], status=1).err
    assert "The last day is before the first." in owner.quick(*wanted[:-1], "2020-01-01", status=1).err


def test_storage_and_open_uploads_are_shown(owner: Person, tenant: Tenant):
    assert owner.ask("notices") == []
    assert owner.quick("notices").out == "No warnings.\n"
    assert owner.quick("data", "uploads").out == "No uploads are open.\n"
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "2048", "Upload-Metadata": "filename YS5iaW4="}
    with Client(owner.centre.url, tenant.account.token) as client:
        client.send("POST", "/api/v1/uploads", headers=headers)
    assert [(u["filename"], u["offset_bytes"], u["size_bytes"]) for u in owner.ask("data", "uploads")] == [("a.bin", 0, 2048)]
    assert "a.bin" in owner.quick("data", "uploads").out
    upload_id = owner.ask("data", "uploads")[0]["id"]
    assert "Add --yes" in owner.quick("data", "give-up", upload_id, status=1).err
    assert owner.quick("data", "give-up", upload_id, "--yes").out == f"{upload_id} is given up.\n"
    assert owner.ask("data", "uploads") == []
    assert "This upload is cancelled." in owner.quick("data", "give-up", upload_id, "--yes", status=1).err
    kept = owner.ask("storage")
    assert kept["quota_bytes"] > kept["used_bytes"]
    assert "allowed" in owner.quick("storage").out


@pytest.mark.parametrize(("text", "amount"), [("4096", 4096), ("1.5TiB", 3 * 2**39), ("200 GiB", 200 * 2**30), ("2k", 2048), ("0", 0)])
def test_sizes_are_read_as_bytes(text: str, amount: int):
    assert size_bytes(text) == amount


@pytest.mark.parametrize("text", ["", "-1", "many", "1e3", "1.GiB", "٣"])
def test_what_is_no_size_is_refused(text: str):
    with pytest.raises(Stop):
        size_bytes(text)
