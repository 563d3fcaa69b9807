"""What a layer's features detect: one small picture of all of them, and a table that says it in numbers."""

from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr
from PIL import Image

from rlvision_widgets.agents import Agent
from rlvision_widgets.analysis.patches import cut_patches, opacity
from rlvision_widgets.analysis.selectivity import object_selectivity
from rlvision_widgets.analysis.shares import attribution_shares
from rlvision_widgets.schema import FEATURE_COLOURS
from rlvision_widgets.widgets.pictures import INK, MARGIN, MUTED, Text, fitting, written
from rlvision_widgets.widgets.thumbnails import thumbnails

__all__ = ["MOST_BYTES", "Seen", "draw_features", "features_seen", "features_table"]

DENSITY = "0.25"  # patches of the spatial grid for each cell of the layer, along each side
EXAMPLES = 4  # of the strongest, along each side
PATCH = (
    0.25  # side of one of them, in heights of the observation: more than a cell sees, so that an eye knows the thing
)
SIDE = 256  # screen pixels of the strongest examples, and of the grid beside them
GAP, HEAD = 10, 44  # pixels between pictures, and above them for two lines of words
COLUMNS = 2
MOST_BYTES = 200_000

Pixels = npt.NDArray[np.uint8]


class Seen(NamedTuple):
    """What is known of one feature."""

    name: str
    """As it is called in the study; "" unless somebody named it."""
    colour: str
    share: float
    """Of all that its layer's attribution raises and lowers; NaN where nothing is known."""
    best_class: str
    """Of objects, the one whose places it tells best from the others; "" where objects are not known."""
    auroc: float
    """How well, 0.5 is chance."""
    lift: float
    """Its activation at that class over the same elsewhere; 1 is chance."""
    interpretable: bool
    """Whether the area is at least 0.8 and 4 standard deviations above that of chance."""


def features_seen(study: xr.DataTree, agent: Agent, layer: str, output: str) -> list[Seen]:
    """Return for each feature of a layer what it carries and which objects it tells from all else.

    Parameters
    ----------
    study : DataTree
        Of the agent, with the layer's features; objects are known of Procgen's games.
    agent : Agent
    layer, output : str
        The attribution that shares are of.
    """
    node = study[f"layers/{layer}"].dataset
    number = node.sizes["feature"]
    shares = attribution_shares(study[f"layers/{layer}/outputs/{output}"].dataset)
    share = (shares["raised"].values + shares["lowered"].values)[:number] / 2
    names = node["name"].values.tolist() if "name" in node else [""] * number
    colours = [str(colour) for colour in node["colour"].values] if "colour" in node else [""] * number
    told = object_selectivity(study, layer, agent) if "world" in study.children else None
    seen = []
    for k in range(number):
        colour = colours[k] or FEATURE_COLOURS[k % len(FEATURE_COLOURS)]
        seen.append(Seen(str(names[k] or ""), colour, float(share[k]), *_best(told, k)))
    return seen


def _best(told: xr.Dataset | None, k: int) -> tuple[str, float, float, bool]:
    if told is None:
        return "", float("nan"), float("nan"), False
    best = str(told["best_class"].values[k])
    lift = told["lift"].isel(feature=k).sel(object_class=best)
    return best, float(told["best_auroc"][k]), float(lift), bool(told["interpretable"][k])


def features_table(seen: list[Seen]) -> list[str]:
    """Return the same as lines of a Markdown table."""
    named = (
        "feature",
        "share of the attribution",
        "tells best",
        "area (0.5: chance)",
        "lift (1: chance)",
        "counts as one",
    )
    lines = [f"| {' | '.join(named)} |", "|---" * len(named) + "|"]
    for k, one in enumerate(seen):
        told = f"{one.best_class} | {one.auroc:.2f} | {one.lift:.1f}" if one.best_class else "– | – | –"
        counts = "yes" if one.interpretable else "no"
        lines.append(f"| {k}{f' {one.name}' if one.name else ''} | {one.share:.0%} | {told} | {counts} |")
    number = sum(one.interpretable for one in seen)
    counted = (
        f"{number} of {len(seen)} count as one class's: an area of 0.8 or more, and 4 standard deviations above chance."
    )
    return [*lines, "", counted]


