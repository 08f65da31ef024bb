"""Hub ids: downloaded once, used offline, and every refusal says what to do. The hub here is a small server of ours.

Each case runs in a fresh interpreter, because huggingface_hub reads its address and cache folder when it is imported.
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

COMMIT = "a" * 40
SCRIPT = """
import json, sys
from kitae import models
from kitae.errors import KitaeError
try:
    found = models.facts(sys.argv[1])
    files = sorted(path.name for path in found.path.iterdir())
    print(json.dumps({"digest": found.digest, "name": found.name, "files": files}))
except KitaeError as error:
    print(json.dumps(error.as_json()))
"""


class Hub(BaseHTTPRequestHandler):
    """A hub with one model, `team/tiny`, from a folder; every other repository is refused."""

    server: "HubServer"

    def log_message(self, *_):
        """Keep the tests' output clean."""

    def do_GET(self):
        self.server.asked.append(self.path)
        for part, status, code in REFUSED:
            if part in self.path:
                return self.answer(b"", status, X_Error_Code=code, X_Error_Message=code)
        if "/resolve/" in self.path:
            data = (self.server.folder / self.path.split("/")[-1]).read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            return self.answer(data, ETag=f'"{digest}"', X_Repo_Commit=COMMIT)
        files = sorted(path for path in self.server.folder.iterdir() if path.is_file())
        if "/tree/" in self.path:
            return self.answer(json.dumps([row(file) for file in files]).encode(), Content_Type="application/json")
        siblings = [{"rfilename": file.name} for file in files]
        info = {"id": "team/tiny", "sha": COMMIT, "siblings": siblings, "tags": [], "private": False}
        return self.answer(json.dumps(info).encode(), Content_Type="application/json")

    def do_HEAD(self):  # the name that http.server calls
        self.do_GET()

    def answer(self, data, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)


class HubServer(ThreadingHTTPServer):
    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Hub)
        self.folder = folder
        self.asked = []


REFUSED = (
    ("gated", 403, "GatedRepo"),
    ("private", 401, "RepoNotFound"),
    ("no-such-revision", 404, "RevisionNotFound"),
)


def row(file):
    digest = hashlib.sha1(file.read_bytes(), usedforsecurity=False).hexdigest()
    return {"type": "file", "oid": digest, "size": file.stat().st_size, "path": file.name}


@pytest.fixture
def hub(copied, tmp_path):
    """A running hub: `ask(name)` gives what kitae says of a hub id; `asked` are the paths requested."""
    (copied / "modeling_evil.py").write_text("raise SystemExit('code of a model was run')")
    (copied / "pytorch_model.bin").write_bytes(b"pickled")
    server = HubServer(copied)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def ask(name, **environment):
        variables = {
            "HF_HOME": str(tmp_path / "cache"),
            "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            **environment,
        }
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, name], env=os.environ | variables, capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout.splitlines()[-1])

    ask.asked = server.asked
    yield ask
    server.shutdown()
    thread.join()
    server.server_close()


def test_downloaded_once_without_code_and_pickles_then_used_offline(hub, base_of):
    from kitae.models import facts

    first = hub("team/tiny")
    assert first["digest"] == facts(base_of("llama")).digest
    assert first["name"] == "team/tiny"
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(first["files"])
    assert not {"modeling_evil.py", "pytorch_model.bin"} & set(first["files"])
    assert hub.asked
    hub.asked.clear()
    assert hub("team/tiny") == first
    assert [path for path in hub.asked if "tiny" in path] == []
    assert hub("team/tiny", HF_HUB_OFFLINE="1", HF_ENDPOINT="http://127.0.0.1:9") == first


@pytest.mark.parametrize(
    ("name", "environment", "what", "next_step"),
    [
        ("team/gated", {}, "accept its terms", "HF_TOKEN"),
        ("team/private", {}, "no such base", "HF_TOKEN"),
        ("team/tiny@no-such-revision", {}, "no such revision", "history"),
        ("team/tiny", {"HF_HUB_OFFLINE": "1"}, "cannot be reached", "hf download team/tiny"),
        ("team/tiny", {"HF_ENDPOINT": "http://127.0.0.1:9"}, "cannot be reached", "hf download team/tiny"),
    ],
)
def test_refusals_say_what_to_do(hub, name, environment, what, next_step):
    error = hub(name, **environment)
    assert (error["error"], error["exit_code"]) == ("BaseError", 2)
    assert what in error["what"]
    assert next_step in error["next"]
