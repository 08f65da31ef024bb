"""Recognisers of postal codes, postal addresses and coordinates, Japanese and English."""

import re
from collections.abc import Iterator

from kitae.data.privacy.findings import Finding, near

_PREFECTURES = (
    "北海道 青森県 岩手県 宮城県 秋田県 山形県 福島県 茨城県 栃木県 群馬県 埼玉県 千葉県 東京都 神奈川県 新潟県 富山県 "
    "石川県 福井県 山梨県 長野県 岐阜県 静岡県 愛知県 三重県 滋賀県 京都府 大阪府 兵庫県 奈良県 和歌山県 鳥取県 島根県 "
    "岡山県 広島県 山口県 徳島県 香川県 愛媛県 高知県 福岡県 佐賀県 長崎県 熊本県 大分県 宮崎県 鹿児島県 沖縄県"
)
PREFECTURES = tuple(_PREFECTURES.split())

_POSTAL = re.compile(r"(?:〒 ?|(?<![0-9A-Za-z-]))([0-9]{3}-[0-9]{4}|(?:(?<=〒)|(?<=〒 ))[0-9]{7})(?![0-9A-Za-z-])")
_POSTAL_SPACED = re.compile(r"(?:〒|郵便番号)[はが:： ]{0,3}([0-9]{3} ?[0-9]{4})(?![0-9A-Za-z-])")
_POSTAL_WORD = re.compile(r"郵便番号|〒|postal|post ?code|zip|住所|address", re.IGNORECASE)
_PREFECTURE_NEXT = re.compile(r"[ 、,の]{0,2}(?:北海道|東京都|(?:京都|大阪)府|[一-鿿]{2,3}県|[一-鿿]{1,5}[市区])")
_POSTAL_ABROAD = re.compile(
    r"(?:zip(?: ?code)?|post(?:al)? ?code|postcode)(?: is| for \w+)?[ :=#]{1,3}"
    r"([0-9]{5}(?:-[0-9]{4})?|[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}|[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]|[0-9]{4})"
    r"(?![0-9A-Za-z-])",
    re.IGNORECASE,
)

_PLACE = r"[一-鿿々ぁ-んァ-ヶー]"
_NUMBER = "[0-9〇一二三四五六七八九十]"
_BLOCK = (
    rf"(?:(?:[東西南北][0-9]{{1,3}}条)?[東西南北]?{_NUMBER}{{1,4}}(?:丁目|番地|番|号)(?:の)?[0-9-]*(?:番地?|号)?(?:[0-9-]+号?)?"
    r"|[0-9]{1,4}(?:-[0-9]{1,4}){1,3}|[0-9]{1,5}番地?)"
)
_ROOM = r"(?: ?[一-鿿ァ-ヶーA-Za-z]{2,16}(?:マンション|ハイツ|ビル|荘|アパート|タワー)? ?[0-9]{1,4}号?室?)?"
_TOWN = rf"(?:{_PLACE}{{1,6}}?[市区町村郡]{_PLACE}{{0,10}}?)"
_JAPANESE = re.compile(
    rf"(?:{'|'.join(PREFECTURES)}) ?{_TOWN}{{1,3}}? ?(?:{_PLACE}{{0,10}}? ?{_BLOCK}{_ROOM})?(?![市区町村])"
)
_WITHOUT_PREFECTURE = re.compile(
    rf"[一-鿿]{{1,5}}[市区]{_PLACE}{{1,10}}? ?(?:[0-9]{{1,4}}(?:-[0-9]{{1,4}}){{1,3}}"
    rf"|[0-9一二三四五六七八九]{{1,2}}丁目[0-9-]*(?:番地?)?[0-9-]*号?){_ROOM}"
)
_HAS_BLOCK = re.compile(_BLOCK)
_HOME_WORD = re.compile(
    r"住所|住まい|住んで|自宅|届け先|届先|送り先|送付先|送って|配送先|宛先|実家|居住|発送|郵送|[Aa]ddress"
)

