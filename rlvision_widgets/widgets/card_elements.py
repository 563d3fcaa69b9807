"""Elements of a page, built and not pasted together: whatever text they hold, it stays text."""

import re
import xml.etree.ElementTree as ET

__all__ = ["Child", "element", "written"]

Child = ET.Element | str
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")  # what no document may hold


def element(tag: str, *children: Child, **attributes: str | float) -> ET.Element:
    """Return an element.

    Parameters
    ----------
    tag : str
        Of HTML or of SVG.
    children : Element or str
        Texts are escaped when the page is written.
    attributes : str or float
        Named as in Python: ``class_`` is ``class`` and ``stroke_width`` is ``stroke-width``. Numbers are rounded to
        hundredths of a pixel.
    """
    made = ET.Element(tag)
    for name, value in attributes.items():
        text = value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
        made.set(name.rstrip("_").replace("_", "-"), _UNSEEN.sub("\ufffd", text))
    for child in children:
        if isinstance(child, ET.Element):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + _UNSEEN.sub("\ufffd", child)
        else:
            made.text = (made.text or "") + _UNSEEN.sub("\ufffd", child)
    return made


def written(root: ET.Element) -> str:
    """Return an element as text that is both HTML and XML: no element of a card may stand without its end."""
    return ET.tostring(root, encoding="unicode", short_empty_elements=False)
