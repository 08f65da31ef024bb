"""Licences: every spelling that people write of one is that one, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.licenses import canonicalize_license_expression

from kitae.core.records import Origin, Record, Terms
from kitae.data.custody.licences import CONSENTS, KNOWN, LONGEST, consent_basis, read_licence
from kitae.data.custody.policy import with_read_terms

SPELLINGS = {
    "CC-BY-4.0": [
        "cc-by-4.0", "CC BY 4.0", "CC_BY_4.0", "ＣＣ ＢＹ ４．０", "Creative Commons Attribution 4.0 International",
        "クリエイティブ・コモンズ 表示 4.0", "クリエイティブ・コモンズ・ライセンス 表示 4.0 国際",
        "https://creativecommons.org/licenses/by/4.0/", "https://creativecommons.org/licenses/by/4.0/deed.ja",
    ],
    "CC-BY-SA-4.0": [
        "CC BY-SA 4.0", "Creative Commons Attribution-ShareAlike 4.0 International License",
        "クリエイティブ・コモンズ 表示-継承 4.0 国際", "CC 表示・継承 4.0", "creativecommons.org/licenses/by-sa/4.0",
    ],
    "CC-BY-NC-ND-3.0": [
        "Creative Commons Attribution-NonCommercial-NoDerivs 3.0 Unported", "CC 表示-非営利-改変禁止 3.0 非移植",
    ],
    "CC-BY-SA-2.1-JP": ["CC BY-SA 2.1 JP", "https://creativecommons.org/licenses/by-sa/2.1/jp/"],
    "CC0-1.0": ["CC0", "CC0 1.0 Universal", "CC Zero", "https://creativecommons.org/publicdomain/zero/1.0/"],
    "MIT": ["mit", "MIT License", "The MIT License (MIT)", "MITライセンス", "https://opensource.org/licenses/MIT"],
    "Apache-2.0": ["Apache 2.0", "Apache License, Version 2.0", "https://www.apache.org/licenses/LICENSE-2.0.txt"],
    "BSD-3-Clause": ["BSD 3-Clause License", "3-Clause BSD License", "New BSD License", "修正BSDライセンス"],
    "GPL-3.0-only": ["GPLv3", "GPL v3", "GNU General Public License v3.0", "GPL-3.0"],
    "GPL-2.0-or-later": ["GPL-2.0+", "gpl-2.0-or-later"],
    "ODbL-1.0": ["ODbL", "Open Database License 1.0", "Open Data Commons Open Database License v1.0"],
    "ODC-By-1.0": ["ODC-BY 1.0", "Open Data Commons Attribution License v1.0"],
    "OGL-UK-3.0": ["Open Government Licence v3.0"],
}  # fmt: skip


@pytest.mark.parametrize(("wanted", "spelling"), [(key, one) for key, every in SPELLINGS.items() for one in every])
def test_spellings_of_a_licence(wanted: str, spelling: str) -> None:
    licence = read_licence(spelling)
    assert (licence.text, licence.ways, licence.unknown) == (wanted, (frozenset({wanted}),), ())


@pytest.mark.parametrize("name", KNOWN)
def test_every_id_is_of_spdx_and_reads_as_itself(name: str) -> None:
    assert canonicalize_license_expression(name) == name
    assert (
        read_licence(name).text == read_licence(name.lower()).text == read_licence(name.replace("-", " ")).text == name
    )


@pytest.mark.parametrize("text", ["CC BY", "Creative Commons", "Apache", "free", "社内利用のみ", "MIT (non-commercial)",
                                  "CC BY 5.0", "AND", "MIT OR", "()", "OR OR OR"])  # fmt: skip
def test_what_is_not_certain_is_unknown_and_stays_as_it_stands(text: str) -> None:
    licence = read_licence(text)
    assert licence.unknown
    assert licence.text == text


def test_references_are_known_to_their_owner() -> None:
    for name in ("LicenseRef-ACME", "LicenseRef-社内", "DocumentRef-a.b:LicenseRef-x"):
        assert (read_licence(name).text, read_licence(name).unknown) == (name, ())


def test_expressions() -> None:
    assert read_licence("MIT OR (Apache 2.0 AND CC BY 4.0)").text == "MIT OR (Apache-2.0 AND CC-BY-4.0)"
    assert set(read_licence("MIT OR (Apache 2.0 AND CC BY 4.0)").ways) == {
        frozenset({"MIT"}), frozenset({"Apache-2.0", "CC-BY-4.0"})
    }  # fmt: skip
    assert set(read_licence("(MIT OR ISC) AND CC0-1.0").ways) == {
        frozenset({"MIT", "CC0-1.0"}), frozenset({"ISC", "CC0-1.0"})
    }  # fmt: skip
    assert read_licence("MIT AND ISC OR Zlib").ways[0] == frozenset({"MIT", "ISC"}), "AND binds more tightly"
    assert read_licence("mit and apache 2.0").text == "MIT AND Apache-2.0"
    assert read_licence("GPL-2.0-only WITH Classpath-exception-2.0").ways == (frozenset({"GPL-2.0-only"}),)
    assert read_licence("MIT OR My-Own").unknown == ("My-Own",)


@pytest.mark.parametrize(
    "text",
    ["(" * 5000 + "MIT" + ")" * 5000, " AND ".join(["(A OR B)"] * 12), "MIT OR " * 5000, "x" * 100_000, "\ud800"],
)
def test_hostile_expressions_are_one_unknown_name(text: str) -> None:
    assert len(read_licence(text).ways) == 1


@given(st.text(max_size=LONGEST))
def test_reading_is_idempotent_and_never_fails(text: str) -> None:
    once = read_licence(text)
    assert read_licence(once.text) == once


@given(st.lists(st.sampled_from(sorted(KNOWN)), min_size=1, max_size=5), st.randoms())
def test_an_expression_has_the_ways_that_logic_gives_it(names: list[str], random: object) -> None:
    text = " OR ".join(names)
    assert set(read_licence(text).ways) == {frozenset({name}) for name in names}
    assert read_licence(" AND ".join(names)).ways == (frozenset(names),)


def test_facts() -> None:
    assert not KNOWN["CC-BY-NC-4.0"].commercial
    assert not KNOWN["CC-BY-ND-4.0"].derivatives
    assert KNOWN["CC-BY-ND-4.0"].training == "ask"
    assert KNOWN["CC-BY-SA-4.0"].share_alike
    assert not KNOWN["CC0-1.0"].attribution
    assert all(facts.training in {"yes", "ask"} for facts in KNOWN.values())
    assert {name for name, facts in KNOWN.items() if not facts.commercial} == {n for n in KNOWN if "-NC" in n}
    assert {name for name, facts in KNOWN.items() if not facts.derivatives} == {n for n in KNOWN if "-ND" in n}


@pytest.mark.parametrize(
    ("text", "basis"),
    [
        ("同意あり", "consent"),
        ("Opt-In", "consent"),
        ("契約", "contract"),
        ("公開情報", "public"),
        ("撤回", "none"),
        ("our own", "our own"),
    ],
)
def test_consent(text: str, basis: str) -> None:
    assert consent_basis(text) == basis
    assert consent_basis(basis) == basis
    assert basis in CONSENTS or basis == text


def test_a_record_says_how_its_terms_were_read() -> None:
    record = Record("1", (), Origin("a.csv", 1), Terms("ＣＣ ＢＹ ４．０", "同意", "ACME"))
    read = with_read_terms(record)
    assert read.terms == Terms("CC-BY-4.0", "consent", "ACME")
    assert [(edit.rule, edit.detail["before"], edit.detail["after"]) for edit in read.history] == [
        ("licence", "ＣＣ ＢＹ ４．０", "CC-BY-4.0"),
        ("consent", "同意", "consent"),
    ]
    assert with_read_terms(read) == read


def test_an_unknown_licence_is_flagged_and_kept() -> None:
    read = with_read_terms(Record("1", (), Origin("a.csv", 1), Terms("house rules")))
    assert read.terms.licence == "house rules"
    assert [(edit.rule, edit.detail) for edit in read.history] == [("unknown_licence", {"action": "flag"})]
    assert with_read_terms(Record("1", (), Origin("a.csv", 1), Terms())).history == ()
