import json

import numpy as np
import pytest
import xarray as xr

import rlvision_widgets as rlv
from rlvision_widgets.analysis.card_controls import against_controls
from rlvision_widgets.analysis.held_out import chosen_by, held_out_levels
from rlvision_widgets.analysis.levels import draw_levels

ARTICLE = {  # levels failed of 10,000, by cause (Hilton et al. 2020)
    "original": {"saw": 37, "enemy moving left": 16, "enemy moving right": 12, "saw and lava": 8},
    "saw-blind": {"saw": 1276, "enemy moving left": 16, "enemy moving right": 8, "saw and lava": 5},
    "left-blind": {"saw": 36, "enemy moving left": 469, "enemy moving right": 97, "saw and lava": 7},
    "saw hidden": {"saw": 3220, "enemy moving left": 5, "enemy moving right": 5, "saw and lava": 5},
}
TARGETS = {"saw-blind": "saw", "left-blind": "enemy moving left"}
PAIRED = ("b", "c", "p", "p_holm", "difference", "p_equivalent", "mde", "mde_paired")
ABLATE = {"kind": "ablate", "layer": "2b", "direction": [0.0, 1.0]}


def evaluation(counts=ARTICLE, number=10_000, seed=0, worlds=("saw hidden",), **variables):
    """Make an evaluation up, in which levels fail by chance, as often as is said."""
    rng = np.random.default_rng(seed)
    cause = np.full((len(counts), number), "coin", object)
    for row, by_cause in zip(cause, counts.values(), strict=True):
        row[rng.permutation(number)[: sum(by_cause.values())]] = np.repeat(list(by_cause), list(by_cause.values()))
    dims = ("condition", "level")
    length = np.tile(np.arange(number), (len(counts), 1))
    data = {"success": cause == "coin", "cause": cause, "length": length, "return": 10.0 * (cause == "coin")}
    names = list(counts)
    edits = {name: [ABLATE] for name in names[1:] if name not in worlds}
    hidden = {name: [{"kind": "hide", "what": "saw"}] for name in names if name in worlds}
    return xr.Dataset(
        {name: (dims, values) for name, values in data.items()},
        coords={"condition": names, "level_seed": ("level", np.arange(number)), **variables},
        attrs={"agent": "made up", "edits": json.dumps(edits), "world": json.dumps(hidden)},
    )


@pytest.fixture(scope="module")
def card():
    return rlv.edit_card(evaluation(), target=TARGETS)


def test_the_table_of_the_article(card):
    causes = card["causes"].to_dataset()
    assert list(causes["condition"].values) == list(ARTICLE)
    assert list(causes["kind"].values) == ["original", "edit", "edit", "world"]
    assert list(causes["cause"].values) == [
        *("saw", "enemy moving left", "enemy moving right"),
        *("multiple", "any failure"),
    ]
    for name, counts in ARTICLE.items():
        found = causes["count"].sel(condition=name)
        assert list(found.values) == [*counts.values(), sum(counts.values())]
        assert (causes["rate"].sel(condition=name) == found / 10_000).all()
    low, high = (causes[f"rate_{end}"].sel(condition="saw-blind", cause="saw").item() for end in ("low", "high"))
    assert (low, high) == pytest.approx((0.1212, 0.1343), abs=5e-5)


def test_pairs_are_counted_level_by_level():
    result = evaluation(number=400, counts={name: {"saw": 40, "lava": 20} for name in ("original", "edited")})
    causes = rlv.edit_card(result)["causes"].sel(condition="edited")
    before, after = ({cause: result["cause"][k].values == cause for cause in ("saw", "lava")} for k in range(2))
    for cause in ("saw", "lava"):
        row = causes.sel(cause=cause)
        assert row["b"] == (after[cause] & ~before[cause]).sum() > 0
        assert row["c"] == (before[cause] & ~after[cause]).sum() > 0
    total = causes.sel(cause="any failure")
    assert total["b"] == (result["success"][0] & ~result["success"][1]).sum()
    np.testing.assert_allclose(causes["difference"], (causes["b"] - causes["c"]) / 400)


