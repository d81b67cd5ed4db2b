"""Fixtures of the hub's tests."""

from pathlib import Path

import pytest
from tests.hub.hubkit import Hub

from wutong.hub import service
from wutong.hub.gc.collector import Collector
from wutong.kit.database import Database


@pytest.fixture
def hub(database: Database, tmp_path: Path) -> Hub:
    """A hub with nothing in it."""
    blobs, uploads = service.LocalBlobs(tmp_path / "blobs"), service.UploadFolder(tmp_path / "uploads")
    return Hub(database, blobs, uploads, Collector(database, blobs, uploads, trees=[tmp_path / "trees"]), tmp_path)
