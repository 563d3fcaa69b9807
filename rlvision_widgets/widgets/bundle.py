"""The built front-end: JavaScript and CSS that `npm run build` puts beside the package's Python files."""

from pathlib import Path

from rlvision_widgets.names import unknown

__all__ = ["ON_DEMAND", "STATIC", "built", "on_demand", "read_bundle"]

STATIC = Path(__file__).parent.parent / "static"
# Parts of views, fetched when first shown.
ON_DEMAND = (
    *("grid", "cell", "compare_time", "menus", "story", "time", "world", "forks"),
    *("counterfactual_more", "editing"),
)


def built(name: str) -> Path | str:
    """Return the path of a built file, or the empty string while it is not built.

    For anywidget's class attributes, which are read when the class is made: importing the views has to work in a
    source tree that is not built. From a path anywidget can also reload the file (``ANYWIDGET_HMR=1``).
    """
    path = STATIC / name
    return path if path.is_file() else ""


def read_bundle(name: str) -> str:
    """Return a built file's text.

    Raises
    ------
    FileNotFoundError
        If the front-end is not built, with the command that builds it.
    """
    path = STATIC / name
    if not path.is_file():
        raise FileNotFoundError(
            f"the front-end is not built: {path} is missing. In a source tree run `npm ci && npm run build` and "
            "restart the kernel; an installed wheel has it, so reinstall the package there."
        )
    return path.read_text(encoding="utf-8")


def on_demand(name: str) -> str:
    """Return the script of a part of a view that is fetched when it is first shown.

    Parameters
    ----------
    name : str
        One of `ON_DEMAND`: a view can ask for these and for no other file.

    Raises
    ------
    ValueError
        For another name.
    FileNotFoundError
        If the front-end is not built.
    """
    if name not in ON_DEMAND:
        raise ValueError(unknown("bundle", name, ON_DEMAND))
    return read_bundle(f"{name}.js")
