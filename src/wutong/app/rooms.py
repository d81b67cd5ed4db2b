"""Imports every room's tables, so that the metadata is whole for migrations and drift checks."""

import importlib
import pkgutil

import wutong
from wutong.kit.database import Base


def load_tables() -> type[Base]:
    """Import every `tables` module of the house and return the base that then knows them all."""
    for module in pkgutil.walk_packages(wutong.__path__, "wutong."):
        if module.name.endswith(".tables"):
            importlib.import_module(module.name)
    return Base