def draw_features(study: xr.DataTree, layer: str, seen: list[Seen]) -> bytes:
    """Draw each feature's strongest examples beside its spatial grid.

    Parameters
    ----------
    study : DataTree
        With the layer's features.
    layer : str
    seen : list of Seen
        Of every feature, for the words above its pictures.

    Returns
    -------
    bytes
        A PNG file of at most `MOST_BYTES`.

    Notes
    -----
    Left, the 16 observations that activate the feature most, laid out as they lie on screen; right, for each place
    on screen the patch that activates it most there (Hilton et al. 2020). Fainter is weaker.
    """
    examples, grids = _examples(study, layer), _grids(study, layer)
    width, height = COLUMNS * (2 * SIDE + GAP) + (COLUMNS - 1) * 3 * GAP, SIDE + HEAD
    rows = -(-len(seen) // COLUMNS)
    picture = np.full((rows * (height + GAP) + 2 * MARGIN - GAP, width + 2 * MARGIN, 3), 255, np.uint8)
    texts: list[Text] = []
    for k, one in enumerate(seen):
        row, column = divmod(k, COLUMNS)
        top, left = MARGIN + row * (height + GAP), MARGIN + column * (2 * SIDE + 4 * GAP)
        for place, drawn in enumerate((examples[k], grids[k])):
            at = left + place * (SIDE + GAP)
            shown = _on_white(drawn)
            picture[top + HEAD : top + HEAD + shown.shape[0], at : at + shown.shape[1]] = shown
        picture[top + 2 : top + 16, left : left + 14] = list(bytes.fromhex(one.colour[1:]))
        texts += _words(k, one, left, top)
    return _encoded(written(picture, texts))


def _examples(study: xr.DataTree, layer: str) -> Pixels:
    """Return the observations that activate each feature most around that place, (feature, height, width, rgba)."""
    found = study[f"layers/{layer}/examples"].dataset[["source", "row", "column", "strength"]]
    best = found.isel(rank=slice(EXAMPLES**2)).load()
    cells = _cells(study, layer)
    around = {name: best[name].transpose("feature", "rank").values for name in ("row", "column")}
    source = best["source"].transpose("feature", "rank").values
    patch = cut_patches(_observations(study), source, **around, layer_cells=cells, cells=PATCH * cells[0])
    shown = best.assign(patch=(("feature", "rank", "patch_height", "patch_width", "rgb"), patch))
    return thumbnails(shown).transpose("feature", "height", "width", "rgba").values


def _grids(study: xr.DataTree, layer: str) -> Pixels:
    """Return each feature's spatial grid, (feature, height, width, rgba)."""
    found = study[f"layers/{layer}/grids/observations"].children
    grid = found[DENSITY if DENSITY in found else next(iter(found))].dataset.load()  # small layers have no coarse grid
    row, column = np.meshgrid(grid["row"].values, grid["column"].values, indexing="ij")
    cells, source = _cells(study, layer), grid["source"].values
    side = cells[0] / len(row)  # patches fill the screen
    patch = cut_patches(_observations(study), source, row=row, column=column, layer_cells=cells, cells=side)
    alpha = opacity(grid["strength"].values)[..., None, None, None]
    rgba = np.concatenate([patch, np.broadcast_to(alpha, (*patch.shape[:-1], 1))], -1).transpose(0, 1, 3, 2, 4, 5)
    features, rows, high, columns, wide, _ = rgba.shape
    return rgba.reshape(features, rows * high, columns * wide, 4)


def _observations(study: xr.DataTree) -> Pixels:
    return study["observations"].dataset["observation"].values


def _cells(study: xr.DataTree, layer: str) -> tuple[int, int]:
    """Return height and width of a layer."""
    sizes = next(iter(study[f"layers/{layer}/outputs"].children.values())).sizes
    return sizes["y"], sizes["x"]


def _on_white(rgba: Pixels) -> Pixels:
    """Return a picture (height, width, rgb) enlarged to its place, pixel by pixel; what is transparent is white."""
    alpha = rgba[..., 3:].astype(float) / 255
    flat = np.rint(rgba[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    times = max(1, SIDE // max(flat.shape[:2]))
    return flat.repeat(times, axis=0).repeat(times, axis=1)[:SIDE, :SIDE]


def _words(k: int, one: Seen, left: int, top: int) -> list[Text]:
    title = f"feature {k}" + (f" · {one.name}" if one.name else "") + f" · {one.share:.0%} of the attribution"
    told = f"tells best: {one.best_class}, area {one.auroc:.2f}, lift {one.lift:.1f}" if one.best_class else ""
    wide = 2 * SIDE + GAP
    return [(left + 20, top, fitting(title, wide - 20), INK), (left, top + 20, fitting(told, wide), MUTED)]


def _encoded(picture: Pixels) -> bytes:
    """Return the picture as PNG; where that is too large, with as few colours as it takes."""
    image = Image.fromarray(picture)
    for colours in (0, 256, 128, 64, 32):
        reduced = image.quantize(colours, dither=Image.Dither.NONE) if colours else image
        file: Any = BytesIO()
        reduced.save(file, "PNG", optimize=True)
        if file.tell() <= MOST_BYTES:
            break
    return file.getvalue()  # type: ignore[no-any-return]
