"""The edit card in a notebook, and as files."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import xarray as xr

from rlvision_widgets.names import strict_keywords
from rlvision_widgets.widgets.card_charts import plot_chart
from rlvision_widgets.widgets.card_content import read_card
from rlvision_widgets.widgets.card_elements import element, written
from rlvision_widgets.widgets.card_page import draw_head, draw_words, inline, page
from rlvision_widgets.widgets.card_parts import Card, Section
from rlvision_widgets.widgets.card_style import STYLE

__all__ = ["EditCard"]

TABLES = ("causes", "ceiling", "null", "dose", "internals", "probes")


class EditCard(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """Show what an edit changed, and all that it takes to doubt it.

    Sentences, bqplot figures and tables: failures by cause, random edits in its place, the ceiling and the
    blindness index, dose and response, what changes inside, what probes still find, and how all of it was measured. A
    part that was not measured says so.

    Parameters
    ----------
    card : DataTree, str or Path
        As `rlv.edit_card` and `rlv.measure_edit` return it, or where its `to_zarr` has saved it.

    Attributes
    ----------
    card : DataTree
    figures : dict of str to tuple of bqplot.Figure
        By section: ``"causes"``, ``"null"``, ``"ceiling"``, ``"dose"``, ``"internals"``, ``"probes"``.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is nothing, or no edit card.

    Examples
    --------
    >>> card = rlv.edit_card(rlv.evaluate(agent, 5000, edits={"blind": [edit]}), target="saw")  # doctest: +SKIP
    >>> rlv.EditCard(card)  # doctest: +SKIP
    >>> rlv.save_snapshot(card, "card.html")  # doctest: +SKIP
    """

    @strict_keywords
    def __init__(self, card: xr.DataTree | str | os.PathLike[str]) -> None:
        self.card = _opened(card) if isinstance(card, str | os.PathLike) else card
        self._content = read_card(self.card)
        self.figures = {one.key: tuple(map(plot_chart, one.charts)) for one in self._content.sections}
        super().__init__([_shown_head(self._content), *(self._shown(one) for one in self._content.sections)])

    def html(self, title: str | None = None) -> str:
        """Return the card as a page that needs neither a kernel nor a network; `rlv.save_snapshot` writes it.

        Parameters
        ----------
        title : str, optional
            The page's title and heading; by default names the edits.
        """
        return page(self._content, title)

    def to_csv(self, folder: str | os.PathLike[str]) -> None:
        """Write the card's numbers as tables, unrounded: ``causes.csv``, ``null.csv``, …, and ``card.json``.

        Parameters
        ----------
        folder : str or Path
            Made if it is not there. Tables of parts that the card lacks are not written.

        Notes
        -----
        Rates and differences are shares, 0 to 1; one row for each combination of the columns that stand first.
        ``card.json`` holds what the tables do not: agent, seeds, edits, margins, and what is missing.
        """
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for name in TABLES:
            if name in self.card.children:
                for suffix, table in _tables(self.card[name].to_dataset()):
                    table.to_csv(target / f"{name}{suffix}.csv")
        attrs = {"": dict(self.card.attrs), **{name: dict(node.attrs) for name, node in self.card.children.items()}}
        (target / "card.json").write_text(json.dumps(attrs, indent=2, ensure_ascii=False, default=_plain) + "\n")

    def _shown(self, section: Section) -> ipywidgets.Widget:
        heading, sentences, tables = draw_words(section)
        above = ipywidgets.HTML(written(element("div", heading, *sentences, class_="rlv-card")))
        below = [ipywidgets.HTML(written(element("div", *tables, class_="rlv-card")))] if tables else []
        return ipywidgets.VBox([above, *self.figures[section.key], *below])

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Add the page's tables and pictures, for where no widget can run: GitHub, nbconvert."""
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, *metadata = bundle if isinstance(bundle, tuple) else (bundle,)
        data = {**data, "text/html": inline(self._content)}
        return (data, *metadata) if metadata else data


def _opened(path: str | os.PathLike[str]) -> xr.DataTree:
    """Read a card that was saved."""
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no edit card at {str(path)!r}; card.to_zarr(path) saves one.")
    try:
        with xr.open_datatree(path, engine="zarr", consolidated=False) as tree:
            return tree.load()
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{str(path)!r} holds no edit card that card.to_zarr(path) has saved ({error}). Outcomes of `evaluate` "
            "become one by rlv.edit_card(rlv.read_outcomes(path)), the folder of `measure_edit` by the same call again."
        ) from None


def _tables(data: xr.Dataset) -> Iterator[tuple[str, Any]]:
    """Yield tables (DataFrame) of the variables that share their dimensions, those of the first without a suffix."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, variable in data.data_vars.items():
        groups.setdefault(tuple(map(str, variable.dims)), []).append(str(name))
    for number, (dims, names) in enumerate(groups.items()):
        table = (
            data[names].to_dataframe(dim_order=list(dims)) if dims else data[names].expand_dims("one").to_dataframe()
        )
        yield "" if number == 0 else "_by_" + "_".join(dims or ("nothing",)), table


def _plain(value: Any) -> Any:
    """Return what JSON can hold of an attribute that numpy made."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _shown_head(content: Card) -> ipywidgets.HTML:
    return ipywidgets.HTML(f"<style>{STYLE}</style>{written(element('div', draw_head(content), class_='rlv-card'))}")
