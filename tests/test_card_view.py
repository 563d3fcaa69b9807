"""The edit card's view: its numbers are the tree's, in words, in drawings and in bqplot; what is missing is said."""

import csv
import json
import math
import re
import warnings
import xml.etree.ElementTree as ET

import bqplot as bq
import numpy as np
import pytest
import xarray as xr
from card_tree import CAUSES, CONDITIONS, COUNTS, EDITS, LEVELS, card_tree, without

import rlvision_widgets as rlv
from rlvision_widgets.widgets.card_content import read_card
from rlvision_widgets.widgets.card_elements import element, written
from rlvision_widgets.widgets.card_page import page
from rlvision_widgets.widgets.card_parts import Chart, Point, Series, room, spread
from rlvision_widgets.widgets.card_svg import draw_chart
from rlvision_widgets.widgets.card_words import chance, interval, percent, points

HOSTILE = '</style></title><script>hostile()</script><img src=x onerror="hostile()">&amp;\x00\x1b'
PARTS = ["ceiling", "null", "dose", "internals", "probes"]


@pytest.fixture(scope="module")
def tree():
    return card_tree()


@pytest.fixture(scope="module")
def view(tree):
    return rlv.EditCard(tree)


def body(text):
    """Return what a page shows; fails where an element is not closed."""
    return ET.fromstring(text[text.index('<div class="rlv-card whole"') : text.index("</body>")])


def shown(tree):
    return body(page(read_card(tree)))


def words(node):
    return re.sub(r"\s+", " ", "".join(node.itertext()))


def section(root, key):
    return root.find(f".//section[@class='{key}']")


def tables(root):
    """Return the rows of each table by its caption; a cell is a list of lines."""
    found = {}
    for table in root.iter("table"):
        rows = [
            [[cell.text or "", *(small.text for small in cell.iter("small"))] for cell in row]
            for row in table.find("tbody")
        ]
        found[table.find("caption").text] = rows
    return found


def numbers(text):
    """Return the numbers in a text, whose signs and powers are typeset."""
    plain = text.replace("−", "-").replace(",", "").translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    plain = re.sub(r"(\d)·10(-?\d+)", r"\1e\2", plain).replace("< 10-300", "0")
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", plain)]


def assert_says(text, *values):
    """Assert that a text says these numbers, to the digits that it has."""
    said = numbers(text)
    assert len(said) == len(values), (text, values)
    np.testing.assert_allclose(said, values, rtol=0.006, atol=0.0051)


# -- the page's numbers are the tree's --------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", CONDITIONS[1:])
def test_the_table_of_causes_is_the_tree_s(tree, condition):
    data = tree["causes"].to_dataset()
    rows = next(rows for caption, rows in tables(shown(tree)).items() if caption.startswith(f"{condition} ("))
    assert [row[0][0] for row in rows] == CAUSES
    for row in rows:
        one, first = (data.sel(condition=name, cause=row[0][0]) for name in (condition, "original"))
        for cell, played in ((row[1], first), (row[2], one)):
            values = [100 * played["rate"], played["count"], 100 * played["rate_low"], 100 * played["rate_high"]]
            assert_says(" ".join(cell), *map(float, values))
        assert_says(row[3][0], int(one["b"]))
        assert_says(row[4][0], int(one["c"]))
        difference = [100 * one[name] for name in ("difference", "difference_low", "difference_high")]
        assert_says(" ".join(row[5]), *map(float, difference))
        assert_says(" ".join(row[6]), float(one["p_holm"]), float(one["p"]))
        assert_says(" ".join(row[8]), 100 * float(one["mde"]), 100 * float(one["mde_paired"]))


