"""The house: budgets on the tail, two bulkheads, rooms whose front page is one docstring."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("agent", "buffer", "central", "config", "drivers", "mqtt", "sim", "telemetry")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "core", "manager", "misc"}
MODULE_LINES, FUNCTION_LINES, NESTING = 300, 50, 3
BRANCHING = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.With, ast.AsyncWith, ast.Match)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def depth(node: ast.AST, level: int = 0) -> int:
    deepest = level
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and child in node.orelse
        deeper = level + (isinstance(child, BRANCHING) and not is_elif)
        deepest = max(deepest, depth(child, deeper))
    return deepest


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_stays_within_its_budgets(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= MODULE_LINES, f"{lines} lines: find the missing noun"
    assert path.stem not in FORBIDDEN_NAMES
    for function in functions(parsed(path)):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        where = f"{path.relative_to(ROOT)}:{function.lineno} {function.name}"
        assert length <= FUNCTION_LINES, f"{where}: {length} lines"
        assert depth(function) <= NESTING, f"{where}: nested {depth(function)} deep"


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "__init__.py"], ids=lambda p: p.parent.name)
def test_a_rooms_front_page_is_one_docstring(path: Path) -> None:
    body = parsed(path).body
    assert len(body) == 1
    assert ast.get_docstring(parsed(path))


def test_there_are_exactly_two_broad_excepts() -> None:
    broad = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
    ]
    assert [place.split(":")[0] for place in broad] == ["agent/destinations.py", "agent/read.py"], broad


def test_nothing_is_raised_in_an_except_star() -> None:
    """Python 3.11.2, which is Debian 12's, puts it into a group, and nobody above catches it."""
    starred = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.TryStar)
        for handler in node.handlers
        if any(isinstance(inner, ast.Raise) for inner in ast.walk(handler))
    ]
    assert starred == []


def test_every_test_folder_is_a_package_and_every_module_is_named_for_what_it_tests() -> None:
    for folder in {path.parent for path in (ROOT / "tests").rglob("*.py")}:
        assert (folder / "__init__.py").exists(), folder


def test_only_one_file_imports_each_library_with_measured_faults() -> None:
    homes = {"pymodbus": {"drivers/pymodbus_line.py"}, "aiomqtt": set(), "paho": set()}
    for path in MODULES:
        for node in ast.walk(parsed(path)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for library, allowed in homes.items():
                if any(name.split(".")[0] == library for name in names):
                    place = str(path.relative_to(ROOT))
                    assert place in allowed or (library != "pymodbus" and place.startswith("mqtt/")), place
