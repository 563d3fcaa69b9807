"""A view with its data and without a kernel: one HTML file that opens anywhere, offline.

The page runs the same code as the notebook. Its data are the answers to every request that the view can make,
compressed; the host in `js/host/standalone.ts` hands them out as the kernel would. A page that says "nothing may be
loaded" (its content security policy) proves that nothing is.
"""

import base64
import html
import io
import json
import os
import re
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import xarray as xr
from tqdm.auto import tqdm

from rlvision_widgets.names import strict_keywords
from rlvision_widgets.widgets.bundle import read_bundle
from rlvision_widgets.widgets.card import EditCard
from rlvision_widgets.widgets.card_content import read_card
from rlvision_widgets.widgets.card_page import page as card_page
from rlvision_widgets.widgets.card_reading import is_card
from rlvision_widgets.widgets.explorer import Explorer
from rlvision_widgets.widgets.movie import WRITERS
from rlvision_widgets.widgets.page import Page
from rlvision_widgets.widgets.poster import png
from rlvision_widgets.widgets.view import Study, View
from rlvision_widgets.widgets.wire import encode

__all__ = ["InlinePage", "save_snapshot", "show_snapshot"]

PAGES = (".html", ".htm")
SUFFIXES = (*PAGES, ".png", *WRITERS)

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
    view_or_study: View | Study | EditCard,
    path: str | os.PathLike[str],
    title: str | None = None,
    *,
    steps: slice | Iterable[int] | None = None,
    fps: float | None = None,
    progress: bool = True,
) -> None:
    """Save a view as a page, a picture, or a movie, by the path's suffix.

    ``.html`` is the view itself with all that it can show, in one file that needs neither a kernel nor a network:
    everything that the study holds can be seen there; nothing can be computed. ``.png`` is what it shows now, and
    ``.gif`` and ``.mp4`` are a range of steps; their panels have the browser's pixels, enlarged four times. Equal
    views give equal bytes. The file is written aside and takes its place when it is complete.

    Parameters
    ----------
    view_or_study : View, EditCard, DataTree, str or Path
        A view, shown just as it stands; a study, or where one is saved; or an edit card (`rlv.edit_card`, or its view),
        whose page is plain text, tables and drawings without any script.
    path : str or Path
        Where to. Ends in ``.html``, ``.png``, ``.gif`` or ``.mp4`` (which needs imageio-ffmpeg); an edit card's in
        ``.html``.
    title : str, optional
        The page's title and heading; by default names the agent and the environment.
    steps : slice or iterable of int, optional
        Of a movie; by default the steps that are brushed (``selected_range``), or else the episode that is shown.
    fps : float, optional
        Of a movie, frames a second; by default the view's.
    progress : bool
        Show a progress bar.

    Raises
    ------
    ValueError
        For another suffix; for an empty study; for a movie without steps; for an option that the suffix has no use for.
    FileNotFoundError
        If the front-end is not built.
    ModuleNotFoundError
        For a video without imageio-ffmpeg.
    """
    target = Path(path).absolute()
    kind = target.suffix.lower()
    if kind not in SUFFIXES:
        raise ValueError(f"expected a path that ends in one of {', '.join(SUFFIXES)}, got {str(path)!r}")
    _check_options(kind, title=title, steps=steps, fps=fps)
    if isinstance(view_or_study, EditCard) or is_card(view_or_study):
        _save_card(view_or_study, target, title)
        return
    with _view(view_or_study) as view, _aside(target) as partial:
        if kind in WRITERS:
            _write_movie(partial, view, steps=steps, fps=fps, progress=progress)
        elif kind == ".png":
            partial.write_bytes(_still(view))
        else:
            page = view.page()
            with partial.open("w", encoding="utf-8", newline="\n") as file:
                _write(file, page, title or _title(page), progress)


