"""The look of "Understanding RL Vision" (Hilton et al. 2020); the views draw the same (`js/core/article.ts`)."""

import numpy as np
import numpy.typing as npt

__all__ = ["article_hues", "composite_like_article", "opacity_like_article"]

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.floating]
RADIUS = 7  # cells; exp(-7) is the smallest weight that the kernel keeps
WEIGHT = 0.9  # of the attribution over the observation
_ANCHORS = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1]], float)
_UNIT = _ANCHORS / np.linalg.norm(_ANCHORS, axis=1, keepdims=True)


def article_hues(count: int) -> Floats:
    """Return `count` equally spaced hues, warped away from red, green and blue.

    Returns
    -------
    ndarray, (feature, rgb)
        Each of norm 1. Divided by its largest part a hue is the article's swatch.
    """
    place = 6 * np.arange(count) / max(1, count)
    sector = np.floor(place).astype(int)
    part = place - sector
    warped = np.where(sector % 2 == 0, np.sin(part * np.pi / 2), 1 - np.sin((1 - part) * np.pi / 2))[:, np.newaxis]
    mixed = (1 - warped) * _UNIT[sector % 6] + warped * _UNIT[(sector + 1) % 6]
    hues: Floats = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return hues


def composite_like_article(observation: Pixels, strength: Floats, hues: Floats, *, overlay: bool = True) -> Pixels:
    """Draw positive attribution over a grey frame as the article did: smoothed, brightness as opacity.

    Parameters
    ----------
    observation : uint8 array, (height, width, rgb)
        0-255.
    strength : array, (y, x, feature)
        Attribution, 1 at full strength; what is negative is not drawn.
    hues : array, (feature, rgb)
        Of norm 1, as `article_hues` gives them; a residual among the features has (1, 1, 1).
    overlay : bool
        Over the observation with 0.9 of its opacity; else on black.

    Returns
    -------
    uint8 array, (height, width, rgb)
    """
    light = smooth(np.maximum(strength, 0) @ hues)
    alpha = _brightness(light)[..., np.newaxis]
    colour = 255 * np.minimum(1, light / np.where(alpha > 0, alpha, 1))
    height, width = observation.shape[:2]
    rows = np.arange(height) * strength.shape[0] // height
    columns = np.arange(width) * strength.shape[1] // width
    colour, alpha = (grid[rows[:, np.newaxis], columns] for grid in (colour, alpha))
    grey = (observation @ np.array([0.2126, 0.7152, 0.0722]))[..., np.newaxis] * overlay
    opacity = (WEIGHT if overlay else 1) * alpha
    drawn: Pixels = np.floor(grey * (1 - opacity) + colour * opacity + 0.5).astype(np.uint8)
    return drawn


def opacity_like_article(strength: Floats, hues: Floats, *, overlay: bool = True) -> Floats:
    """Return the opacity of each cell in `composite_like_article`: (y, x), 0-1."""
    return (WEIGHT if overlay else 1) * _brightness(smooth(np.maximum(strength, 0) @ hues))


def _brightness(light: Floats) -> Floats:
    bright: Floats = np.minimum(1, np.linalg.norm(light, axis=-1))
    return bright


def smooth(light: Floats) -> Floats:
    """Convolve (y, x, channel) with exp(-distance), cut off at 7 cells and not normalised; zero beyond the border."""
    height, width = light.shape[:2]
    padded = np.pad(light, ((RADIUS, RADIUS), (RADIUS, RADIUS), (0, 0)))
    smoothed = np.zeros_like(light)
    for down in range(-RADIUS, RADIUS + 1):
        for right in range(-RADIUS, RADIUS + 1):
            if (distance := float(np.hypot(down, right))) <= RADIUS:
                part = padded[RADIUS + down :, RADIUS + right :][:height, :width]
                smoothed += np.exp(-distance) * part
    return smoothed
