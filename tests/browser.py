"""A real browser looks at a report: Chromium without a head, from disk, with no host that it could find."""

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
PHONE = 360
"""Pixels across a small telephone."""
PROBE = """
<body><iframe width="{width}" height="900" srcdoc="{page}"></iframe><script>
document.querySelector("iframe").onload = function () {{
  var inside = this.contentDocument, window_ = this.contentWindow, out = {{}};
  function shown(name) {{ return window_.getComputedStyle(inside.querySelector("span." + name)).display !== "none"; }}
  function wide() {{
    var whole = inside.documentElement.scrollWidth, all = Array.from(inside.body.querySelectorAll("*"));
    return whole <= {width} ? [] : [String(whole)].concat(all.filter(function (one) {{
      return one.getBoundingClientRect().right > {width} && !one.closest(".scroll");
    }}).map(function (one) {{ return one.outerHTML.slice(0, 99); }}));
  }}
  function outside(svg) {{
    var view = svg.getBoundingClientRect();
    return Array.from(svg.querySelectorAll("rect, line, circle, polyline, path, text")).filter(function (part) {{
      var box = part.getBoundingClientRect(), slack = 1;
      return box.width + box.height > 0 && (box.left < view.left - slack || box.right > view.right + slack ||
        box.top < view.top - slack || box.bottom > view.bottom + slack);
    }}).map(function (part) {{ return part.outerHTML; }});
  }}
  inside.querySelectorAll("details").forEach(function (one) {{ one.open = true; }});
  ["en", "ja"].forEach(function (language) {{
    inside.querySelector("[data-language=" + language + "]").click();
    var pictures = Array.from(inside.querySelectorAll("svg"));
    out[language] = {{lang: inside.documentElement.lang, en: shown("en"), ja: shown("ja"),
      wide: wide(), pressed: inside.querySelector("[aria-pressed=true]").lang,
      pictures: pictures.length, empty: pictures.filter(function (one) {{ return !one.clientWidth; }}).length,
      outside: [].concat.apply([], pictures.map(outside))}};
  }});
  out.loaded = window_.performance.getEntriesByType("resource").map(function (one) {{ return one.name; }});
  document.body.textContent = "MEASURED" + JSON.stringify(out) + "MEASURED";
}};
</script></body>
"""


def opened(page: Path, profile: Path, *, at: str = "") -> tuple[str, list[str]]:
    """The document that a browser makes of a file, as text, and what it wrote on the console."""
    assert CHROMIUM is not None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND"]
    command = [CHROMIUM, *flags, "--enable-logging=stderr", f"--user-data-dir={profile}", "--virtual-time-budget=5000"]
    done = subprocess.run(
        [*command, "--dump-dom", page.as_uri() + at], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout, re.findall(r"CONSOLE[^\n]*", done.stderr)


def check(page: Path, folder: Path) -> int:
    """Look at a report in either language on a telephone, and return how many pictures it has.

    The language switch works, nothing is wider than the screen, every part of every picture lies inside it, nothing is
    loaded, and the console stays empty.
    """
    document, console = opened(page, folder / "profile", at="#ja")
    assert '<html lang="ja">' in document
    assert console == []
    probe = folder / "probe.html"
    probe.write_text(PROBE.format(page=escape(page.read_text("utf-8")), width=PHONE), "utf-8")
    document, console = opened(probe, folder / "profile")
    assert console == []
    measured: dict[str, Any] = json.loads(unescape(document.split("MEASURED")[1]))
    assert measured["loaded"] == []
    for language, other in (("en", "ja"), ("ja", "en")):
        found = measured[language]
        assert (found["lang"], found[language], found[other], found["pressed"]) == (language, True, False, language)
        assert (found["wide"], found["outside"], found["empty"]) == ([], [], 0)
    return int(measured["en"]["pictures"])