def test_an_edit_that_changes_no_outcome_has_b_and_c_0_and_is_equivalent():
    result = evaluation().isel(condition=[0, 0]).assign_coords(condition=["original", "sham"])
    sham = rlv.edit_card(result)["causes"].sel(condition="sham")
    assert (sham["b"] == 0).all()
    assert (sham["c"] == 0).all()
    assert (sham["p"] == 1).all()
    assert (sham["p_holm"] == 1).all()
    assert sham["equivalent"].all()


def test_a_card_knows_targets_totals_and_others(card):
    role = card["causes"]["role"]
    assert role.sel(condition="saw-blind", cause="saw") == "target"
    assert role.sel(condition="left-blind", cause="saw") == "other"
    assert role.sel(condition="left-blind", cause="enemy moving left") == "target"
    assert (role.sel(cause="any failure") == "total").all()
    assert list(card["causes"]["target"].values) == ["", "saw", "enemy moving left", ""]


def test_the_original_is_compared_with_nothing(card):
    own = card["causes"].to_dataset().sel(condition="original")
    assert (own["b"] == 0).all()
    assert not own["equivalent"].any()
    assert all(own[name].isnull().all() for name in ("p", "p_holm", "p_equivalent", "difference_low", "mde"))


def test_holms_family_is_every_row_that_is_tested(card):
    causes = card["causes"]
    tested = causes["p"].values[1:]
    assert card.attrs["holm_family"] == tested.size == 15
    smallest = np.nanmin(np.where(tested > 0, tested, np.nan))
    assert (causes["p_holm"].values[1:] >= tested).all()
    assert causes["p_holm"].values[1:][tested == smallest] <= 15 * smallest


def test_what_the_article_found_is_found(card):
    causes = card["causes"].to_dataset()
    saw, left = (causes.sel(condition=name) for name in TARGETS)
    assert saw["p_holm"].sel(cause="saw") < 1e-100
    assert saw["equivalent"].sel(cause=["enemy moving left", "enemy moving right", "multiple"]).all()
    assert left["equivalent"].sel(cause=["saw", "multiple"]).all()
    assert not left["equivalent"].sel(cause="enemy moving right")  # .12 to .97 %, which it did not call harm
    assert left["p_holm"].sel(cause="enemy moving right") < 1e-10


def test_the_margin_decides_what_is_equivalent(card):
    wide = rlv.edit_card(card, margin=0.02)
    assert wide["causes"]["equivalent"].sel(condition="left-blind", cause="enemy moving right")
    assert wide.attrs["margin"] == wide["causes"].attrs["margin"] == 0.02
    same = [name for name in wide["causes"].data_vars if name not in {"equivalent", "p_equivalent"}]
    xr.testing.assert_equal(wide["causes"].to_dataset()[same], card["causes"].to_dataset()[same])


def test_a_card_computed_again_is_the_same_card(card):
    xr.testing.assert_identical(rlv.edit_card(card), card)
    settings = {"margin": 0.01, "confidence": 0.99, "power": 0.9}
    other = rlv.edit_card(card, **settings)
    xr.testing.assert_identical(rlv.edit_card(other), other)


def test_the_ceiling_is_the_world_in_which_the_target_is_hidden(card):
    ceiling = card["ceiling"].to_dataset()
    assert list(ceiling["edit"].values) == ["saw-blind"]  # nothing hides enemies
    row = ceiling.sel(edit="saw-blind")
    assert row["ceiling"] == "saw hidden"
    assert row["blindness"].item() == pytest.approx(0.389, abs=5e-4)
    assert row["blindness_low"] < 0.389 < row["blindness_high"]


def test_a_ceiling_that_is_as_the_original_is_none_to_be_blind_to():
    result = evaluation({"original": {"saw": 66}, "saw-blind": {"saw": 68}, "saw hidden": {"saw": 67}}, 1000)
    card = rlv.edit_card(result, target="saw")
    row = card["ceiling"].to_dataset().sel(edit="saw-blind")
    assert row["p_ceiling"] > 0.05
    assert np.isnan([row[name] for name in ("blindness", "blindness_low", "blindness_high")]).all()
    said = next(line for line in card.attrs["findings"] if "blind to" in line)
    assert "saw hidden is not shown to raise failures by saw (6.60 % → 6.70 %, p = " in said
    assert not any("nan" in line for line in card.attrs["findings"])


