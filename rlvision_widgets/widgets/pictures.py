"""The explorer's panels as pixels, for files that show a step: the same pixels as in the browser, with captions.

What is drawn follows the traits of `Explorer`; `js/panels/picture.ts` is the twin of this file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from rlvision_widgets.schema import FEATURE_COLOURS, INPUT_LAYER
from rlvision_widgets.widgets.article import article_hues, composite_like_article, opacity_like_article
from rlvision_widgets.widgets.overlay import draw_mask, laid_over
from rlvision_widgets.widgets.poster import ENLARGED, GAP, STRENGTH, Pixels, composite, hatch
from rlvision_widgets.widgets.source import StudySource, read, steps_of

__all__ = ["INK", "LINE", "MARGIN", "MUTED", "Painter", "Shown", "Text", "captioned", "enlarged", "fitting", "written"]

Floats = npt.NDArray[np.float64]
Text = tuple[int, int, str, tuple[int, int, int]]  # left, top, words, colour
INK, MUTED = (33, 33, 33), (110, 110, 110)
LINE = 20  # pixels of a line of text
MARGIN = 12
KEPT_ANSWERS = 16  # chunks and totals: a movie goes from one to the next
RESIDUAL = (255, 255, 255)
LINE_WIDTH = 2  # screen pixels around objects, as the browser has it where pixels are as large
WHY_NOT = {"absent": "not computed", "nan": "not a number", "first": "no earlier step in this episode"}
CHANGES = {"raises": "up since last step", "lowers": "down since last step", "both": "change (hatched: down)"}


@dataclass(frozen=True)
class Shown:
    """What of a study is drawn; named as the traits of `Explorer`.

    Parameters
    ----------
    trajectory : int
    layer : str
    outputs : tuple of str
        One row of panels each.
    isolated : int or None
        The feature that is drawn alone; the number of features stands for the residual.
    overlay, combine, show_residual : bool
    mode, scale, look, objects : str
    """

    trajectory: int
    layer: str
    outputs: tuple[str, ...]
    isolated: int | None = None
    overlay: bool = True
    combine: bool = False
    show_residual: bool = False
    mode: str = "attribution"
    scale: str = "study"
    look: str = "standard"
    objects: str = "off"

    @classmethod
    def of(cls, traits: Mapping[str, Any]) -> "Shown":
        """Read it off an explorer's traits."""
        names = ("trajectory", "layer", "overlay", "combine", "show_residual", "mode", "scale", "look", "objects")
        outputs = (traits["output"], *traits["more_outputs"])
        return cls(outputs=outputs, isolated=traits["feature"], **{name: traits[name] for name in names})

    def caption(self, output: str, role: str) -> str:
        """Say what a panel shows of an output: what ``raises``, ``lowers``, or (``both``) does either."""
        if self.mode == "change":
            return f"{output}: {CHANGES[role]}"
        words = "raises or lowers" if role == "both" else role
        hatched = " (hatched: lowers)" if role == "both" else ""
        return ("gradients: " if self.layer == INPUT_LAYER else "") + f"{words} {output}{hatched}"