def test_equivalence_is_told_of_causes_that_should_not_move_and_of_no_others(tree):
    data = tree["causes"].to_dataset()
    for condition in EDITS:
        rows = next(rows for caption, rows in tables(shown(tree)).items() if caption.startswith(f"{condition} ("))
        for row in rows:
            one = data.sel(condition=condition, cause=row[0][0])
            verdict = "equivalent" if one["equivalent"] else "not shown"
            role = one["role"].item()
            assert row[7][0] == {"target": "is to move", "total": "–", "other": verdict}[role]
            if role == "other":
                ends = [100 * float(one[f"equivalence_{end}"]) for end in ("low", "high")]
                assert_says(" ".join(row[7][1:]), *ends, float(one["p_equivalent"]))


def test_the_ceiling_and_the_blindness_index_are_the_tree_s(tree):
    ceiling = tree["ceiling"].to_dataset().sel(edit="saw-blind")
    (row,) = next(rows for caption, rows in tables(section(shown(tree), "ceiling")).items())
    rates = [100 * float(ceiling[f"rate_{of}"]) for of in ("original", "edited", "ceiling")]
    index = [100 * float(ceiling[f"blindness{end}"]) for end in ("", "_low", "_high")]
    assert row[0] == ["saw-blind", "ceiling: no saws seen"]
    assert_says(" ".join(" ".join(cell) for cell in row[2:]), *rates, *index)
    assert "39.0\N{NO-BREAK SPACE}% (36.7 to 41.3)" in read_card(tree).headline[0]


@pytest.mark.parametrize("edit", EDITS)
def test_random_edits_are_the_tree_s_with_the_edit_s_place_among_them(tree, edit):
    null, cause = tree["null"].to_dataset(), {"saw-blind": "saw", "enemy-blind": "enemy"}[edit]
    found = tables(section(shown(tree), "null"))
    first = [row for row in found[f"{edit}: change in points of 500 levels, beside random edits"] if row[0][0] == cause]
    assert [row[2][0] for row in first] == ["20 channels", "20 directions"]
    for row, kind in zip(first, ("channel", "direction"), strict=True):
        mine = (null["null_of"] == edit) & (null["kind"] == kind)
        random = 100 * null["difference"].sel(cause=cause).values[mine.values]
        where = null.sel(edit=edit, null_kind=kind, cause=cause)
        assert_says(row[1][0], 100 * float(where["edit_difference"]))
        assert_says(" ".join(cell[0] for cell in row[3:6]), random.min(), np.median(random), random.max())
        assert_says(row[6][0] + " " + row[7][0], float(where["percentile"]), float(where["p_null"]))
    each = found[f"Every control of {edit}, failures from {cause}"]
    assert [row[0][0] for row in each] == [str(name) for name in null["null"].values if name.startswith(edit)]


def test_doses_are_the_tree_s_and_the_sham_is_told(tree):
    dose, root = tree["dose"].to_dataset(), section(shown(tree), "dose")
    rows = tables(root)["saw-blind at parts of its strength, 500 levels each"]
    for row, strength in zip(rows, dose["strength"].values, strict=True):
        one = dose.sel(edit="saw-blind", strength=strength, cause="saw")
        rate = [
            100 * float(one["rate"]),
            int(one["count"]),
            100 * float(one["rate_low"]),
            100 * float(one["rate_high"]),
        ]
        assert_says(row[0][0] + " " + " ".join(row[1]), strength, *rate)
        assert_says(row[2][0] + " " + row[3][0], int(one["b"]), int(one["c"]))
    said = words(root)
    assert "saw-blind: failures from saw never fall as strength grows" in said
    assert "enemy-blind: failures from enemy do not grow with every step of strength (the largest fall is 0.40" in said
    assert said.count("the sham, left outcome, cause, length and return of all 500 levels as they were: b = c = 0") == 2


def test_a_sham_that_changes_something_is_no_small_print():
    tree = card_tree()
    tree["dose"]["sham_identical"].values[0] = False
    said = words(section(shown(tree), "dose"))
    assert "saw-blind: failures from saw never fall as strength grows. Strength 0, the sham, did not leave all" in said
    assert "no number here can be trusted" in said
    tree["dose"] = tree["dose"].to_dataset().isel(strength=slice(1, None))
    assert "The sham, strength 0, was not played." in words(section(shown(tree), "dose"))