def test_a_card_without_any_failure_says_nothing_that_is_not_so():
    result = with_doses([0, 0, 0], [0.0, 0.5, 1.0])
    card = rlv.edit_card(result, target="saw")
    assert (card["causes"]["count"] == 0).all()
    said = " ".join(card.attrs["findings"])
    assert "nan" not in said
    assert "the same at all" in said
    assert "rises" not in said


def test_without_a_target_or_a_world_there_is_no_ceiling_and_the_card_says_so():
    for result, target in ((evaluation(), None), (evaluation().isel(condition=[0, 1]), "saw")):
        card = rlv.edit_card(result, target=target)
        assert "ceiling" not in card
        assert "cannot be seen" in json.loads(card.attrs["missing"])["ceiling"]
    named = rlv.edit_card(evaluation(), target="saw", ceiling={"saw-blind": "left-blind"})
    assert named["ceiling"]["ceiling"].item() == "left-blind"


def test_what_is_absent_is_named_with_its_reason(card):
    missing = json.loads(card.attrs["missing"])
    assert set(missing) == {"null", "dose", "internals", "probes"}
    assert all("rlv.measure_edit" in why for why in missing.values())


def test_findings_name_numbers_with_their_doubts(card):
    said = card.attrs["findings"]
    assert any(line.startswith("saw-blind: saw 0.37 % → 12.76 % of 10,000 levels (+12.39 points") for line in said)
    assert any("b = " in line and "Holm p < 1e-" in line for line in said)
    assert "left-blind: within ±0.5 points of the original: saw, multiple; not shown to be: enemy moving right." in said
    assert any("blindness 0.389" in line for line in said)


def test_without_causes_there_is_the_total_alone():
    card = rlv.edit_card(evaluation().drop_vars("cause"))
    assert list(card["causes"]["cause"].values) == ["any failure"]
    assert card["causes"]["count"].values.ravel().tolist() == [73, 1305, 609, 3235]


def test_failures_add_up_also_where_some_causes_cannot_be_told():
    result = evaluation()
    result["cause"][:, ::7] = np.where(result["success"][:, ::7], "coin", "")
    count = rlv.edit_card(result)["causes"]["count"]
    assert "unknown" in count["cause"].values
    assert (count.isel(cause=slice(-1)).sum("cause") == count.sel(cause="any failure")).all()


def test_no_difference_is_said_with_what_could_have_gone_unseen():
    result = evaluation({"original": {"saw": 10}, "blind": {"saw": 12}}, 1000)
    card = rlv.edit_card(result, target="saw")
    rise = 100 * card["causes"]["mde"].sel(condition="blind", cause="saw").item()
    assert card.attrs["findings"][0].endswith(f"A rise of less than {rise:.2f} points could have gone unseen.")


def with_controls(effects, own=0.4, number=200):
    """Return a card's outcomes: an edit that fails `own` of the levels, and controls that fail shares of them."""
    shares = {"original": 0.0, "blind": own, **{f"control {k}": share for k, share in enumerate(effects)}}
    counts = {name: {"saw": round(number * share)} for name, share in shares.items()}
    played = evaluation(counts, number)
    kinds = ["original", *(("channel", "direction")[k % 2] for k in range(len(effects)))]
    controls = played.isel(condition=[0, *range(2, len(counts))]).assign_coords(
        kind=("condition", np.array(kinds, object)),
        null_of=("condition", np.array(["", *["blind"] * len(effects)], object)),
        **{name: ("condition", np.ones(len(effects) + 1)) for name in ("norm", "norm_ratio", "cosine")},
    )
    return xr.DataTree.from_dict({"outcomes/main": played.isel(condition=[0, 1]), "outcomes/null": controls})