class Painter:
    """Draws steps of a trajectory one after another, and reads no chunk twice in a row.

    Parameters
    ----------
    source : StudySource
    shown : Shown
    """

    def __init__(self, source: StudySource, shown: Shown) -> None:
        self._source = source
        self._shown = shown
        self._answers: dict[tuple[str, str], Any] = {}
        described = source.describe()
        layers = {layer["name"]: layer["features"] for layer in described["layers"]}
        marks = described.get("world", {}).get("colours", []) if shown.objects != "off" else []
        self._marks = np.array([list(bytes.fromhex(colour[1:])) for colour in marks], float)
        self._has_layer = shown.layer in layers
        features = layers.get(shown.layer, [])
        colours = [feature["colour"] or FEATURE_COLOURS[k % len(FEATURE_COLOURS)] for k, feature in enumerate(features)]
        self._colours = np.array([*(list(bytes.fromhex(colour[1:])) for colour in colours), RESIDUAL], float)
        self._hues = np.concatenate([article_hues(len(colours)), np.ones((1, 3))])

    def picture(self, step: int) -> Pixels:
        """Draw the panels of a step with a caption each, on white.

        Parameters
        ----------
        step : int
            Of the trajectory, from 0.

        Returns
        -------
        uint8 array, (height, width, rgb)
            Equal in size for all steps.
        """
        shown, sizes = self._shown, self._source.study.sizes
        columns = 2 if shown.combine else 3
        height, width = ENLARGED * sizes["height"], ENLARGED * sizes["width"]
        whole = 2 * MARGIN + columns * width + (columns - 1) * GAP
        tall = 2 * MARGIN + LINE + len(shown.outputs) * (LINE + height + GAP) - GAP
        picture = np.full((tall, whole, 3), 255, np.uint8)
        texts: list[Text] = [(MARGIN, MARGIN - 4, self._heading(step), INK)]
        for row, output in enumerate(shown.outputs):
            top = MARGIN + LINE + row * (LINE + height + GAP)
            for column, (caption, pixels) in enumerate(self.panels(step, output)):
                if column == 0 and row > 0:
                    continue  # the observation is that of the first row
                left = MARGIN + column * (width + GAP)
                picture[top + LINE : top + LINE + height, left : left + width] = pixels
                texts.append((left, top, fitting(caption, width), MUTED))
        return written(picture, texts)

    def panels(self, step: int, output: str) -> list[tuple[str, Pixels]]:
        """Draw the observation, and what in it raises, lowers, or does either to an output.

        Returns
        -------
        list of (str, uint8 array)
            Caption, and pixels (height, width, rgb), enlarged by `poster.ENLARGED`. Where there is no attribution the
            caption says why, and the panel is the dimmed frame alone.
        """
        observation = self._observation(step)
        drawn = [("observation", self._with_objects(step, enlarged(observation)))]
        value, why_not = self._parts(step, output)
        for role in ("both",) if self._shown.combine else ("raises", "lowers"):
            caption = self._shown.caption(output, role)
            if value is None:
                caption, nothing = f"{caption}: {WHY_NOT[why_not]}", np.zeros((1, 1, len(self._colours)))
                drawn.append((caption, self._panel(observation, nothing, role, 1.0)))
            else:
                drawn.append((caption, self._panel(observation, value, role, self._full_strength(output))))
        return drawn

    def _panel(self, observation: Pixels, value: Floats, role: str, full: float) -> Pixels:
        shown = self._shown
        strength = value / full
        directed = {"raises": strength, "lowers": -strength, "both": np.abs(strength)}[role]
        if shown.look == "article":
            drawn = composite_like_article(observation, directed, self._hues, overlay=shown.overlay)
            opacity = opacity_like_article(directed, self._hues, overlay=shown.overlay)
        else:
            drawn = composite(observation if shown.overlay else 0 * observation, directed, self._colours)
            opacity = STRENGTH * np.sqrt(np.minimum(1, np.maximum(directed, 0).sum(axis=-1)))
        large = enlarged(drawn)
        return hatch(large, value.sum(axis=-1) < 0, opacity) if role == "both" else large

    def _parts(self, step: int, output: str) -> tuple[Floats | None, str]:
        """Return what is drawn, (y, x, part) in units of the output, residual last; or None and why not."""
        now, why_not = self._attribution(step, output)
        if now is None or self._shown.mode == "attribution":
            return now, why_not
        if step == 0 or bool(self._at(step)["first"]):
            return None, "first"
        before, why_not = self._attribution(step - 1, output)
        return (None, why_not) if before is None else (now - before, "")

    def _attribution(self, step: int, output: str) -> tuple[Floats | None, str]:
        shown = self._shown
        if not self._has_layer:
            return None, "absent"
        chunk, within = divmod(step, self._source.chunk)
        flags, arrays = self._ask("attribution", layer=shown.layer, output=output, chunk=chunk)
        if not flags["computed"] or arrays["num_points"].values[within] == 0:
            return None, "absent"
        unit = float(arrays["scale"].values[within])
        if not np.isfinite(unit):
            return None, "nan"
        features = arrays["attribution"].isel(step=within).transpose("y", "x", "feature").values
        residual = arrays["residual"].isel(step=within).transpose("y", "x").values
        value = np.concatenate([features, residual[..., np.newaxis]], axis=-1) * unit
        part, last = np.arange(value.shape[-1]), value.shape[-1] - 1
        kept = part == shown.isolated if shown.isolated is not None else (part < last) | shown.show_residual
        return np.where(kept, value, 0), ""

    def _full_strength(self, output: str) -> float:
        common = self._source.display_scale(self._shown.layer, output)
        if self._shown.scale == "study":
            return common
        return float(self._ask("totals", layer=self._shown.layer, output=output)[0].get("trajectory_scale") or common)

    def _observation(self, step: int) -> Pixels:
        chunk, within = divmod(step, self._source.chunk)
        frames = self._ask("observations", chunk=chunk)[1]["observation"]
        pixels: Pixels = frames.isel(step=within).transpose("height", "width", "rgb").values
        return pixels

    def _with_objects(self, step: int, picture: Pixels) -> Pixels:
        """Outline the objects in an enlarged frame, where that is asked for and the study knows them."""
        if not len(self._marks):
            return picture
        chunk, within = divmod(step, self._source.chunk)
        masks = self._ask("masks", chunk=chunk)[1]["object_class"]
        codes = masks.isel(step=within).transpose("height", "width").values
        height, width = picture.shape[:2]
        filled = self._shown.objects == "fill"
        drawn = draw_mask(codes, self._marks, height=height, width=width, line=LINE_WIDTH, fill=filled)
        return laid_over(picture, drawn)

    def _at(self, step: int) -> dict[str, Any]:
        """Return the numbers of one step; a chunk is read, because curves of a long trajectory take their time."""
        chunk, within = divmod(step, self._source.chunk)
        key = ("numbers", str(chunk))
        if key not in self._answers:
            where = steps_of(self._shown.trajectory, chunk)
            self._keep(key, read(self._source.study, ("value", "action", "first"), where))
        return {name: array.values[within] for name, array in self._answers[key].items()}

    def _ask(self, method: str, **params: Any) -> Any:
        key = (method, str(params))
        if key not in self._answers:
            self._keep(key, self._source.answer(method, {"trajectory": self._shown.trajectory, **params}))
        return self._answers[key]

    def _keep(self, key: tuple[str, str], answer: Any) -> None:
        if len(self._answers) >= KEPT_ANSWERS:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = answer

    def _heading(self, step: int) -> str:
        shown, numbers = self._shown, self._at(step)
        parts = [str(self._source.study.attrs["agent"]), f"trajectory {shown.trajectory}", f"step {step}"]
        if "value" in numbers:
            parts.append(f"value {float(numbers['value']):.2f}")
        names, action = self._source.action_names, int(numbers["action"])
        parts.append(f"action {names[action] if action < len(names) else action}")
        return " · ".join([*parts, f"layer {shown.layer}"])


