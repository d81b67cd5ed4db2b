"""What import contracts cannot see: whose tables SQL names, who imports `store` and `tables`, errors with codes of their own."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.house.conftest import ROOT, Module

import wutong
from wutong.app.rooms import load_tables
from wutong.kit.errors import Problem

PRIVATE = {"store", "tables"}


def room_of(table: str) -> str:
    return table.split("_", 1)[0]


def test_import_contracts_hold() -> None:
    done = subprocess.run([Path(sys.executable).with_name("lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_table_bears_its_rooms_name() -> None:
    strays = {
        table.name: mapper.class_.__module__
        for mapper in load_tables().registry.mappers
        for table in mapper.tables
        if mapper.class_.__module__.split(".")[1] != room_of(table.name)
    }
    assert strays == {}


def test_store_and_tables_are_their_rooms_own(modules: tuple[Module, ...]) -> None:
    peeping = [
        f"{module.name} imports {imported}"
        for module in modules
        for imported in imports(module.tree)
        if imported.startswith("wutong.")
        and PRIVATE & set(imported.split(".")[2:])
        and imported.split(".")[1] != module.room
        and not (imported.startswith("wutong.kit.tables") and module.room == "app")
    ]
    assert not peeping, "\n".join(peeping)


def imports(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def test_sql_names_only_the_rooms_own_tables(modules: tuple[Module, ...]) -> None:
    names = {table.name for table in load_tables().metadata.sorted_tables}
    word = re.compile(r"\b(" + "|".join(sorted(names, key=len, reverse=True)) + r")\b")
    sql = re.compile(r"\b(select|insert|update|delete|from|join|into|truncate)\b", re.IGNORECASE)
    strays = [
        f"{module.name}:{node.lineno} names {name}"
        for module in modules
        for node in texts(module)
        if sql.search(str(node.value))
        for name in word.findall(str(node.value))
        if room_of(name) != module.room
    ]
    assert not strays, "\n".join(strays)


def texts(module: Module) -> list[ast.Constant]:
    """Every string but docstrings, which may speak of anything."""
    bodies = [node.body for node in ast.walk(module.tree) if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)]
    words = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
    constants = [node for node in ast.walk(module.tree) if isinstance(node, ast.Constant)]
    return [node for node in constants if isinstance(node.value, str) and id(node) not in words]


def test_every_error_has_a_code_of_its_own_and_a_sentence() -> None:
    for module in pkgutil.walk_packages(wutong.__path__, "wutong."):
        if ".migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    problems = [each for each in descendants(Problem) if each.__module__.startswith("wutong.")]
    codes = Counter(each.code for each in problems if "code" in vars(each))
    assert [code for code, count in codes.items() if count > 1] == []
    assert [each.__qualname__ for each in problems if "code" not in vars(each)] == []
    assert [each.__qualname__ for each in problems if not re.fullmatch(r"[a-z][a-z0-9_]*", each.code)] == []
    assert [each.__qualname__ for each in problems if not 400 <= each.status < 600] == []


def descendants(kind: type[Problem]) -> list[type[Problem]]:
    return [kind, *(each for child in kind.__subclasses__() for each in descendants(child))]
