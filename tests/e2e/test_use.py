"""A registered version in use: `kitae chat`, `kitae serve` to the official client, `kitae compare`, its errors."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.walk import command, environment, kitae, write_project
from openai import APIConnectionError, OpenAI

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one version."""
    folder = tmp_path_factory.mktemp("served")
    recipe = write_project(folder, train={"epochs": 1}, evaluate={"compare_to": ["base"]})
    done = kitae("run", recipe, home=folder / "home")
    assert done.returncode == 0, done.stderr
    return folder / "home"


def test_a_version_is_exported_with_its_card_and_answers_the_same(home: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    to = tmp_path / "out" / "model"
    done = kitae("export", "tiny-faq:1", "--to", to, "--json", home=home)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["parity"]["identical_answers"] == told["parity"]["prompts"] > 0
    assert {file["file"] for file in told["files"]} | {"export.json"} == {path.name for path in to.iterdir()}
    assert AutoModelForCausalLM.from_pretrained(to).config.model_type == "llama"
    assert AutoTokenizer.from_pretrained(to).chat_template
    card = (to / "README.md").read_text(encoding="utf-8")
    assert all(said in card for said in ("tiny-faq:1", "licence Apache-2.0", "CC0-1.0", "## Limits"))

    again = kitae("export", "tiny-faq:1", "--to", to, home=home)
    assert again.returncode == 2
    assert "a folder with files in it" in again.stderr
    unknown = kitae("export", "tiny-faq:1", "--to", tmp_path / "other", "--format", "adaptor", home=home)
    assert unknown.returncode == 2
    assert "Did you mean 'adapter'" in unknown.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["model"]
    assert not (tmp_path / "other").exists()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def client(home: Path) -> Iterator[OpenAI]:
    """The official client, talking to `kitae serve` in a process of its own."""
    port = free_port()
    server = subprocess.Popen(
        command("serve", "tiny-faq:1", "--port", port),
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    client = OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0)
    try:
        wait_until_open(client, server)
        yield client
    finally:
        client.close()
        server.terminate()
        server.communicate(timeout=30)


def wait_until_open(client: OpenAI, server: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert server.poll() is None, server.stderr.read() if server.stderr else ""
        try:
            client.models.list()
        except APIConnectionError:
            time.sleep(0.3)
        else:
            return
    pytest.fail("the server did not open within two minutes")


def test_the_official_client_talks_to_a_version(client: OpenAI) -> None:
    assert "tiny-faq:1" in {model.id for model in client.models.list()}
    question = [{"role": "user", "content": "駐車場はありますか"}]
    whole = client.chat.completions.create(model="tiny-faq:1", messages=question, temperature=0, max_tokens=24)
    assert whole.usage is not None
    assert whole.usage.completion_tokens > 0
    pieces = client.chat.completions.create(
        model="tiny-faq:1", messages=question, temperature=0, max_tokens=24, stream=True
    )
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert text == whole.choices[0].message.content


def test_a_version_is_compared_with_bases_prompts_and_its_own_endpoint(
    home: Path, client: OpenAI, tmp_path: Path
) -> None:
    systems = tmp_path / "systems.yaml"
    endpoint = {"base_url": str(client.base_url).rstrip("/"), "model": "tiny-faq:1", "max_tokens": 64}
    listed = [
        {"name": "few", "base": "kitae-nano", "instruction": "一文で答えてください。", "shots": 3},
        {"name": "served", "endpoint": endpoint},
    ]
    systems.write_text(json.dumps({"systems": listed}, ensure_ascii=False), "utf-8")
    done = kitae("compare", "tiny-faq:1", "kitae-nano", systems, "--json", home=home)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {row["system"] for row in found["ranking"]} == {"tiny-faq:1", "kitae-nano", "few", "served"}
    rows = [json.loads(line) for line in Path(found["folder"], "items.jsonl").read_text("utf-8").splitlines()]
    # What is served is what was measured.
    assert all(row["answers"]["served"] == row["answers"]["tiny-faq:1"] for row in rows)
    assert found["lines"][0]["en"].startswith("Take `")


def test_prompts_are_compared_on_a_recipe_before_anything_is_trained(tmp_path: Path) -> None:
    recipe = write_project(tmp_path)
    near = {"name": "near", "base": "kitae-nano", "shots": 2, "shots_by": "nearest"}
    (tmp_path / "near.yaml").write_text(json.dumps({"systems": [near]}), "utf-8")
    arguments = ("compare", "kitae-nano", tmp_path / "near.yaml")
    done = kitae(*arguments, "--on", recipe, "--metric", "rouge_l", home=tmp_path / "home")
    assert done.returncode == 0, done.stderr
    assert "Take `" in done.stdout
    assert not list((tmp_path / "home" / "artifacts").glob("adapter/*"))
    lost = kitae(*arguments, home=tmp_path / "home")
    assert lost.returncode == 2
    assert "--on RECIPE" in lost.stderr


def test_the_errors_of_a_version_are_explained(home: Path) -> None:
    done = kitae("evaluate", "errors", "tiny-faq", home=home)
    assert done.returncode == 0, done.stderr
    assert "answers are wrong" in done.stdout


def test_a_system_that_is_nothing_names_what_there_is(home: Path) -> None:
    done = kitae("compare", "tiny-faq:1", "kitae-nino", home=home)
    assert done.returncode == 2
    assert "Did you mean 'kitae-nano'" in done.stderr
    assert "tiny-faq:1" in done.stderr


def test_chat_answers_and_ends(home: Path) -> None:
    done = subprocess.run(
        command("chat", "tiny-faq:1", "--max-tokens", 12),
        input="May I bring my dog?\n/reset\n/exit\n",
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr


def test_an_unknown_version_names_the_known_ones(home: Path) -> None:
    done = kitae("chat", "tiny-fak:1", home=home)
    assert done.returncode == 2
    assert "tiny-faq" in done.stderr
