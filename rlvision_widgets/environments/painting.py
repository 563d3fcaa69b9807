"""CoinRun's and Maze's frames, painted with numbers instead of colours: exactly the pixels that the library covers.

The canvas keeps, at each pixel, the highest rank (`scene.Scene`) that was painted there, so the order of the calls does
not matter and cells are painted all at once. At 64 pixels the library samples pictures in fixed point, without
smoothing; at 512 it smooths, and a pixel at an edge may differ. (Procgen 0.10.7 with Qt 5; Cobbe et al. 2020.)
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.geometry import VELOCITY_SIDE, Rectangles, cell_rectangles, images_of
from rlvision_widgets.environments.scene import Canvas, Scene
from rlvision_widgets.environments.sprites import SPRITES, Sprite, load_sprite
from rlvision_widgets.environments.states import State

__all__ = ["can_paint", "filled_spans", "paint", "paint_full_cells"]

ONE = 65536  # of the fixed point
FILLED = Sprite(np.ones((1, 1), np.bool_), True)
WALLS = (15, 16)  # CoinRun's cells that have a theme

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Spans(NamedTuple):
    """Along one axis, the pixels `start` to `stop` that each thing covers, and which of its picture's they show."""

    start: Integers
    stop: Integers
    base: Integers
    step: Integers

    def sources(self, index: int, pixels: int) -> Integers:
        """Return the picture's pixel, of `pixels`, for each pixel that thing `index` covers."""
        count = self.stop[index] - self.start[index]
        return ((self.base[index] + self.step[index] * np.arange(count)) >> 16).clip(0, pixels - 1)


def can_paint(state: State) -> bool:
    """Whether the pictures of `state` are known and upright: an edit may turn a thing, or give it a foreign picture."""
    if state.game not in SPRITES:
        return False
    if state.values["use_monochrome_assets"]:
        return True
    known, images = SPRITES[state.game], set(state.entities["image_type"].tolist())
    cells = set(np.unique(state.grid).tolist())
    return not state.entities["rotation"].any() and all(
        abs(image) in known or image in (-1, 19, 100) for image in images | cells
    )


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


def _spans(low: Floats, extent: Floats, pixels: Integers, size: int) -> Spans:
    """Return what pictures of `pixels` cover when drawn from `low` on over `extent`, in frames of `size`.

    Both edges are rounded, not the size; the last pixel is dropped where the fixed point runs out of the picture.
    """
    start = np.maximum(np.floor(low + 0.5), 0).astype(np.int64)
    stop = np.minimum(np.floor(low + extent + 0.5), size).astype(np.int64)
    scale = pixels / np.maximum(extent, 1e-9)
    step = (ONE * scale).astype(np.int64)
    base = np.ceil((start + 0.5 - low) * scale * ONE).astype(np.int64) - 1
    runs_out = (base + step * (stop - start - 1)) >> 16 >= pixels
    return Spans(start, np.maximum(stop - runs_out, start), base, step)


def filled_spans(low: Floats, extent: Floats, size: int) -> Spans:
    """Return what plain rectangles cover, in frames of `size`."""
    start = np.maximum(np.floor(low + 0.5), 0).astype(np.int64)
    stop = np.minimum(np.floor(low + extent + 0.5), size).astype(np.int64)
    none = np.zeros_like(start)
    return Spans(start, np.maximum(stop, start), none, none)


def _both_spans(box: Rectangles, shapes: Integers, size: int) -> tuple[Spans, Spans]:
    return (
        _spans(box.left, box.width, shapes[..., 1], size),
        _spans(box.top, box.height, shapes[..., 0], size),
    )


def _paint_entities(canvas: Canvas, state: State, scene: Scene, assets: Path) -> None:
    box, size = scene.boxes, scene.view.size
    entities = state.entities[scene.entities]
    if state.values["use_monochrome_assets"]:
        sprites = [FILLED] * len(entities)
        columns, rows = filled_spans(box.left, box.width, size), filled_spans(box.top, box.height, size)
    else:
        themes = [0] * len(entities) if state.values["restrict_themes"] else entities["image_theme"].tolist()
        images = images_of(state, entities).tolist()
        sprites = [load_sprite(assets, state.game, *look) for look in zip(images, themes, strict=True)]
        shapes = np.array([sprite.covered.shape for sprite in sprites], np.int64).reshape(-1, 2)
        columns, rows = _both_spans(box, shapes, size)
    mirrored = entities["is_reflected"].tolist()
    for index, rank in enumerate(scene.entity_ranks.tolist()):
        _stamp(canvas, sprites[index], (columns, rows), (index, index), rank, mirrored=bool(mirrored[index]))


def _stamp(
    canvas: Canvas,
    sprite: Sprite,
    spans: tuple[Spans, Spans],
    at: tuple[int, int],
    rank: int,
    *,
    mirrored: bool = False,
) -> None:
    """Paint one picture at column and row `at` of the spans."""
    (columns, rows), (column, row) = spans, at
    block = canvas[rows.start[row] : rows.stop[row], columns.start[column] : columns.stop[column]]
    if not block.size:
        return
    if sprite.is_full:
        np.maximum(block, rank, out=block)
        return
    height, width = sprite.covered.shape
    across, down = columns.sources(column, width), rows.sources(row, height)
    if mirrored:
        across = width - 1 - across
    np.maximum(block, rank, out=block, where=sprite.covered[down[:, None], across])


def _paint_cells(canvas: Canvas, state: State, scene: Scene, assets: Path) -> None:
    low_x, low_y, values = scene.window
    ranks, size = scene.cell_ranks, scene.view.size
    box = cell_rectangles(scene.view, low_x + np.arange(values.shape[1]), low_y + np.arange(values.shape[0]))
    if state.values["use_monochrome_assets"]:
        columns, rows = filled_spans(box.left, box.width, size), filled_spans(box.top, box.height, size)
        paint_full_cells(canvas, columns, rows, ranks)
        return
    sprites = {value: _cell_sprite(state, assets, value) for value in set(values[ranks > 0].tolist())}
    for shape in {sprite.covered.shape for sprite in sprites.values()}:
        columns, rows = _both_spans(box, np.array(shape, np.int64), size)
        alike = {value: sprite for value, sprite in sprites.items() if sprite.covered.shape == shape}
        full = [value for value, sprite in alike.items() if sprite.is_full]
        if full:
            paint_full_cells(canvas, columns, rows, np.where(np.isin(values, full), ranks, 0))
        for value in alike.keys() - set(full):
            for row, column in np.argwhere((values == value) & (ranks > 0)).tolist():
                _stamp(canvas, alike[value], (columns, rows), (column, row), int(ranks[row, column]))


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