def test_an_edit_has_a_place_among_its_controls():
    card = rlv.edit_card(with_controls([0.0, 0.1, 0.2, 0.3, 0.5, 0.6]), target="saw")
    null = card["null"].to_dataset()
    assert list(null["kind"].values) == ["channel", "direction"] * 3
    np.testing.assert_allclose(null["difference"].sel(cause="saw"), [0.0, 0.1, 0.2, 0.3, 0.5, 0.6])
    assert null["edit_difference"].sel(edit="blind", cause="saw").item() == pytest.approx(0.4)
    place = null.sel(edit="blind", cause="saw")
    # channels .0 .2 .5, directions .1 .3 .6
    assert place["p_null"].values.tolist() == [0.5, 0.5]
    assert place["percentile"].values == pytest.approx([200 / 3, 200 / 3])


def test_an_edit_beyond_all_controls_has_the_smallest_p_there_is():
    card = rlv.edit_card(with_controls([0.01, 0.02] * 20), target="saw")
    place = card["null"].to_dataset().sel(edit="blind", cause="saw")
    assert (place["percentile"] == 100).all()
    np.testing.assert_allclose(place["p_null"], 1 / 21)
    assert any(
        "of 20 random channels of matched norm (200 levels each) 0 change saw" in f for f in card.attrs["findings"]
    )


def test_controls_of_another_size_are_not_called_matched():
    raw = with_controls([0.01, 0.02] * 20)
    null = raw["outcomes/null"].to_dataset()
    ratios = np.linspace(0.3, 1.5, null.sizes["condition"])
    raw["outcomes/null"] = xr.DataTree(null.assign_coords(norm_ratio=("condition", ratios)))
    findings = " ".join(rlv.edit_card(raw, target="saw").attrs["findings"])
    assert f"of 20 random channels of {ratios[1]:.2f} to {ratios[39]:.2f} times its norm" in findings
    assert "matched norm" not in findings


def test_a_random_edit_among_random_controls_has_a_uniform_place():
    rng = np.random.default_rng(5)
    places = []
    for _ in range(40):
        effects = rng.uniform(0, 0.5, 11)
        tree = with_controls(effects[1:], own=effects[0])
        null = against_controls(*(tree[f"outcomes/{node}"].to_dataset() for node in ("null", "main")), {})
        places.append(null["p_null"].sel(edit="blind", cause="saw").values)
    assert 0.4 < np.mean(places) < 0.68  # (1 + k) / 6 with k uniform over 0…5 has mean .58


def with_doses(counts, strengths):
    counts = {"original": counts[0], **{f"at {s}": count for s, count in zip(strengths, counts, strict=True)}}
    played = evaluation({name: {"saw": count} for name, count in counts.items()}, 300)
    doses = played.assign_coords(
        dose_of=("condition", np.array(["", *["blind"] * len(strengths)], object)),
        strength=("condition", [np.nan, *strengths]),
    )
    sham = doses["condition"].values == "at 0.0"
    for name in ("success", "cause", "return"):
        doses[name][sham] = doses[name][:1].values
    main = played.isel(condition=[0, -1]).assign_coords(condition=["original", "blind"])
    return xr.DataTree.from_dict({"outcomes/main": main, "outcomes/dose": doses})


def test_doses_rise_or_do_not_and_the_sham_is_told():
    card = rlv.edit_card(with_doses([10, 30, 60, 120], [0.0, 0.25, 0.5, 1.0]), target="saw")
    dose = card["dose"].to_dataset().sel(edit="blind", cause="saw")
    assert dose["count"].values.tolist() == [10, 30, 60, 120]
    assert dose["b"].values[0] == dose["c"].values[0] == 0
    assert dose["sham_identical"]
    assert dose["monotone"]
    assert dose["largest_drop"] == 0
    assert (dose["difference_low"] <= dose["difference"]).all()
    falling = rlv.edit_card(with_doses([10, 60, 45, 90], [0.0, 0.5, 0.75, 1.0]), target="saw")["dose"].to_dataset()
    falling = falling.sel(edit="blind", cause="saw")
    assert not falling["monotone"]
    assert falling["largest_drop"].item() == pytest.approx(15 / 300)


