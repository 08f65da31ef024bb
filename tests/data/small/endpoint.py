"""An OpenAI-compatible endpoint on this machine that counts what is asked of it, and what it would be paid."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKENS_IN, TOKENS_OUT = 100, 20


def polite(prompt: str) -> str:
    """A paraphrase as a model would write it, with chatter around."""
    text = prompt.split("\n---\n")[1].removesuffix("\n---")
    return f"Here you are: {json.dumps({'text': f'So, {text}'}, ensure_ascii=False)}"


class Fake:
    """What the endpoint was asked; `reply` says what it answers, `before` may refuse: an HTTP status, or 0."""

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.reply: Callable[[str], str] = polite
        self.before: Callable[[int], int] = lambda _number: 0
        self.base_url = ""

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        status = self.before(len(self.prompts))
        if status:
            return status, {"error": {"message": "not now"}}
        self.prompts.append(body["messages"][0]["content"])
        message = {"role": "assistant", "content": self.reply(self.prompts[-1])}
        return 200, {
            "choices": [{"message": message}],
            "usage": {"prompt_tokens": TOKENS_IN, "completion_tokens": TOKENS_OUT},
        }


@contextmanager
def serving() -> Iterator[Fake]:
    """The endpoint for as long as the block lasts."""
    fake = Fake()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            fake.headers.append(dict(self.headers))
            status, values = fake.answer(body)
            payload = json.dumps(values).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.base_url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