def test_what_changes_inside_is_the_tree_s(tree):
    internals, root = tree["internals"].to_dataset(), section(shown(tree), "internals")
    rows = tables(root)["What changes in one look"]
    places = [(edit, presence) for edit in EDITS for presence in ("with", "without")]
    for row, (edit, presence) in zip(rows, places, strict=True):
        one = internals.sel(edit=edit, presence=presence)
        assert row[0] == [edit, f"{presence} the object"]
        assert_says(" ".join(row[1]), int(one["num_frames"]), int(one["num_episodes"]))
        for cell, name in zip(row[2:5], ("kl", "value_change", "abs_value_change"), strict=True):
            assert_says(" ".join(cell), *(float(one[f"{name}{end}"]) for end in ("", "_low", "_high")))
    assert "saw-blind: the policy changes 22.9 times as much" in words(root)


def test_probes_are_the_tree_s_and_judged_where_the_edit_acts(tree):
    probes, root = tree["probes"].to_dataset(), section(shown(tree), "probes")
    rows = next(rows for caption, rows in tables(root).items() if caption.startswith("saw-blind: AUROC"))
    for row in rows:
        one = probes.sel(edit="saw-blind", layer=row[0][0], classifier=row[1][0])
        for cell, version in ((row[2], "original"), (row[3], "edited")):
            assert_says(
                " ".join(cell), *(float(one[f"auroc{end}"].sel(version=version)) for end in ("", "_low", "_high"))
            )
        assert_says(row[4][0], int(one["positives"]))
    # at 2b, before the next kernel, nothing changes: what is found there says nothing of the edit
    said = "saw-blind: the object can still be read from what the edit changes, best at 2b → 3a (mlp): AUROC 0.884"
    assert said in words(root)


# -- the first sentences ----------------------------------------------------------------------------------------------


def test_the_headline_says_effect_ceiling_null_and_what_is_not_shown(tree):
    first, second = read_card(tree).headline
    assert first.startswith("saw-blind: failures from saw rise from 0.36\N{NO-BREAK SPACE}% to 12.8\N{NO-BREAK SPACE}%")
    assert "of the same 5,000 levels" in first
    assert "one of 40 random edits of its size did as much" in first
    assert "Unchanged within ±0.5 points: enemy, out of time and multiple." in first
    assert second.endswith("Unchanged within ±0.5 points: saw and multiple; not shown to be unchanged: out of time.")


@pytest.mark.parametrize(
    ("ratio", "size"), [(0.4, "of 0.40 to 1.00 times its size did"), (np.nan, "of unknown size did")]
)
def test_random_edits_that_are_smaller_than_the_edit_are_not_called_as_large(tree, ratio, size):
    uneven = tree.copy()
    null = tree["null"].to_dataset()
    channels = (null["null_of"] == "saw-blind") & (null["kind"] == "channel")
    ratios = np.ones(null.sizes["null"])
    ratios[np.flatnonzero(channels)[0]] = ratio
    uneven["null"] = xr.DataTree(null.assign_coords(norm_ratio=("null", ratios)))
    first, second = read_card(uneven).headline
    assert f"one of 40 random edits {size} as much" in first
    assert "of its size did as much" in second
    told = words(section(shown(uneven), "null"))
    assert f"20 random channels {size}" in told
    assert "20 random directions of its size did" in told


def test_a_null_result_is_no_proof_and_comes_with_what_it_could_have_missed():
    tree = card_tree()
    causes = tree["causes"].to_dataset()
    one = {"condition": "saw-blind", "cause": "saw"}
    causes["p_holm"].loc[one], causes["difference"].loc[one], causes["mde"].loc[one] = 0.71, -0.0004, 0.00317
    tree["causes"] = causes
    said = read_card(tree).headline[0]
    assert "no change of failures from saw is shown" in said
    assert "−0.04 points" in said
    assert "That does not show that there is none: only a rise of 0.32 points or more would have been found" in said