def test_a_sham_that_changes_so_much_as_a_length_is_told():
    tree = with_doses([10, 30], [0.0, 1.0])
    tree["outcomes/dose"]["length"][1, 7] = 9999
    card = rlv.edit_card(tree, target="saw")
    assert not card["dose"]["sham_identical"].item()
    assert any("CHANGES OUTCOMES" in line for line in card.attrs["findings"])


def test_a_card_is_kept_in_a_file(card, tmp_path):
    card.to_zarr(tmp_path / "card.zarr")
    again = xr.open_datatree(tmp_path / "card.zarr", engine="zarr")
    xr.testing.assert_equal(again["causes"].to_dataset().load(), card["causes"].to_dataset())
    assert again.attrs["findings"] == card.attrs["findings"]
    xr.testing.assert_equal(rlv.edit_card(again.load())["causes"].to_dataset(), card["causes"].to_dataset())


def test_levels_that_chose_the_edit_may_not_judge_it():
    result = evaluation()
    with pytest.raises(
        ValueError, match=r"2 of the 10000 levels evaluated were used to choose the edit .*level seed 5"
    ):
        rlv.edit_card(result, selection=[5, 7, 20_000])
    card = rlv.edit_card(result, selection=[20_000, 20_001])
    assert card.attrs["selection"] == "2 levels chose the edit; 10,000 others judge it."


def test_levels_are_held_out(study):
    drawn = draw_levels(100, 3)
    assert (held_out_levels(100, 3) == drawn).all()  # those of rlv.evaluate
    assert (held_out_levels(60, 3) == drawn[:60]).all()
    held = held_out_levels(100, 3, drawn[10:20])
    assert len(held) == len(set(held.tolist())) == 100
    assert not np.isin(drawn[10:20], held).any()
    assert (held[:90] == np.delete(drawn, range(10, 20))).all()
    assert set(chosen_by(study, [1, 2])) == {1, 2, *study["level_seed"].values.ravel().tolist()}
    with pytest.raises(ValueError, match="used to choose the edit"):
        held_out_levels(drawn[:30], 3, drawn[29:40])
    with pytest.raises(ValueError, match="levels must be at least 1"):
        held_out_levels(0, 3)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: rlv.edit_card({"a": 1}), "expected an evaluation.*dict"),
        (lambda: rlv.edit_card(xr.Dataset({"success": ("level", [True])})), r"over \(condition, level\).*\('level',\)"),
        (lambda: rlv.edit_card(xr.DataTree()), "no node /outcomes/main"),
        (lambda: rlv.edit_card(evaluation().isel(condition=[0])), "nothing to compare"),
        (lambda: rlv.edit_card(evaluation().isel(condition=[1, 0])), "first condition must be 'original'"),
        (lambda: rlv.edit_card(evaluation(), target="swa"), "unknown cause 'swa'. Did you mean 'saw'"),
        (lambda: rlv.edit_card(evaluation(), target={"saw-blnd": "saw"}), "unknown edit 'saw-blnd'. Did you mean"),
        (lambda: rlv.edit_card(evaluation(), target={"saw hidden": "saw"}), "unknown edit 'saw hidden'"),
        (lambda: rlv.edit_card(evaluation(), target="saw", ceiling={"saw-blind": "hid"}), "unknown condition 'hid'"),
        (lambda: rlv.edit_card(evaluation(), ceiling={"saw-blind": "saw hidden"}), "unknown edit with a target"),
        (lambda: rlv.edit_card(evaluation().isel(condition=[0, 3]), target="saw"), "and there is none"),
        (lambda: rlv.edit_card(evaluation(), margin=0), "margin is a difference of rates"),
        (lambda: rlv.edit_card(evaluation(), confidence=2), "confidence must be between 0 and 1"),
    ],
)
def test_bad_input_is_refused_in_words(ask, message):
    with pytest.raises(ValueError, match=message):
        ask()


def test_an_unknown_keyword_names_the_nearest():
    with pytest.raises(TypeError, match="Did you mean 'margin'"):
        rlv.edit_card(evaluation(), margn=0.01)
