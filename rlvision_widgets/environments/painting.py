"""CoinRun's and Maze's frames, painted with numbers instead of colours: exactly the pixels that the library covers.

The canvas keeps, at each pixel, the highest rank (`scene.Scene`) that was painted there, so the order of the calls does
not matter and cells are painted all at once. At 64 pixels the library samples pictures in fixed point, without
smoothing; at 512 it smooths, and a pixel at an edge may differ. (Procgen 0.10.7 with Qt 5; Cobbe et al. 2020.)
"""

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.geometry import VELOCITY_SIDE, Rectangles, cell_rectangles
from rlvision_widgets.environments.scene import Canvas, Scene
from rlvision_widgets.environments.sprites import SPRITES, Sprite, load_sprite
from rlvision_widgets.environments.states import State

__all__ = ["can_paint", "paint", "paint_full_cells", "spans_of"]

ONE = 65536  # of the fixed point
FILLED = Sprite(np.ones((1, 1), np.bool_), True)
WALLS = (15, 16)  # CoinRun's cells that have a theme

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Spans(NamedTuple):
    """Along one axis, the pixels from `start` to before `stop` that each thing covers."""

    start: Integers
    stop: Integers


def can_paint(state: State, scene: Scene) -> bool:
    """Whether the pictures in `scene` are known and upright: an edit may turn a thing, or give it a foreign picture."""
    if state.game not in SPRITES:
        return False
    if state.values["use_monochrome_assets"]:
        return True
    known = SPRITES[state.game]
    pictures = {abs(value) for value in scene.cell_values} | set(scene.images.tolist())
    return pictures <= known.keys() and not state.entities["rotation"][scene.entities].any()


def paint(state: State, scene: Scene, assets: Path) -> Canvas:
    """Return the highest rank at each pixel, (height, width); 0 is the background."""
    size = scene.view.size
    canvas = np.zeros((size, size), np.int32)
    _paint_cells(canvas, state, scene, assets)
    _paint_entities(canvas, state, scene, assets)
    if (rank := scene.overlays.get("velocity")) is not None:
        side = np.float32(size) * np.float32(VELOCITY_SIDE)
        canvas[: int(side + 0.5), : int(2 * float(side) + 0.5)] = rank
    return canvas


def spans_of(low: Floats, extent: Floats, size: int) -> Spans:
    """Return what things cover that are drawn from `low` on over `extent`; both edges are rounded, not the extent."""
    start = np.maximum(np.floor(low + 0.5), 0).astype(np.int64)
    stop = np.minimum(np.floor(low + extent + 0.5), size).astype(np.int64)
    return Spans(start, np.maximum(stop, start))


def _sources(spans: Spans, low: Floats, extent: Floats, pixels: Integers) -> Integers:
    """Return which of its picture's `pixels` each thing shows, (thing, k), at the k-th pixel that it covers."""
    scale = pixels / np.maximum(extent, 1e-9)
    first = np.ceil((spans.start + 0.5 - low) * scale * ONE).astype(np.int64) - 1
    step = (ONE * scale).astype(np.int64)
    longest = int((spans.stop - spans.start).max(initial=0))
    sources: Integers = (first[:, None] + step[:, None] * np.arange(longest)) >> 16
    return np.minimum(sources, pixels[:, None] - 1)


def _paint_entities(canvas: Canvas, state: State, scene: Scene, assets: Path) -> None:
    if not len(scene.entities):
        return
    entities = state.entities[scene.entities]
    if state.values["use_monochrome_assets"]:
        sprites = [FILLED] * len(entities)
    else:
        themes = [0] * len(entities) if state.values["restrict_themes"] else entities["image_theme"].tolist()
        sprites = [load_sprite(assets, state.game, *look) for look in zip(scene.images.tolist(), themes, strict=True)]
    shapes = np.array([sprite.covered.shape for sprite in sprites], np.int64)
    brush = _Brush(scene.boxes, scene.view.size, shapes, entities["is_reflected"] != 0)
    for index, (sprite, rank) in enumerate(zip(sprites, scene.entity_ranks.tolist(), strict=True)):
        brush.stamp(canvas, sprite, index, index, rank)