def test_an_edit_that_does_harm_elsewhere_says_so():
    tree = card_tree()
    tree["causes"]["p_holm"].loc[{"condition": "enemy-blind", "cause": "out of time"}] = 0.004
    assert "changed as well: out of time (+0.30)" in read_card(tree).headline[1]


# -- every state renders ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_missing_says_why_where_it_would_be_and_at_the_top(tree, part):
    root = shown(without(tree, part, why="nobody asked for it"))
    one = section(root, part)
    assert "Not measured: nobody asked for it." in words(one)
    assert one.find(".//table") is None
    assert one.find(".//svg") is None
    assert f"Not measured: {words(one.find('h2')).lower()}." in words(root.find("header"))
    assert len(root.findall(".//section")) == len(PARTS) + 2


def test_an_edit_that_a_part_lacks_is_named_with_the_reason(tree):
    partly = without(tree, why="")
    for part in PARTS:
        partly[part] = tree[part].to_dataset().sel(edit=["saw-blind"])
    partly.attrs["missing"] = json.dumps({"probes": "enemy-blind: no frame shows it."})
    root = shown(partly)
    assert all("Not measured for enemy-blind" in words(section(root, part)) for part in PARTS)
    assert "Not measured for enemy-blind (enemy-blind: no frame shows it)." in words(section(root, "probes"))
    assert "Not measured" not in words(root.find("header"))


def test_layers_that_were_probed_for_another_edit_alone_are_no_rows():
    tree = card_tree()
    for name in ("auroc", "auroc_low", "auroc_high"):
        tree["probes"][name].loc[{"edit": "enemy-blind", "layer": "3a"}] = np.nan
    found = tables(section(shown(tree), "probes"))
    layers = {caption.split(":")[0]: {row[0][0] for row in rows} for caption, rows in found.items()}
    assert layers == {"saw-blind": {"2b", "2b → 3a", "3a"}, "enemy-blind": {"2b", "2b → 3a"}}


def test_a_card_of_the_table_alone(tree):
    view = rlv.EditCard(without(tree, *PARTS))
    assert {key: len(figures) for key, figures in view.figures.items() if figures} == {"causes": 2}
    assert words(body(view.html())).count("Not measured:") == 1 + len(PARTS)


def only(tree, *conditions, causes=CAUSES):
    """Return a card of some conditions and causes."""
    kept = without(tree, *PARTS)
    kept["causes"] = kept["causes"].to_dataset().sel(condition=list(conditions), cause=list(causes))
    return kept


def test_one_condition_is_compared_with_nothing(tree):
    root = shown(only(tree, "original"))
    ((caption, rows),) = tables(section(root, "causes")).items()
    assert caption == "Levels failed by the original, of 5,000"
    assert [float(row[1][1].split()[0]) for row in rows] == COUNTS[0].tolist()
    assert "nothing is compared" in words(root)


def test_worlds_alone_are_no_edits(tree):
    card = read_card(only(tree, "original", "no saws seen"))
    assert card.title == "Edit card: no saws seen"
    assert card.headline == (
        "No edit of the network was evaluated. Failed of 5,000 levels: original 0.72\N{NO-BREAK SPACE}%; "
        "no saws seen 32.4\N{NO-BREAK SPACE}%.",
    )
    assert len(card.sections[0].charts) == 1


def test_without_causes_all_failures_are_what_counts(tree):
    bare = only(tree, "original", "saw-blind", causes=["any failure"])
    bare["causes"] = bare["causes"].to_dataset().assign_coords(target=("condition", ["", ""]))
    card = read_card(bare)
    assert card.headline[0].startswith("saw-blind: failures rise from 0.72")
    assert len(card.sections[0].charts) == 1


