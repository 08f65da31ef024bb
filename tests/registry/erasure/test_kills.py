"""An erasure killed (-9) before any of its steps: nothing stands half, and the next run goes on to the same end.

The process that erases is killed before its n-th change to the disk or the store, for every second n there is.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data.desk import dropped
from registry.erasure.site import HOLDER, SECRETS, Site

from kitae import registry
from kitae.core.workspace import Workspace
from kitae.data.custody.erased import ERASED

CHANGES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"})
STRIDE = 2
"""Every second change: one before and one after each step is enough, and half the time."""
WRITES = os.O_WRONLY | os.O_RDWR


def dying(before: int) -> Callable[[str, Any], None]:
    """An audit hook that kills this process before its n-th change to the disk."""
    seen = 0

    def hook(event: str, arguments: Any) -> None:
        nonlocal seen
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES
        if event in CHANGES or writes or event == "kitae.commit":
            seen += 1
            if seen == before:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def erase_and_die(out: Workspace, before: int) -> bool:
    """Erase in a process of its own that is killed before its n-th change; whether it was."""
    child = os.fork()
    if child == 0:
        try:
            from sqlalchemy import Engine, event

            # Before and after what the database writes by itself, which Python does not see.
            event.listen(Engine, "commit", lambda _: sys.audit("kitae.commit"))
            sys.addaudithook(dying(before))
            registry.erase(out, rights_holder=HOLDER)
        finally:
            os._exit(0)
    status = os.waitpid(child, 0)[1]
    return os.WIFSIGNALED(status)


@pytest.mark.slow
def test_a_kill_before_any_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KITAE_DATABASE_URL", raising=False)
    site = Site(tmp_path)
    site.teach()
    site.unfinished()
    home, before = site.out.home, -1
    shutil.move(home, tmp_path / "calm")
    while True:
        before += STRIDE
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(tmp_path / "calm", home)
        if not erase_and_die(site.out, before):
            break
        assert site.out.verify()[1] == [], f"half an artifact, killed before change {before}"
        assert registry.verify_audit(site.out).problems == ()
        requested = registry.verify_audit(site.out).rows > 1
        dataset, _ = site.prepare()  # a run: it goes on with what was asked for, if it was
        assert len(dropped(dataset).get(ERASED, [])) == (2 if requested else 0), before
        registry.erase(site.out, rights_holder=HOLDER)
        assert site.spread(*SECRETS) == [], before
        card = registry.show_version(site.out, "faq:1")
        assert card.saw_erased + card.measured_on_erased == 2, before
        assert registry.verify_erasures(site.out).problems == (), before
        assert registry.verify_audit(site.out).problems == (), before
        assert site.out.verify()[1] == [], before
    assert before > 40, "there were steps to be killed before"
    assert site.spread(*SECRETS) == []
