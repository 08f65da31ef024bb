"""Names by named-entity recognition with a spaCy pipeline (`pip install 'kitae[ner]'` and the pipeline)."""

from collections.abc import Iterable

from kitae.data.privacy.findings import Finding
from kitae.errors import RecipeError

PEOPLE = frozenset({"PERSON", "PER", "Person"})
"""What pipelines call people."""


class SpacyNames:
    """Finds names wherever the pipeline sees a person."""

    kinds = frozenset({"name"})
    """What it can find."""

    def __init__(self, pipeline: str) -> None:
        """Load a pipeline by its name or folder. Raises `RecipeError` when it or spaCy is missing."""
        if not pipeline:
            raise RecipeError(
                "data.privacy.recognisers: spacy needs a pipeline",
                got="spacy",
                hint="For example spacy:ja_core_news_sm",
            )
        try:
            import spacy

            self._pipeline = spacy.load(pipeline)
        except ImportError as error:
            raise RecipeError(
                "data.privacy.recognisers names spacy, and it is not installed",
                got=str(error),
                hint="pip install 'kitae[ner]', or take spacy out of the list",
            ) from error
        except (OSError, ValueError) as error:
            raise RecipeError(
                f"spaCy has no pipeline {pipeline}",
                got=" ".join(str(error).split()),
                hint=f"python -m spacy download {pipeline}, or name the folder of a pipeline",
            ) from error

    def find(self, text: str, kinds: frozenset[str]) -> Iterable[Finding]:
        """People in the text."""
        if "name" in kinds:
            for entity in self._pipeline(text).ents:
                if entity.label_ in PEOPLE and entity.text.strip():
                    why = f"spaCy's {self._pipeline.meta['name']} sees a person"
                    yield Finding("name", entity.start_char, entity.end_char, 22, why)
