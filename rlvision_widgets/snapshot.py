"""A view with its data and without a kernel: one HTML file that opens anywhere, offline.

The page runs the same code as the notebook. Its data are the answers to every request that the view can make,
compressed; the host in `js/host/standalone.ts` hands them out as the kernel would. A page that says "nothing may be
loaded" (its content security policy) proves that nothing is.
"""

import base64
import html
import json
import os
import re
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import xarray as xr
from tqdm.auto import tqdm

from rlvision_widgets.names import strict_keywords
from rlvision_widgets.storage import open_study
from rlvision_widgets.widgets.bundle import read_bundle
from rlvision_widgets.widgets.explorer import Explorer, initial_state
from rlvision_widgets.widgets.page import Page, parts, requests
from rlvision_widgets.widgets.poster import poster
from rlvision_widgets.widgets.source import StudySource
from rlvision_widgets.widgets.view import View
from rlvision_widgets.widgets.wire import encode

__all__ = ["save_snapshot"]

POLICY = "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; img-src data: blob:"
STYLE = """
:root { color-scheme: light dark; }
body { margin: 0 auto; padding: 1rem; max-width: 1400px; background: Canvas; color: CanvasText;
       font: 14px/1.4 system-ui, sans-serif; }
h1 { margin: 0 0 .75rem; font-size: 1.15rem; font-weight: 600; }
footer { margin-top: 1rem; font-size: .8rem; opacity: .75; overflow-wrap: anywhere; }
noscript img { display: block; image-rendering: pixelated; }
"""


@strict_keywords
def save_snapshot(
    view_or_study: View | xr.DataTree | str | os.PathLike[str],
    path: str | os.PathLike[str],
    title: str | None = None,
    *,
    progress: bool = True,
) -> None:
    """Save a view with all that it can show as one HTML file, which needs neither a kernel nor a network.

    Everything that the study holds can be seen in the page; nothing can be computed there. Equal views give equal
    bytes. The file is written aside and takes its place when it is complete.

    Parameters
    ----------
    view_or_study : View, DataTree, str or Path
        A view, which the page opens just as it stands; or a study, or where one is saved.
    path : str or Path
        Where to; ends in ``.html``.
    title : str, optional
        The page's title and heading; by default names the agent and the environment.
    progress : bool
        Show a progress bar.

    Raises
    ------
    ValueError
        For another suffix; for an empty study.
    FileNotFoundError
        If the front-end is not built.
    """
    target = Path(path).absolute()
    if target.suffix.lower() not in {".html", ".htm"}:
        raise ValueError(f"a snapshot is an HTML page: expected a path that ends in .html, got {str(path)!r}")
    page = _page(view_or_study)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.", suffix=".partial") as aside:
        partial = Path(aside) / target.name
        with partial.open("w", encoding="utf-8", newline="\n") as file:
            _write(file, page, title or _title(page), progress)
        os.replace(partial, target)


def _page(shown: View | xr.DataTree | str | os.PathLike[str]) -> Page:
    if isinstance(shown, View):
        return shown.page()
    source = StudySource(shown if isinstance(shown, xr.DataTree) else open_study(Path(shown)))
    state = initial_state(source)
    picture = poster(source, *(state[name] for name in ("trajectory", "step", "layer", "output")))
    return Page(Explorer._bundle, (source,), state, [*requests(source), *parts(source)], picture)


def _write(file: TextIO, page: Page, title: str, progress: bool) -> None:
    file.write(
        f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{html.escape(title)}</title>
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{STYLE}</style>
<style>{_in_style(read_bundle(page.bundle + ".css"))}</style>
</head>
<body>
<h1>{html.escape(title)}</h1>
<noscript>
{_without_scripts(page)}
</noscript>
<main data-rlv-root>
<div data-rlv-view></div>
<script type="application/json" data-rlv-state>{_json(page.state)}</script>
<script type="text/plain" data-rlv-esm>{_in_script(read_bundle(page.bundle + ".js"))}</script>
"""
    )
    bar: Any = tqdm  # made at run time, which type checkers cannot follow
    for method, params in bar(page.asked, desc="snapshot", unit="part", disable=not progress, leave=False):
        file.write(_reply(page, method, params))
    file.write(
        f"""</main>
<footer>{_provenance(page)}</footer>
<script type="module">{_in_script(read_bundle("standalone.js"))}</script>
</body>
</html>
"""
    )


def _without_scripts(page: Page) -> str:
    told = "<p>This page is interactive, and its scripts are switched off."
    if page.picture is None:
        return told + "</p>"
    picture = base64.b64encode(page.picture).decode()
    alt = html.escape(page.caption)
    return f'{told} It starts with this step:</p>\n<img alt="{alt}" src="data:image/png;base64,{picture}">'


def _reply(page: Page, method: str, params: Mapping[str, Any]) -> str:
    """Return the script element with the answer to a request; its attribute is the request."""
    result, arrays = page.answer(method, dict(params))
    specs, buffers = encode(arrays, "gzip", _gzip)
    key = method + json.dumps(params, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    reply = {"result": {**result, "arrays": specs}, "buffers": [base64.b64encode(b).decode() for b in buffers]}
    return f'<script type="application/json" data-rlv-reply="{html.escape(key)}">{_json(reply)}</script>\n'


def _gzip(data: memoryview) -> bytes:
    return zlib.compress(data, 9, wbits=31)  # 31: gzip's header, without the time


def _json(value: Any) -> str:
    """Return JSON that is safe in a script element, whatever text it holds."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c")


def _in_script(code: str) -> str:
    r"""Return JavaScript that is safe in a script element: inside strings ``<\/`` means ``</``."""
    return code.replace("</", "<\\/").replace("<!--", "<\\!--")


def _in_style(css: str) -> str:
    return re.sub("</", r"<\\/", css)


def _title(page: Page) -> str:
    seen = dict.fromkeys((str(s.study.attrs["agent"]), str(s.study.attrs["environment"])) for s in page.sources)
    agents, worlds = (list(dict.fromkeys(names)) for names in zip(*seen, strict=True))
    who = " and ".join(agents)
    verb = "see" if len(agents) > 1 else "sees"
    return f"What {who} {verb}" if agents == worlds else f"What {who} {verb} in {' and '.join(worlds)}"


def _provenance(page: Page) -> str:
    return "<br>".join(dict.fromkeys(html.escape(_origin(source.study)) for source in page.sources))


def _origin(study: xr.DataTree) -> str:
    attrs = study.attrs
    return (
        f"Agent {attrs['agent']} (weights sha256 {str(attrs['checkpoint'])[:16]}…) in {attrs['environment']} "
        f"{attrs['environment_options']} of {attrs['environment_package']}, seed {attrs['seed']}; "
        f"recorded with rlvision_widgets {attrs['package_version']}."
    )