def test_no_failure_at_all_is_a_rate_with_an_interval():
    rng = np.random.default_rng(0)
    shape = (2, 400)
    evaluation = xr.Dataset(
        {
            "success": (("condition", "level"), np.ones(shape, bool)),
            "cause": (("condition", "level"), np.full(shape, "coin", object)),
            "length": (("condition", "level"), rng.integers(9, 99, shape)),
            "return": (("condition", "level"), np.full(shape, 10.0)),
        },
        coords={"condition": ["original", "blind"], "level_seed": ("level", np.arange(400))},
        attrs={"edits": json.dumps({"blind": [{"kind": "ablate", "layer": "2b", "direction": [0.0, 1.0]}]})},
    )
    card = rlv.edit_card(evaluation, target="saw")
    root = shown(card)
    rows = next(rows for caption, rows in tables(root).items() if caption.startswith("blind ("))
    high = 100 * card["causes"]["rate_high"].sel(condition="blind", cause="saw").item()
    assert high > 0
    saw = next(row for row in rows if row[0][0] == "saw")
    assert_says(" ".join(saw[2]), 0, 0, 0, high)
    assert "no change of failures from saw is shown" in words(root.find("header"))
    assert not re.search(r"\bnan\b|\binf\b", page(read_card(card)))


def test_edits_and_random_edits_that_all_do_nothing_are_drawn():
    tree = card_tree()
    for name in ("difference", "edit_difference"):
        tree["null"][name].values[:] = 0.0
    said = words(section(shown(tree), "null"))
    assert "saw-blind changed failures from saw by 0 points; 20 of 20 random channels of its size did as much" in said
    assert len(rlv.EditCard(tree).figures["null"]) == 2


def test_a_large_map_is_named_and_not_printed(tree):
    matrix = [[0.123] * 32] * 32
    edit = {"kind": "erase", "layer": "2b", "matrix": matrix, "bias": [0.456] * 32}
    large = tree.copy()
    large.attrs = {**tree.attrs, "edits": json.dumps({"saw-blind": [edit]})}
    said = words(section(shown(large), "protocol"))
    assert "32 × 32 numbers, in card.json" in said
    assert "0.123" not in said
    assert said.count("0.456") == 32


def test_a_ceiling_that_is_none_has_no_index():
    tree = card_tree()
    for name in ("blindness", "blindness_low", "blindness_high"):
        tree["ceiling"][name].values[:] = np.nan
    root = shown(tree)
    assert "no index, because failures from saw are no more frequent at the ceiling" in words(root)
    assert "nan" not in words(root)


def test_what_analysis_makes_is_what_the_view_reads():
    rng = np.random.default_rng(1)
    failed = np.stack([rng.random(600) < chance_ for chance_ in (0.02, 0.3, 0.6)])
    shape = ("condition", "level")
    evaluation = xr.Dataset(
        {
            "success": (shape, ~failed),
            "cause": (shape, np.where(failed, "saw", "coin").astype(object)),
            "length": (shape, np.full(failed.shape, 50)),
            "return": (shape, np.where(failed, 0.0, 10.0)),
        },
        coords={"condition": ["original", "blind", "hidden"], "level_seed": ("level", np.arange(600))},
        attrs={
            "agent": "made up",
            "edits": json.dumps({"blind": [{"kind": "ablate", "layer": "2b", "direction": [0.0, 1.0]}]}),
            "world": json.dumps({"hidden": [{"kind": "hide", "what": "saw"}]}),
        },
    )
    card = rlv.edit_card(evaluation, target="saw")
    rows = next(rows for caption, rows in tables(shown(card)).items() if caption.startswith("blind ("))
    saw = next(row for row in rows if row[0][0] == "saw")
    b, c = int((failed[1] & ~failed[0]).sum()), int((failed[0] & ~failed[1]).sum())
    assert_says(saw[3][0] + " " + saw[4][0], b, c)
    assert_says(saw[2][0], 100 * failed[1].mean())
    index = (failed[1].mean() - failed[0].mean()) / (failed[2].mean() - failed[0].mean())
    assert percent(index) in read_card(card).headline[0]