class _Brush:
    """Where things are to be painted, and which of their pictures' pixels.

    Parameters
    ----------
    boxes : Rectangles
        Of things, or of columns and rows of cells.
    size : int
        Of the frame.
    shapes : int array, (thing, 2)
        Height and width of the picture of each; or one for all.
    mirrored : bool array
        Which are mirrored left to right.
    """

    def __init__(
        self, boxes: Rectangles, size: int, shapes: Integers, mirrored: npt.NDArray[np.bool_] | None = None
    ) -> None:
        self.columns = spans_of(boxes.left, boxes.width, size)
        self.rows = spans_of(boxes.top, boxes.height, size)
        self._edges = [edge.tolist() for spans in (self.rows, self.columns) for edge in spans]
        across = _sources(self.columns, boxes.left, boxes.width, shapes[:, 1])
        if mirrored is not None and mirrored.any():
            across[mirrored] = shapes[mirrored, 1, None] - 1 - across[mirrored]
        self._across, self._down = across, _sources(self.rows, boxes.top, boxes.height, shapes[:, 0])[..., None]

    def stamp(self, canvas: Canvas, sprite: Sprite, column: int, row: int, rank: int) -> None:
        """Paint a picture as `rank`."""
        tops, bottoms, lefts, rights = self._edges
        top, bottom, left, right = tops[row], bottoms[row], lefts[column], rights[column]
        if top >= bottom or left >= right:
            return
        block = canvas[top:bottom, left:right]
        if sprite.is_full:
            np.maximum(block, rank, out=block)
        else:
            covered = sprite.covered[self._down[row, : bottom - top], self._across[column, : right - left]]
            np.maximum(block, rank, out=block, where=covered)


def _paint_cells(canvas: Canvas, state: State, scene: Scene, assets: Path) -> None:
    low_x, low_y, values = scene.window
    ranks, size = scene.cell_ranks, scene.view.size
    box = cell_rectangles(scene.view, low_x + np.arange(values.shape[1]), low_y + np.arange(values.shape[0]))
    columns, rows = spans_of(box.left, box.width, size), spans_of(box.top, box.height, size)
    if state.values["use_monochrome_assets"]:
        paint_full_cells(canvas, columns, rows, ranks)
        return
    holed = {value: sprite for value in scene.cell_values if not (sprite := _cell_sprite(state, assets, value)).is_full}
    is_holed = functools.reduce(np.logical_or, [values == value for value in holed], np.False_)
    paint_full_cells(canvas, columns, rows, np.where(is_holed, 0, ranks))
    for value, sprite in holed.items():
        brush = _Brush(box, size, np.array([sprite.covered.shape], np.int64))
        for index in np.flatnonzero((values == value) & (ranks > 0)).tolist():
            row, column = divmod(index, values.shape[1])
            brush.stamp(canvas, sprite, column, row, int(ranks[row, column]))


def _cell_sprite(state: State, assets: Path, value: int) -> Sprite:
    themed = state.game == "coinrun" and value in WALLS and not state.values["restrict_themes"]
    return load_sprite(assets, state.game, abs(value), int(state.values["wall_theme"]) if themed else 0)


def paint_full_cells(canvas: Canvas, columns: Spans, rows: Spans, ranks: Canvas) -> None:
    """Paint cells that have no holes, (y, x); at a pixel, at most two columns and two rows of them meet."""
    padded = np.zeros((ranks.shape[0] + 1, ranks.shape[1] + 1), canvas.dtype)
    padded[:-1, :-1] = ranks
    across, down = _owners(columns, canvas.shape[1]), _owners(rows, canvas.shape[0])
    strip = np.maximum(padded[:, across[0]], padded[:, across[1]])
    np.maximum(canvas, np.maximum(strip[down[0]], strip[down[1]]), out=canvas)


def _owners(spans: Spans, size: int) -> Integers:
    """Return the last and the first thing that covers each pixel, (2, size); where none does, as many as there are."""
    count = spans.stop - spans.start
    owner = np.repeat(np.arange(len(count)), count)
    pixel = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count - spans.start, count)
    owners = np.full((2, size), len(count), np.int64)
    owners[0, pixel] = owner
    owners[1, pixel[::-1]] = owner[::-1]
    return owners