@strict_keywords
def show_snapshot(
    view_or_study: View | Study | EditCard, title: str | None = None, *, height: int = 900
) -> "InlinePage":
    """Show a view in a notebook as an offline page, which stays in the notebook file and in what nbconvert makes of it.

    A live view shows nothing where no kernel runs, on GitHub for instance, or in exported HTML. This does, without a
    network: its data become part of the notebook (some megabytes; see `save_snapshot`).

    Parameters
    ----------
    view_or_study : View, EditCard, DataTree, str or Path
        As for `save_snapshot`.
    title : str, optional
        The page's title and heading.
    height : int
        Of the frame, in pixels.

    Returns
    -------
    InlinePage
        Shown by being the last line of a cell.
    """
    if isinstance(view_or_study, EditCard) or is_card(view_or_study):
        return InlinePage(_card_page(view_or_study, title), height)
    with _view(view_or_study) as view:
        page = view.page()
        text = io.StringIO()
        _write(text, page, title or _title(page), progress=False)
    return InlinePage(text.getvalue(), height)


class InlinePage:
    """A page within a notebook; made by `show_snapshot`."""

    def __init__(self, page: str, height: int) -> None:
        self._page = page
        self._height = int(height)

    def _repr_html_(self) -> str:
        style = f"width:100%;height:{self._height}px;border:0"
        return f'<iframe title="Snapshot" style="{style}" srcdoc="{html.escape(self._page)}"></iframe>'

    def __repr__(self) -> str:
        return f"<InlinePage of {len(self._page) / 1e6:.1f} MB>"


def _save_card(card: Any, target: Path, title: str | None) -> None:
    if target.suffix.lower() not in PAGES:
        raise ValueError(f"an edit card is saved as a page ({PAGES[0]}), and the path ends in {target.suffix}")
    with _aside(target) as partial:
        partial.write_text(_card_page(card, title), encoding="utf-8", newline="\n")


def _card_page(card: Any, title: str | None) -> str:
    if isinstance(card, EditCard):
        return card.html(title)
    return card_page(read_card(card), title)


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """Give a path to write to, which takes the target's place when all went well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.", suffix=".partial") as aside:
        partial = Path(aside) / target.name
        yield partial
        os.replace(partial, target)


@contextmanager
def _view(shown: View | Study) -> Iterator[View]:
    if isinstance(shown, View):
        yield shown
        return
    view = Explorer(shown)
    try:
        yield view
    finally:
        view.close()


def _check_options(kind: str, *, title: str | None, steps: object, fps: float | None) -> None:
    if kind not in WRITERS and (steps is not None or fps is not None):
        raise ValueError(f"steps and fps are of a movie ({', '.join(WRITERS)}), and the path ends in {kind}")
    if kind not in PAGES and title is not None:
        raise ValueError(f"only a page ({PAGES[0]}) has a title, and the path ends in {kind}")
    if fps is not None and not 0 < fps <= 120:
        raise ValueError(f"fps must be above 0 and at most 120, got {fps}")


def _still(view: View) -> bytes:
    picture = view.picture()
    if picture is None:
        raise ValueError(f"there is nothing to draw: {view!r} shows what the study does not hold")
    return png(picture)


def _write_movie(
    path: Path, view: View, *, steps: slice | Iterable[int] | None, fps: float | None, progress: bool
) -> None:
    bar: Any = tqdm  # made at run time, which type checkers cannot follow
    shown = bar(_steps(view, steps), desc=path.suffix[1:], unit="frame", disable=not progress, leave=False)
    pictures = (picture for step in shown if (picture := view.picture(step)) is not None)
    WRITERS[path.suffix.lower()](path, pictures, fps if fps is not None else view.fps)


def _steps(view: View, wanted: slice | Iterable[int] | None) -> Sequence[int]:
    usual = view._movie_steps()
    if usual is None:
        raise ValueError(f"{type(view).__name__} has no steps that a movie could show: save it as .png or .html")
    if wanted is None:
        return usual
    steps = range(view.num_steps)[wanted] if isinstance(wanted, slice) else [int(step) for step in wanted]
    if len(steps) == 0 or not 0 <= min(steps) <= max(steps) < view.num_steps:
        raise ValueError(f"steps must be some of 0 to {view.num_steps - 1}, got {wanted!r}")
    return steps


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
<header><h1>{html.escape(title)}</h1></header>
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