# -- text stays text --------------------------------------------------------------------------------------------------


def hostile_card():
    tree = card_tree(agent=HOSTILE, command=HOSTILE, selection=HOSTILE, cause_rule=HOSTILE, environment=HOSTILE)
    names = {"saw-blind": HOSTILE, "saw": HOSTILE + " saw"}
    nodes = {}
    for node in tree.subtree:
        data = node.to_dataset()
        for name in data.coords:
            if data[name].dtype.kind in "UO":
                data[name] = data[name].dims, [names.get(str(text), str(text)) for text in data[name].values]
        nodes[node.path] = data
    edits = {HOSTILE: [{"kind": HOSTILE}]}
    nodes["/"].attrs |= {"edits": json.dumps(edits), "edit_texts": json.dumps({HOSTILE: [HOSTILE]})}
    return without(xr.DataTree.from_dict(nodes), "probes", why=HOSTILE)


def test_whatever_names_say_stays_text():
    text = page(read_card(hostile_card()), title=HOSTILE)
    assert "<script" not in text
    assert "<img" not in text
    assert not re.search("[\x00-\x08\x0b-\x1f]", text)
    root = body(text)
    assert {node.tag for node in root.iter()} <= {
        *("div", "header", "h1", "h2", "p", "main", "section", "ul", "li", "span", "strong", "figure", "figcaption"),
        *("table", "caption", "thead", "tbody", "tr", "th", "td", "small", "details", "summary"),
        *("svg", "desc", "title", "line", "text", "circle", "rect", "polygon", "polyline"),
    }
    assert "<script>hostile()</script>" in words(root.find(".//h1"))
    for view_text in (widget.value for widget in html_widgets(rlv.EditCard(hostile_card()))):
        assert "<script" not in view_text
        assert "<img" not in view_text


def html_widgets(box):
    for child in box.children:
        if hasattr(child, "children"):
            yield from html_widgets(child)
        elif hasattr(child, "value"):
            yield child


def test_elements_escape_what_they_hold():
    made = written(element("p", HOSTILE, element("b", "in"), "after <", title=HOSTILE))
    assert made.count("<") == 4
    root = ET.fromstring(made)
    assert "".join(root.itertext()) == HOSTILE.replace("\x00", "\ufffd").replace("\x1b", "\ufffd") + "inafter <"


def test_the_page_asks_for_nothing(tree):
    text = page(read_card(tree))
    assert "default-src 'none'; style-src 'unsafe-inline'" in text
    assert not re.search(r"https?://|url\(|@import|<link|<script|src=", text)
    ids = [node.get("id") for node in body(text).iter() if node.get("id")]
    assert len(ids) == len(set(ids))
    for node in body(text).iter():
        for name in ("aria-labelledby", "aria-describedby"):
            assert node.get(name) is None or node.get(name) in ids


# -- drawings ---------------------------------------------------------------------------------------------------------


def test_svg_s_places_are_the_values(tree):
    chart = read_card(tree).sections[0].charts[0]
    root = draw_chart(chart, "k")
    circles = [node for node in root.findall("circle[@class='marker original']") if node.find("title") is not None]
    (original,) = [series for series in chart.series if series.look == "original"]
    values = np.array([point.value for point in original.points])
    np.testing.assert_allclose(values, 100 * COUNTS[0] / LEVELS)
    x = np.array([float(node.get("cx")) for node in circles])
    ticks = {node.text: float(node.get("x")) for node in root.findall("text[@class='muted']")[:-1]}
    per_unit = (ticks["30"] - ticks["0"]) / 30
    np.testing.assert_allclose((x - ticks["0"]) / per_unit, values, atol=0.02 / per_unit)
    lines = root.findall("line[@class='interval original']")
    low = np.array([float(node.get("x1")) for node in lines])
    np.testing.assert_allclose((low - ticks["0"]) / per_unit, [point.low for point in original.points], atol=0.002)


