"""An edit card as HTML: for a page that opens anywhere offline, and for the parts of it that a notebook shows."""

from xml.etree.ElementTree import Element

from rlvision_widgets.widgets.card_elements import element, written
from rlvision_widgets.widgets.card_parts import Card, Chart, Section, Table
from rlvision_widgets.widgets.card_style import PAGE_STYLE, STYLE
from rlvision_widgets.widgets.card_svg import draw_chart

__all__ = ["draw_head", "draw_section", "draw_words", "inline", "page"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # neither script nor picture nor network


def page(card: Card, title: str | None = None) -> str:
    """Return a card as a whole page.

    Parameters
    ----------
    card : Card
    title : str, optional
        In place of the card's own.
    """
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{written(element("title", title or card.title))}
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{STYLE}{PAGE_STYLE}</style>
</head>
<body>
{written(_body(card, title))}
</body>
</html>
"""


def inline(card: Card) -> str:
    """Return a card as a piece of HTML with its style: for where no widget can run."""
    return f"<style>{STYLE}</style>{written(_body(card))}"


def draw_head(card: Card, title: str | None = None) -> Element:
    """Draw what comes first: what was done, what came of it, the most important numbers."""
    return element(
        "header",
        element("h1", title or card.title),
        element("p", card.subtitle, class_="muted"),
        *(element("p", sentence, class_="headline") for sentence in card.headline),
        *([element("p", card.absent, class_="absent")] if card.absent else []),
        *([_figures(card)] if card.figures else []),
    )


def draw_section(section: Section) -> Element:
    """Draw a section with its charts."""
    charts = [_figure(chart, f"card-{section.key}-{number}") for number, chart in enumerate(section.charts)]
    heading, sentences, tables = draw_words(section)
    groups = (("words", sentences), ("charts", charts), ("tables", tables))
    return element(
        "section",
        heading,
        *(element("div", *parts, class_=name) for name, parts in groups if parts),
        aria_labelledby=f"card-{section.key}",
        class_=section.key,
    )


def draw_words(section: Section) -> tuple[Element, list[Element], list[Element]]:
    """Return a section's heading, its sentences and its tables, between which come the charts."""
    heading = element("h2", section.title, id=f"card-{section.key}")
    sentences = [element("p", sentence) for sentence in section.sentences]
    if section.missing:
        sentences.append(element("p", f"Not measured: {section.missing}", class_="absent"))
    return heading, sentences, [_table(table) for table in section.tables]


def _body(card: Card, title: str | None = None) -> Element:
    sections = [draw_section(section) for section in card.sections]
    return element("div", draw_head(card, title), element("main", *sections), class_="rlv-card whole")


def _figure(chart: Chart, key: str) -> Element:
    caption = element("figcaption", chart.title, id=f"{key}-title")
    return element("figure", caption, draw_chart(chart, key))


def _figures(card: Card) -> Element:
    return element(
        "ul",
        *(
            element("li", element("span", what), element("strong", number), element("span", sure))
            for what, number, sure in card.figures
        ),
        class_="figures",
    )


def _table(table: Table) -> Element:
    head = element("thead", element("tr", *(_cell("th", words, scope="col") for words in table.header)))
    rows = [element("tr", *_cells(row), **_strong(table, number)) for number, row in enumerate(table.rows)]
    kind = {"class_": "wordy"} if table.wordy else {}
    drawn = element("table", element("caption", table.caption), head, element("tbody", *rows), **kind)
    scrolled = element("div", drawn, class_="scroll", tabindex="0", role="region", aria_label=table.caption)
    if not table.folded:
        return scrolled
    return element("details", element("summary", f"{table.caption} ({len(table.rows)} rows)"), scrolled)


def _strong(table: Table, row: int) -> dict[str, str]:
    return {"class_": "strong"} if row in table.strong else {}


def _cells(row: tuple[str, ...]) -> list[Element]:
    name, *numbers = row
    return [_cell("th", name, scope="row"), *(_cell("td", words) for words in numbers)]


def _cell(tag: str, words: str, **attributes: str) -> Element:
    """Return a cell; what follows its first line is set small."""
    line, *more = words.split("\n")
    return element(tag, line, *(element("small", text) for text in more), **attributes)
