"""Records that say the same in other words: an extra that is off by default, since paraphrases are what training needs.

Vectors of question and answer come from the letters (`letters`: no model, no network, no synonyms) or from an endpoint
that the recipe names (`embedding`). `pairs` finds who is alike, `stage` decides who is flagged or goes.
"""

from kitae.data.meaning.stage import SAME_MEANING, Meanings, Shard, find_meanings

__all__ = ["SAME_MEANING", "Meanings", "Shard", "find_meanings"]