def test_many_edits_are_told_apart_by_their_looks_and_their_places(tree):
    many = without(tree, *PARTS)
    causes = tree["causes"].to_dataset()
    names = ["original", *(f"edit {k}" for k in range(5)), "no saws seen"]
    rows = causes.isel(condition=[0, 1, 2, 1, 2, 1, 3]).assign_coords(condition=names)
    many["causes"] = rows
    chart = read_card(many).sections[0].charts[0]
    assert len({series.look for series in chart.series}) == 7
    (first, *others) = (series.points[0].at * chart.row_height for series in chart.series)
    assert np.diff([first, *others]).min() >= 8 - 1e-9
    assert chart.series[-1].points[0].at < 0.5
    assert len(draw_chart(chart, "k").findall("polygon[@class='marker edited4']")) == 1 + len(CAUSES)


def test_svg_has_a_name_and_its_numbers_in_words(tree):
    for one in read_card(tree).sections:
        for chart in one.charts:
            drawn = draw_chart(chart, "k")
            assert drawn.get("role") == "img"
            said = drawn.find("desc").text
            assert all(series.name in said for series in chart.series)


def test_what_is_no_number_is_not_drawn():
    series = Series("a", "edited", (Point(0, math.nan), Point(1, 2.0), Point(2, 3.0, 2.5, math.nan)))
    root = draw_chart(Chart("t", "u", (series,), (0, 4), ("x", "y", "z")), "k")
    assert "nan" not in ET.tostring(root, encoding="unicode")
    assert len(root.findall("polygon/[@class='marker edited']")) == 1 + 2
    assert root.findall("line[@class='interval edited']") == []


@pytest.mark.parametrize("key", ["causes", "null", "ceiling", "dose", "internals", "probes"])
def test_bqplot_figures_hold_the_numbers_of_the_charts(tree, view, key):
    (one,) = [each for each in read_card(tree).sections if each.key == key]
    assert len(view.figures[key]) == len(one.charts) > 0
    for figure, chart in zip(view.figures[key], one.charts, strict=True):
        assert figure.title == chart.title
        dots = [mark for mark in figure.marks if isinstance(mark, bq.Scatter)]
        for mark, series in zip(dots, chart.series, strict=True):
            values, at = (mark.x, mark.y) if chart.rows else (mark.y, mark.x)
            np.testing.assert_array_equal(values, [point.value for point in series.points])
            np.testing.assert_array_equal(at, [point.at for point in series.points])
        lines = [mark for mark in figure.marks if isinstance(mark, bq.Lines)]
        ends = {tuple(row) for mark in lines for row in np.atleast_2d(mark.x if chart.rows else mark.y).tolist()}
        wanted = {(p.low, p.high) for series in chart.series for p in series.points if math.isfinite(p.low)}
        assert wanted <= ends
        scale = figure.axes[0 if chart.rows else 1].scale
        assert (scale.min, scale.max) == chart.ends


def test_dots_of_one_place_do_not_hide_each_other():
    offsets = spread(np.zeros(20), (-1, 1))
    assert len(set(offsets)) == 20
    assert np.abs(offsets).max() <= 0.33
    assert spread(np.array([0.0, 1.0]), (-1, 1)).tolist() == [0, 0]


def test_axes_hold_what_they_show():
    assert room(3.0, math.nan) == (0.0, pytest.approx(3.1875))
    assert room(99.0, whole=(0, 100))[1] == 100
    low, high = room(0.6, 0.9, zero=False)
    assert 0.5 < low < 0.6
    assert 0.9 < high < 1
    assert room() == (0.0, 1.0)


