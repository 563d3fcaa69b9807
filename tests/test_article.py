"""The article's look, and hatching: golden values that `js/test/article.test.ts` has too."""

import numpy as np
import pytest

from rlvision_widgets.widgets.article import article_hues, composite_like_article, smooth
from rlvision_widgets.widgets.poster import ENLARGED, hatch


def test_eight_hues_are_the_article_s_swatches():
    swatches = ["#{:02x}{:02x}{:02x}".format(*np.rint(255 * hue / hue.max()).astype(int)) for hue in article_hues(8)]
    assert swatches == ["#ff0000", "#ffe400", "#a1ff00", "#00ff4e", "#00ffff", "#004eff", "#a100ff", "#ff00e4"]


@pytest.mark.parametrize("count", [0, 1, 3, 200])
def test_hues_have_norm_one(count):
    np.testing.assert_allclose(np.linalg.norm(article_hues(count), axis=1), np.ones(count))


def test_the_kernel_has_149_taps_that_sum_to_6_457():
    dot = np.zeros((17, 17, 1))
    dot[8, 8] = 1
    blurred = smooth(dot)[..., 0]
    assert (blurred > 0).sum() == 149
    assert blurred.sum() == pytest.approx(6.457, abs=5e-4)
    np.testing.assert_allclose(blurred[8, [8, 9, 15, 16]], [1, np.exp(-1), np.exp(-7), 0])


def test_golden_values():
    observation = np.array([200, 100, 50, 0, 0, 0, 255, 255, 255, 10, 20, 30], np.uint8).reshape(2, 2, 3)
    strength = np.array([40, 0, 0, -30, 0, 10, 20, 20]).reshape(2, 2, 2) / 100
    drawn = composite_like_article(observation, strength, article_hues(2))
    assert drawn.ravel().tolist() == [172, 83, 83, 51, 16, 16, 241, 219, 219, 80, 51, 51]


def test_without_attribution_the_frame_is_grey_or_black():
    observation = np.full((4, 4, 3), [200, 100, 50], np.uint8)
    nothing = np.zeros((2, 2, 8))
    over = composite_like_article(observation, nothing, article_hues(8))
    np.testing.assert_array_equal(over, 118)  # its luma, 117.65
    np.testing.assert_array_equal(composite_like_article(observation, nothing, article_hues(8), overlay=False), 0)


def test_a_quarter_of_a_lowering_cell_is_hatched():
    white = np.full((2 * ENLARGED, 4 * ENLARGED, 3), 255, np.uint8)
    lowers = np.array([[False, True]])
    drawn = hatch(white, lowers, np.array([[0.9, 0.9]]))
    left, right = np.split(drawn[..., 0], 2, axis=1)
    assert (left == 255).all()
    assert (right < 255).mean() == 0.25
    assert right.min() == round(255 * (1 - 0.75 * 0.9))
    y, x = np.nonzero(right < 255)
    assert set((x + left.shape[1] + y) % 8) == {0, 1}
