"""Workspaces that share a store share its erasures: each carries them out before it runs again."""

from pathlib import Path

import pytest
from data.desk import dropped, kept
from registry.erasure.site import CATS, DOGS, HOLDER, SECRETS, Site

from kitae import registry
from kitae.data.custody.erased import ERASED
from kitae.errors import InputError
from kitae.registry.erasure.keys import KEY_VARIABLE


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Site, Site]:
    """Two workspaces with the same data and one store."""
    monkeypatch.setenv("KITAE_DATABASE_URL", f"sqlite:///{tmp_path / 'shared.db'}")
    monkeypatch.setenv(KEY_VARIABLE, "a key that both of them know")
    one, other = Site(tmp_path / "one"), Site(tmp_path / "other")
    one.teach()
    other.teach("their-faq")
    return one, other


def test_what_one_erases_goes_from_the_other_too(pair: tuple[Site, Site]) -> None:
    one, other = pair
    receipt = registry.erase(one.out, rights_holder=HOLDER)
    assert other.spread(*SECRETS), "not yet"
    assert any("not carried out here" in problem for problem in registry.verify_erasures(other.out).problems)
    dataset, _ = other.prepare()
    assert other.spread(*SECRETS) == []
    assert len(dropped(dataset)[ERASED]) == 2
    card = registry.show_version(other.out, "their-faq")
    assert card.saw_erased + card.measured_on_erased == 2
    for site in pair:
        assert registry.verify_erasures(site.out).problems == ()
        assert registry.verify_audit(site.out).problems == ()
        assert (site.out.home / "erasures" / receipt.erasure / "receipt.json").is_file()


def test_one_without_the_key_may_not_read(pair: tuple[Site, Site], monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = pair
    registry.erase(one.out, rights_holder=HOLDER)
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(InputError, match=KEY_VARIABLE):
        other.prepare()
    monkeypatch.setenv(KEY_VARIABLE, "short")
    with pytest.raises(InputError, match="too short"):
        other.prepare()


def test_the_same_text_under_another_name_goes_as_well_and_is_told(tmp_path: Path) -> None:
    site = Site(tmp_path)
    copy = {**site.rows[-2], "rights_holder": "Somebody Else", "memo": "x"}
    site.rows.append(copy)
    site.write()
    site.teach()
    looked = registry.erase(site.out, rights_holder=HOLDER, dry_run=True)
    assert looked.values["records"] == 3
    assert "1 saying the same under another name" in looked.text
    registry.erase(site.out, rights_holder=HOLDER)
    dataset, _ = site.prepare()
    assert not {DOGS, CATS} & {record.question for record in kept(dataset)}
    assert len(dropped(dataset)[ERASED]) == 3