# -- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (percent(0.12756), "12.8\N{NO-BREAK SPACE}%"),
        (percent(0.0037), "0.37\N{NO-BREAK SPACE}%"),
        (percent(0.0), "0\N{NO-BREAK SPACE}%"),
        (percent(1.0), "100\N{NO-BREAK SPACE}%"),
        (percent(0.09996), "10.0\N{NO-BREAK SPACE}%"),
        (percent(math.nan), "–"),
        (points(0.124), "+12.4"),
        (points(-0.0004), "−0.04"),
        (points(0.00001), "0.00"),
        (points(-0.02, signed=False), "2.00"),
        (interval(-0.0012, 0.05, signed=True), "−0.12 to +5.00"),
        (interval(0.0, 0.0031), "0 to 0.31"),
        (interval(math.nan, 1.0), "–"),
        (chance(0.0317), "0.032"),
        (chance(3.7e-12), "4·10⁻¹²"),
        (chance(0.0), "< 10⁻³⁰⁰"),
        (chance(1.0), "1"),
    ],
)
def test_numbers_are_written_so(said, wanted):
    assert said == wanted


# -- files ------------------------------------------------------------------------------------------------------------


def test_tables_hold_the_tree_unrounded(tree, view, tmp_path):
    view.to_csv(tmp_path / "made" / "card")
    folder = tmp_path / "made" / "card"
    with (folder / "causes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(CONDITIONS) * len(CAUSES)
    for row in rows:
        one = tree["causes"].to_dataset().sel(condition=row["condition"], cause=row["cause"])
        for name in ("rate", "rate_low", "b", "c", "difference", "mde"):
            assert float(row[name] or "nan") == pytest.approx(float(one[name]), abs=0, rel=1e-15, nan_ok=True)
    with (folder / "null_by_edit_null_kind_cause.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 2 * 2 * len(CAUSES)
    told = json.loads((folder / "card.json").read_text())
    assert told[""]["command"] == tree.attrs["command"]
    assert told["null"]["num_levels"] == 500
    assert {path.stem.split("_by_")[0] for path in folder.glob("*.csv")} == {"causes", *PARTS}


def test_a_card_and_its_view_make_the_same_page(tree, view, tmp_path):
    rlv.save_snapshot(tree, tmp_path / "a.html")
    rlv.save_snapshot(view, tmp_path / "b.htm")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.htm").read_bytes()
    rlv.save_snapshot(tree, tmp_path / "a.html", title="<Mine>")
    assert "<title>&lt;Mine&gt;</title>" in (tmp_path / "a.html").read_text()
    assert 'title="Snapshot"' in rlv.show_snapshot(tree)._repr_html_()


def test_where_no_widget_runs_the_page_is_shown(view):
    bundle = view._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "Failures by cause" in data["text/html"]
    assert "<svg" in data["text/html"]


def test_a_card_that_was_saved_is_shown_as_it_was(tree, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of zarr: how it stores text may change
        tree.to_zarr(tmp_path / "card.zarr")
    for path in (tmp_path / "card.zarr", str(tmp_path / "card.zarr")):
        assert rlv.EditCard(path).html() == rlv.EditCard(tree).html()
    with pytest.raises(FileNotFoundError, match="no edit card at"):
        rlv.EditCard(tmp_path / "other.zarr")
    (tmp_path / "outcomes.jsonl").write_text("{}\n")
    with pytest.raises(ValueError, match="read_outcomes"):
        rlv.EditCard(tmp_path / "outcomes.jsonl")


def test_bad_input_is_refused_in_words(tree, study, tmp_path):
    with pytest.raises(ValueError, match="expected an edit card"):
        rlv.EditCard(study)
    with pytest.raises(ValueError, match="saved as a page"):
        rlv.save_snapshot(tree, tmp_path / "card.png")
    with pytest.raises(ValueError, match="steps and fps are of a movie"):
        rlv.save_snapshot(tree, tmp_path / "card.html", fps=3)
    with pytest.raises(TypeError, match="Did you mean 'card'"):
        rlv.EditCard(tree, crd=1)
    assert list(tmp_path.iterdir()) == []