_STREET_KINDS = (
    "Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Way|Place|Pl|Terrace|Ter|Square|Sq|Crescent|"
    "Close|Highway|Hwy|Parkway|Pkwy|Gardens|Grove|Hill|Row|Mews|Walk|Circle|Cir|Trail|Loop|Alley|Plaza|Wharf|Quay"
)
_UNIT = r"(?:Flat|Apt\.?|Apartment|Unit|Suite|Ste\.?|Room|Floor|#)"
_REST = (
    rf"(?: (?:N|S|E|W|NE|NW|SE|SW|North|South|East|West)(?![A-Za-z])\.?)?(?:,? {_UNIT} ?[0-9A-Z-]{{1,6}})?"
    r"(?:,\s?[A-Z][A-Za-z.]+(?: [A-Z][A-Za-z]+(?![0-9])){0,2}){0,2}(?:,?\s[A-Z]{2,3}(?![A-Za-z0-9]))?"
    r"(?:,?\s(?:[0-9]{5}(?:-[0-9]{4})?|[0-9]{4}|[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2})(?![0-9A-Za-z]))?"
)
_ENGLISH = re.compile(
    rf"(?<![0-9A-Za-z.-])(?:{_UNIT} ?[0-9A-Z]{{1,5}},? )?[0-9]{{1,5}}[A-Z]?,? "
    rf"(?:(?:[NSEW]\.?|North|South|East|West) )?(?:[A-Z0-9][A-Za-z0-9'.]* ){{1,4}}"
    rf"(?:{_STREET_KINDS})(?![A-Za-z])\.?{_REST}"
)
_BOX = re.compile(rf"(?<![A-Za-z])P\.? ?O\.? ?Box [0-9]{{1,6}}{_REST}", re.IGNORECASE)

_DEGREES = r"[0-9]{1,3}(?:\.[0-9]+)?[°度] ?(?:[0-9]{1,2}(?:\.[0-9]+)?['′’分] ?(?:[0-9]{1,2}(?:\.[0-9]+)?[\"″”秒] ?)?)?"
_COORDINATES = re.compile(
    rf"{_DEGREES}[NS],? ?{_DEGREES}[EW](?![A-Za-z])"
    r"|(?<![0-9A-Za-z.-])(?!-?0\.[0-9]+, ?-?0\.)-?(?:90|[0-8]?[0-9])\.[0-9]{4,}"
    r", ?-?(?:180|1[0-7][0-9]|[0-9]{1,2})\.[0-9]{4,}(?![0-9A-Za-z.])"
)
_DEGREE_NUMBER = re.compile(r"(?<![0-9A-Za-z.-])-?[0-9]{1,3}\.[0-9]{4,}(?![0-9A-Za-z.])")
_DEGREE_WORD = re.compile(
    r"(?:北緯|南緯|東経|西経|緯度|経度|(?<![A-Za-z])(?:lat|lon|lng|long|latitude|longitude))[は:： =\"'is]{0,5}$",
    re.IGNORECASE,
)


def postal_code(text: str) -> Iterator[Finding]:
    """Japanese postal codes: 〒 before, the word for it near, or a prefecture or city right after."""
    for match in _POSTAL.finditer(text):
        if (
            match[0].startswith("〒")
            or near(text, *match.span(), _POSTAL_WORD, before=20)
            or _PREFECTURE_NEXT.match(text, match.end())
        ):
            yield Finding(
                "postal_code", match.start(1), match.end(1), 60, "three and four digits with 〒, word or place"
            )
    for match in _POSTAL_SPACED.finditer(text):
        yield Finding("postal_code", match.start(1), match.end(1), 58, "seven digits after a word for postal codes")


def postal_code_abroad(text: str) -> Iterator[Finding]:
    """American, British, Canadian and four-digit postal codes after their word."""
    for match in _POSTAL_ABROAD.finditer(text):
        yield Finding("postal_code", match.start(1), match.end(1), 58, "a code after a word for postal codes")


def japanese_address(text: str) -> Iterator[Finding]:
    """Prefecture, municipality and block; without block beside a word such as 住所; municipality and block alone."""
    for match in _JAPANESE.finditer(text):
        if _HAS_BLOCK.search(match[0]) or near(text, *match.span(), _HOME_WORD, before=16, after=20):
            yield Finding("address", match.start(), match.end(), 40, "a prefecture and what follows in an address")
    for match in _WITHOUT_PREFECTURE.finditer(text):
        yield Finding("address", match.start(), match.end(), 35, "a municipality and block numbers")


def english_address(text: str) -> Iterator[Finding]:
    """House number, street, and what follows: flat, city, state, postcode."""
    for match in _ENGLISH.finditer(text):
        yield Finding("address", match.start(), match.end(), 40, "a house number and a street")


def post_office_box(text: str) -> Iterator[Finding]:
    """Post-office boxes, and what follows."""
    for match in _BOX.finditer(text):
        yield Finding("address", match.start(), match.end(), 40, "a post-office box")


def coordinates(text: str) -> Iterator[Finding]:
    """Latitude and longitude: degrees with N and E, two numbers with four decimals, or a number after its word."""
    for match in _COORDINATES.finditer(text):
        yield Finding("coordinates", match.start(), match.end(), 61, "the form of latitude and longitude")
    for match in _DEGREE_NUMBER.finditer(text):
        if _DEGREE_WORD.search(text, max(0, match.start() - 16), match.start()):
            yield Finding("coordinates", match.start(), match.end(), 46, "a number after latitude or longitude")
