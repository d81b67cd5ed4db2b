"""Recorded logs, where they are: `traces` in WUTONG_TEST_DATA, ../shared/data beside the repository by default."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("WUTONG_TEST_DATA", Path(__file__).parents[4] / "shared" / "data")) / "traces"


@pytest.fixture
def sdsc_blue() -> Path:
    """The SDSC-BLUE log."""
    return _log("SDSC-BLUE-2000-4.2-cln.swf.gz")


@pytest.fixture
def venus() -> Path:
    """The Venus table."""
    return _log("venus_gpu_jobs.csv.gz")


@pytest.fixture
def philly() -> Path:
    """The Philly table."""
    return _log("philly_vc.csv.gz")


def _log(name: str) -> Path:
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not in {DATA}; name the folder above it in WUTONG_TEST_DATA")
    return DATA / name
