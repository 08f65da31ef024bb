"""Which language a text is in, from its scripts and its commonest words: Japanese, English, or another one.

Meant for short customer messages. When the evidence is thin the answer is "", which no rule punishes.
"""

import re

from kitae.core.text import HAN, HANGUL, KANA, LATIN, OTHER_LETTER

_WORD = re.compile(r"[a-zß-ÿœ']+")
_URL = re.compile(r"https?://\S+|[\w.+-]+@[\w.-]+|`[^`]*`|\[\w+\]")

FUNCTION_WORDS: dict[str, frozenset[str]] = {
    "en": frozenset(
        "the is are was were do does did can could will would i you he she it we they my your our their what when "
        "where why how who which this that these those there have has had and or but not of to in on at for with "
        "from by be been am an if about please any some as so than then no yes me us him her don't i'm it's isn't "
        "should may might must need want get got".split()
    ),
    "de": frozenset(
        "der die das und ist ich sie nicht ein eine einen einem einer wir haben hat wie wo wann kann können mit für "
        "auf dem den von zu im bei gibt es mein meine ihr ihre ihnen uns wird werden sind bitte möchte auch nach uhr "
        "aus noch bis oder wenn zum zur keine habe danke gerne".split()
    ),
    "fr": frozenset(
        "le la les un une des et est je vous nous ne pas que qui pour dans avec sur au aux du ce cette mon ma mes "
        "votre vos notre avez êtes sont à où quand comment quelle quel il elle est-ce puis-je peut-on bonjour merci "
        "peut pouvez heure sans plus être d'une c'est j'ai".split()
    ),
    "es": frozenset(
        "el la los las un una unos y es en de del que qué no por para con su sus mi mis se lo le como cómo cuándo "
        "dónde cuál cuánto está están tiene tienen hay puedo puede pueden quiero hora gracias hola somos son al "
        "desde hasta muy pero si sí ¿a".split()
    ),
    "it": frozenset(
        "il lo la gli le un una e è di del della dei che non per con su sono ho ha hanno avete come quando dove "
        "quanto quale posso può possiamo si mi ci vi vostra nostro nostra alle dalle grazie buongiorno anche ma "
        "questa questo c'è ora più".split()
    ),
    "pt": frozenset(
        "o a os as um uma e é de do da dos das que não por para com em no na seu sua meu minha como quando onde "
        "qual quanto posso pode tem têm há está estão obrigado obrigada olá você vocês gostaria são até mais às "
        "nós já também".split()
    ),
    "nl": frozenset(
        "de het een en is ik u wij niet van voor met op aan zijn hebben heeft hoe waar wanneer kan kunnen mijn onze "
        "uw dat die er ook naar bij om tot wat welke graag dank bedankt hallo laat uur geen maar".split()
    ),
}
"""Common short words. A word of several lists counts for each; only the difference decides."""

_CHINESE_ONLY = re.compile(
    r"[们这个吗么请问预订时间房没说谢给对从还让种样钱买卖开关门车电话点钟员务过进动边应该费线网热气饭馆岁楼厅几开]"
    r"|[嗎呢吧您哪啊喔]|可以|什麼|怎麼|我們|我们|你好|謝謝|的"
)
_CHINESE_MARK = re.compile(r"[吗嗎呢吧您们們这這哪啊]|可以|什[么麼]|怎[么麼]|[你我他]|請問|请问|謝謝|谢谢")
_ACCENTED = re.compile(r"[À-ÖØ-öø-ɏ¿¡]")


def detect_language(text: str) -> str:
    """ "ja", "en", another ISO 639-1 code, "other" for other scripts, or "" when nothing decides."""
    text = _URL.sub(" ", text)
    kana, han = len(KANA.findall(text)), len(HAN.findall(text))
    hangul, latin, other = len(HANGUL.findall(text)), len(LATIN.findall(text)), len(OTHER_LETTER.findall(text))
    letters = kana + han + hangul + latin + other
    if not letters:
        return ""
    if hangul >= 0.3 * letters:
        return "ko"
    if other >= 0.5 * letters:
        return "other"
    if kana + han >= 0.2 * letters:
        return _han_language(text, kana, han)
    return _latin_language(text)


def same_language(one: str, other: str) -> bool:
    """Whether two detected languages do not contradict each other."""
    return not one or not other or one == other


def _han_language(text: str, kana: int, han: int) -> str:
    """Japanese has kana in almost every sentence; Chinese has none but the stray の of a brand name."""
    if kana > 0.1 * (kana + han):
        return "ja"
    marks = len(_CHINESE_MARK.findall(text))
    simplified = len(_CHINESE_ONLY.findall(text))
    if marks + simplified >= 2 or (kana == 0 and marks + simplified >= 1 and han >= 4):
        return "zh"
    return "ja" if kana else ""


def _latin_language(text: str) -> str:
    """English unless another language's words clearly prevail; a text with no evidence at all stays "en"."""
    words = _WORD.findall(text.casefold().replace("’", "'"))
    if not words:
        return ""
    counts = {language: sum(word in known for word in words) for language, known in FUNCTION_WORDS.items()}
    best = max((language for language in counts if language != "en"), key=lambda name: counts[name])
    accented = sum(bool(_ACCENTED.search(word)) for word in re.findall(r"\S+", text.casefold()))
    lead = counts[best] - counts["en"]
    if counts[best] >= 1 and (lead >= 2 or (lead >= 1 and accented >= 1)):
        return best
    if counts["en"] == 0 and len(words) >= 3 and accented >= 0.4 * len(words):
        return "other"
    return "en"
