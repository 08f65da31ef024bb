"""The key of the marks by which erased things are known again. It stands beside the store, never in it.

Whoever has a copy of the store alone can tell nothing from its marks. Workspaces that share a store share the key, by
`KITAE_ERASURE_KEY`.
"""

import hashlib
import os
import secrets
from pathlib import Path

from kitae.core.files import fsync_folder, place_errors
from kitae.core.workspace import Workspace
from kitae.errors import InputError

KEY_VARIABLE = "KITAE_ERASURE_KEY"
KEY_FILE = "erasure.key"
LEAST_CHARACTERS = 16
KEY_BYTES = 32


def erasure_key(out: Workspace, *, make: bool = False) -> bytes | None:
    """The key (32 bytes): from the environment, else from the workspace, where it is made when it is not there yet.

    Raises `InputError` for a key that could be guessed, or a workspace that may not be written.
    """
    stated = os.environ.get(KEY_VARIABLE, "")
    if stated:
        if len(stated) < LEAST_CHARACTERS:
            raise InputError(
                f"{KEY_VARIABLE} is too short to be a secret",
                got=f"{len(stated)} characters",
                hint=f"Use {LEAST_CHARACTERS} or more, for example from `openssl rand -hex 32`",
            )
        return hashlib.blake2b(stated.encode(), digest_size=KEY_BYTES).digest()
    path = out.home / KEY_FILE
    if not path.exists():
        if not make:
            return None
        _write_secret(path, secrets.token_hex(KEY_BYTES))
    return bytes.fromhex(path.read_text("ascii").strip())


def key_name(key: bytes) -> str:
    """A name of a key (16 hex characters) that tells nothing of it, by which another one is noticed."""
    return hashlib.blake2b(b"name of this key", key=key, digest_size=8).hexdigest()


def _write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    aside = path.with_name(path.name + ".partial")
    with place_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.unlink(missing_ok=True)
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        fsync_folder(path.parent)
