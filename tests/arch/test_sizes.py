"""The sizes that keep rooms readable, and the habits that are forbidden. The list of exceptions may only shrink."""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "kitae"
FILES = sorted(SOURCE.rglob("*.py"))
LIMITS = {"file": 500, "function": 60, "parameters": 7, "fields": 15, "chain": 4}
EXCEPTIONS: frozenset[str] = frozenset()
OVER: dict[str, Callable[[int], str]] = {
    "file": lambda n: "x = 1\n" * n,
    "function": lambda n: "async def f():\n" + "    x = 1\n" * (n - 1),
    "parameters": lambda n: f"class C:\n    def f(self, a0, /, *, {', '.join(f'a{i}' for i in range(1, n))}): ...\n",
    "fields": lambda n: "class C:\n" + "".join(f"    a{i}: int\n" for i in range(n)),
    "chain": lambda n: "if x == 0: ...\n" + "".join(f"elif x == {i}: ...\n" for i in range(1, n)),
}
"""Code of a given size, for each limit."""
VAGUE = {"utils", "util", "common", "helpers", "helper", "misc"}
ROOMS = {"core", "data", "plan", "models", "train", "evaluate", "registry", "serve", "monitor", "renew", "cli", "web"}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def chain_length(node: ast.If) -> int:
    length = 1
    while len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        node, length = node.orelse[0], length + 1
    return length


def too_big(name: str, text: str) -> Iterator[str]:
    if text.count("\n") > LIMITS["file"]:
        yield f"{name}: {text.count(chr(10))} lines"
    tree = ast.parse(text)
    for function in functions(tree):
        size = (function.end_lineno or function.lineno) - function.lineno + 1
        by_place = [*function.args.posonlyargs, *function.args.args]
        count = len(by_place) + len(function.args.kwonlyargs)
        count -= bool(by_place and by_place[0].arg in {"self", "cls"})
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
    found = too_big(path.relative_to(SOURCE).as_posix(), path.read_text(encoding="utf-8"))
    assert [finding for finding in found if finding not in EXCEPTIONS] == []


@pytest.mark.parametrize("limit", LIMITS)
def test_each_limit_holds_to_the_one(limit: str) -> None:
    size = LIMITS[limit]
    assert list(too_big("x.py", OVER[limit](size))) == []
    assert len(list(too_big("x.py", OVER[limit](size + 1)))) == 1


def test_the_options_of_a_command_are_no_parameters() -> None:
    assert list(too_big("cli/x.py", OVER["parameters"](LIMITS["parameters"] + 1))) == []


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


CATALOGUE = tomllib.loads((SOURCE / "models" / "catalogue.toml").read_text(encoding="utf-8"))
FAMILIES = (
    "bert|bloom|command-?r|deepseek|elyza|falcon|gemma|glm|gpt|granite|internlm|llama|llm-jp|mamba|mistral|mixtral"
    "|modernbert|nemotron|olmo|opt-|phi-?\\d|pythia|qwen|rinna|sarashina|smollm|stablelm|swallow|yi-"
)
MODEL = re.compile("|".join([FAMILIES, *map(re.escape, CATALOGUE)]), re.IGNORECASE)
SAYS_WHICH = {"architecture", "architectures", "model_name", "model_type", "name_or_path"}
"""What of a model says which it is: compared with any text at all, it decides by name."""


def texts_that_decide(tree: ast.AST) -> Iterator[tuple[set[str], list[str]]]:
    """Names and texts of each comparison, search, match, and test of a beginning or an end."""
    for node in ast.walk(tree):
        parts: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            parts = [node.func.value, *node.args] if node.func.attr in {"startswith", "endswith"} else []
        elif isinstance(node, ast.match_case):
            parts = [p.value for p in ast.walk(node.pattern) if isinstance(p, ast.MatchValue)]
        inside = [inner for part in parts for inner in ast.walk(part)]
        texts = [i.value for i in inside if isinstance(i, ast.Constant) and isinstance(i.value, str)]
        names = {i.attr for i in inside if isinstance(i, ast.Attribute)} | {
            i.id for i in inside if isinstance(i, ast.Name)
        }
        yield names | set(texts), texts


def decided_by_name(text: str) -> list[str]:
    return [
        text
        for names, texts in texts_that_decide(ast.parse(text))
        for text in texts
        if text not in SAYS_WHICH and (names & SAYS_WHICH or MODEL.search(text))
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_nothing_is_decided_by_the_name_of_a_model(path: Path) -> None:
    assert decided_by_name(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "code",
    [
        'if config.model_type == "qwen3": ...',
        'if config["model_type"] in ("some", "other"): ...',
        'if "Llama" in type(model).__name__: ...',
        'if name.startswith(("kitae-nano", "x")): ...',
        'match kind:\n    case "gemma" | "x": ...',
        'fits = base != "google/gemma-3-1b-it"',
    ],
)
def test_every_way_of_deciding_by_name_is_found(code: str) -> None:
    assert decided_by_name(code) != []


@pytest.mark.parametrize(
    "code", ['if "model_type" in config: ...', 'TABLE = {"llama": 1}', 'if name.endswith("ForCausalLM"): ...']
)
def test_facts_about_models_may_be_written_down(code: str) -> None:
    assert decided_by_name(code) == []
