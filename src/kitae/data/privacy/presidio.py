"""Presidio's pattern recognisers behind the same Protocol (`pip install 'kitae[presidio]'`).

They are called one by one and without an engine, so that no language model is loaded and nothing is fetched.
"""

from collections.abc import Iterable
from typing import Any

from kitae.data.privacy.findings import Finding
from kitae.errors import RecipeError

ENTITIES = {
    "CREDIT_CARD": "card",
    "DATE_TIME": "date",
    "EMAIL_ADDRESS": "email",
    "IBAN_CODE": "iban",
    "IP_ADDRESS": "ip_address",
    "MAC_ADDRESS": "mac_address",
    "PHONE_NUMBER": "phone",
    "URL": "url",
    "US_BANK_NUMBER": "bank_account",
    "US_DRIVER_LICENSE": "driving_licence",
    "US_PASSPORT": "passport",
    "US_SSN": "us_ssn",
}
"""Our kinds by Presidio's entities."""
LEAST_SCORE = 0.4
"""Presidio's patterns below are guesses that its context words would have to confirm: any nine digits, for example."""


class Presidio:
    """Presidio's recognisers of cards, accounts, numbers and addresses on the net."""

    def __init__(self) -> None:
        """Make the recognisers. Raises `RecipeError` when Presidio is not installed."""
        self._recognisers = pattern_recognisers()

    @property
    def kinds(self) -> frozenset[str]:
        """What it can find."""
        return frozenset(ENTITIES.values())

    def find(self, text: str, kinds: frozenset[str]) -> Iterable[Finding]:
        """Findings of the wanted kinds; the priority follows Presidio's score."""
        for made in self._recognisers:
            entities = [entity for entity in made.supported_entities if ENTITIES[entity] in kinds]
            if not entities:
                continue
            for result in made.analyze(text, entities):
                if result.score >= LEAST_SCORE and result.start < result.end:
                    why = f"Presidio's {made.name}, score {result.score:g}"
                    priority = round(60 * result.score)
                    yield Finding(ENTITIES[result.entity_type], result.start, result.end, priority, why)


def pattern_recognisers() -> list[Any]:
    """Presidio's recognisers, one of each class. Raises `RecipeError` when it is not installed."""
    try:
        from presidio_analyzer import predefined_recognizers as there
    except ImportError as error:
        raise RecipeError(
            "data.privacy.recognisers names presidio, and it is not installed",
            got=str(error),
            hint="pip install 'kitae[presidio]', or take presidio out of the list",
        ) from error
    return [
        there.CreditCardRecognizer(),
        there.DateRecognizer(),
        _email(there.EmailRecognizer),
        there.IbanRecognizer(),
        there.IpRecognizer(),
        there.MacAddressRecognizer(),
        there.PhoneRecognizer(),
        there.UrlRecognizer(),
        there.UsBankRecognizer(),
        there.UsLicenseRecognizer(),
        there.UsPassportRecognizer(),
        there.UsSsnRecognizer(),
    ]


def _email(base: Any) -> Any:
    """Presidio's recogniser of e-mail, with the list of public suffixes that is installed: its own asks the network."""
    import tldextract

    extract = tldextract.TLDExtract(suffix_list_urls=())

    class InstalledSuffixes(base):  # type: ignore[misc]
        def validate_result(self, pattern_text: str) -> bool:
            return bool(extract(pattern_text).fqdn)

    return InstalledSuffixes(name="EmailRecognizer")
