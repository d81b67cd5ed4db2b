"""The form of the code: sizes, docstrings, who may ask for the time, who may print, what an __init__ holds."""

import ast
from collections.abc import Iterator

from tests.house.conftest import Module

# One aims for these, and a few things are longer for a reason; nothing is longer than twice as much, or nearly.
AIM_FILE_LINES, MOST_FILE_LINES = 300, 500
AIM_FUNCTION_LINES, MOST_FUNCTION_LINES = 40, 60
MOST_LONGER = 0.05
# The agent and its keepers run without the rest of the product and on the machine's own clock; the supervisor measures pauses.
OWN_CLOCK = (
    "kit/clock.py",
    "kit/ids.py",
    "centre/engines/local/",
    "centre/engines/slurm/runner/",
    "centre/engines/slurm/checkup/witness.py",
    "app/",
    "cli/",
)
MAY_PRINT = ("cli/", "app/", "centre/engines/local/agent.py")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(module: Module) -> Iterator[Function]:
    return (node for node in ast.walk(module.tree) if isinstance(node, Function))


def length(node: Function) -> int:
    """Lines of a function from its name on, without its docstring and without functions inside it, which are counted for themselves."""
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    words = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return span(node) - words - sum(span(each) for each in inside(node))


def inside(node: ast.AST) -> Iterator[Function]:
    """Functions inside a node, the outermost ones only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield child
        else:
            yield from inside(child)


def span(node: Function) -> int:
    return (node.end_lineno or 0) - node.lineno + 1


def test_files_are_short(modules: tuple[Module, ...]) -> None:
    lengths = {module.name: len(module.text.splitlines()) for module in modules}
    longer = {name: lines for name, lines in lengths.items() if lines > AIM_FILE_LINES}
    assert not [name for name, lines in longer.items() if lines > MOST_FILE_LINES], longer
    assert len(longer) <= MOST_LONGER * len(lengths), longer


def test_functions_are_short(modules: tuple[Module, ...]) -> None:
    lengths = {f"{module.name}:{node.lineno} {node.name}": length(node) for module in modules for node in functions(module)}
    longer = {name: lines for name, lines in lengths.items() if lines > AIM_FUNCTION_LINES}
    assert not [name for name, lines in longer.items() if lines > MOST_FUNCTION_LINES], longer
    assert len(longer) <= MOST_LONGER * len(lengths) / 5, longer


def test_what_is_public_is_explained(modules: tuple[Module, ...]) -> None:
    silent = []
    for module in modules:
        if not ast.get_docstring(module.tree):
            silent.append(module.name)
        silent += [f"{module.name}:{name}" for name in undocumented(module.tree)]
    assert not silent, "\n".join(silent)


def undocumented(scope: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in scope.body:
        if isinstance(node, (*Function.__args__, ast.ClassDef)) and not node.name.startswith("_"):
            overload = any(isinstance(each, ast.Name) and each.id == "overload" for each in node.decorator_list)
            if not ast.get_docstring(node) and not overload:
                yield node.name
            if isinstance(node, ast.ClassDef):
                yield from (f"{node.name}.{name}" for name in undocumented(node))


def test_an_init_holds_one_docstring(modules: tuple[Module, ...]) -> None:
    fuller = [module.name for module in modules if module.path.name == "__init__.py" and module.name != "__init__.py" and len(module.tree.body) != 1]
    assert not fuller, "\n".join(fuller)


def test_the_time_comes_from_one_place(modules: tuple[Module, ...]) -> None:
    asking = [
        f"{module.name}:{node.lineno}"
        for module in modules
        if not module.name.startswith(OWN_CLOCK)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute)
        and ast.unparse(node) in {"datetime.now", "datetime.utcnow", "date.today", "time.time", "datetime.today", "time.time_ns"}
    ]
    assert not asking, "\n".join(asking)


def test_only_commands_print(modules: tuple[Module, ...]) -> None:
    printing = [
        f"{module.name}:{node.lineno}"
        for module in modules
        if not module.name.startswith(MAY_PRINT)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not printing, "\n".join(printing)


def test_no_shell_strings(modules: tuple[Module, ...]) -> None:
    shells = [
        f"{module.name}:{node.value.lineno}"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.keyword) and node.arg == "shell" and not (isinstance(node.value, ast.Constant) and node.value.value is False)
    ]
    assert not shells, "\n".join(shells)
