"""Parquet and GeoTIFF are read by the browser, under the strict policy: samples were written by pyarrow 26.0 and tifffile 2026.3."""

from pathlib import Path

import pytest
from tests.flows.stage import Tenant, open_tenant

from wutong.sdk import transfer
from wutong.sdk.data import RepoKind

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture(scope="module")
def tenant(centre):
    with open_tenant(centre, "Surveyors") as tenant:
        yield tenant


def preview(tenant: Tenant, name: str) -> str:
    """The path of the page that shows a sample."""
    version = transfer.push(tenant.client, SAMPLES, kind=RepoKind.DATASET, name="samples").version
    return f"/data/{version.repo_id}/versions/{version.number}/preview?path={name}"


@pytest.mark.parametrize("packed", ["snappy", "gzip", "zstd"])
def test_the_rows_of_a_parquet_table_are_shown(visitors, tenant, packed):
    with visitors.window("en", secret=tenant.account.token) as page:
        page.goto(preview(tenant, f"rows-{packed}.parquet"))
        page.get_by_text("3 rows, 5 columns; the first 3 rows are shown.").wait_for()
        assert page.locator("thead th").first.inner_text().split() == ["路段", "string"]
        assert page.locator("tbody tr").first.locator("td").all_inner_texts() == ["road-1", "1.5", "2024-05-01 10:00:00", str(2**60), '["1","2"]']


def test_a_scene_is_drawn_with_its_place(visitors, tenant):
    with visitors.window("zh", secret=tenant.account.token) as page:
        page.goto(preview(tenant, "scene.tif"))
        page.get_by_text("EPSG:32650").wait_for()
        colours = "() => [...document.querySelector('canvas').getContext('2d').getImageData(60, 40, 1, 1).data]"
        red, green, _, opaque = page.evaluate(colours)
        assert red > 200
        assert green > 200
        assert opaque == 255


def test_what_cannot_be_read_is_told(visitors, tenant, tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1" + b"\xff" * 200)
    (tmp_path / "broken.tif").write_bytes(b"II*\0" + b"\xff" * 200)
    version = transfer.push(tenant.client, tmp_path, kind=RepoKind.DATASET, name="broken").version
    with visitors.window("en", secret=tenant.account.token) as page:
        for name in ("broken.parquet", "broken.tif"):
            page.goto(f"/data/{version.repo_id}/versions/{version.number}/preview?path={name}")
            page.get_by_text("Your browser cannot read this file.").wait_for()