def captioned(rows: Sequence[tuple[str, Pixels]]) -> Pixels:
    """Put pictures, (height, width, rgb) each, under one another on white, each below its caption."""
    width = max(picture.shape[1] for _, picture in rows) + 2 * MARGIN
    parts, texts, top = [], [], 0
    for caption, picture in rows:
        part = np.full((LINE + picture.shape[0] + GAP, width, 3), 255, np.uint8)
        part[LINE : LINE + picture.shape[0], MARGIN : MARGIN + picture.shape[1]] = picture
        texts.append((MARGIN, top + 2, fitting(caption, width - 2 * MARGIN), INK))
        parts.append(part)
        top += len(part)
    return written(np.concatenate(parts), texts)


def enlarged(pixels: Pixels) -> Pixels:
    """Return pixels, (height, width, …), `poster.ENLARGED` times as large."""
    return pixels.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)


def written(picture: Pixels, texts: Sequence[Text]) -> Pixels:
    """Return a picture with texts on it."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    for left, top, words, colour in texts:
        draw.text((left, top), words, font=_font(), fill=colour)
    return np.asarray(image)


def fitting(words: str, width: int) -> str:
    """Return the words, cut where they would leave their panel."""
    if _font().getlength(words) <= width:
        return words
    while words and _font().getlength(words + "…") > width:
        words = words[:-1]
    return words + "…"


@lru_cache(maxsize=1)
def _font() -> Any:
    return ImageFont.load_default(size=13)
