"""The sizes that keep rooms readable. The list of exceptions may only shrink."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "kitae"
FILES = sorted(SOURCE.rglob("*.py"))
LIMITS = {"file": 500, "function": 60, "parameters": 7, "fields": 15, "chain": 4}
EXCEPTIONS: frozenset[str] = frozenset()
VAGUE = {"utils", "util", "common", "helpers", "helper", "misc"}
ROOMS = {"core", "data", "plan", "models", "train", "evaluate", "registry", "serve", "monitor", "renew", "cli", "web"}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def chain_length(node: ast.If) -> int:
    length = 1
    while len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        node, length = node.orelse[0], length + 1
    return length


def too_big(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(SOURCE).as_posix()
    if text.count("\n") > LIMITS["file"]:
        yield f"{name}: {text.count(chr(10))} lines"
    tree = ast.parse(text)
    for function in functions(tree):
        size = (function.end_lineno or function.lineno) - function.lineno + 1
        arguments = function.args
        count = len(arguments.args) + len(arguments.kwonlyargs) + len(arguments.posonlyargs)
        count -= bool(arguments.args and arguments.args[0].arg in {"self", "cls"})
        if size > LIMITS["function"]:
            yield f"{name}: {function.name} has {size} lines"
        if count > LIMITS["parameters"] and not name.startswith("cli/"):
            yield f"{name}: {function.name} has {count} parameters"
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and sum(isinstance(b, ast.AnnAssign) for b in node.body) > LIMITS["fields"]:
            yield f"{name}: class {node.name} has too many fields"
        if isinstance(node, ast.If) and chain_length(node) > LIMITS["chain"]:
            yield f"{name}:{node.lineno}: a chain of {chain_length(node)}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_size(path: Path) -> None:
    assert [finding for finding in too_big(path) if finding not in EXCEPTIONS] == []


def test_the_measure_finds_a_long_function(tmp_path: Path) -> None:
    module = SOURCE / "imaginary.py"
    long = "def f(a, b, c, d, e, f, g, h):\n" + "    x = 1\n" * 61
    assert len(list(functions(ast.parse(long)))) == 1
    node = next(functions(ast.parse(long)))
    assert (node.end_lineno or 0) - node.lineno + 1 > LIMITS["function"]
    assert not module.exists()


def test_no_vague_names_and_only_agreed_rooms() -> None:
    assert {path.stem for path in FILES} & VAGUE == set()
    assert {path.relative_to(SOURCE).parts[0] for path in FILES if path.parent != SOURCE} <= ROOMS


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_no_exec_and_broad_except_only_at_the_doors(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert calls & {"exec", "eval"} == set()
    broad = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
    ]
    assert broad == [] or path.relative_to(SOURCE).parts[0] in {"cli", "web"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_nothing_is_assigned_onto_an_imported_module(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    targets = [
        target
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute)
    ]
    assert [ast.unparse(t) for t in targets if ast.unparse(t).split(".")[0] in imported] == []
