"""Names of features: given, kept in a file, and carried to features that were fitted anew."""

import json

import numpy as np
import pytest
import toy
import xarray as xr

import rlvision_widgets as rlv
from rlvision_widgets import changes, naming
from rlvision_widgets.naming import LONGEST_NAME, carry_names, checked_name, match_directions
from rlvision_widgets.schema import FEATURE_COLOURS, LAYER, check
from rlvision_widgets.widgets import Explorer

HOSTILE = '<img src=x onerror="window.hostile = 1">'
NAMES = ["coin", "saw", "enemy", "platform"]


def names_of(study, layer="2b"):
    return [str(name) for name in study[f"layers/{layer}"]["feature_name"].values]


def colours_of(study, layer="2b"):
    return [str(colour) for colour in study[f"layers/{layer}"]["colour"].values]


def features(direction, names=None):
    """Return a layer's features: of a new fit, or named."""
    count = len(direction)
    names = names or [f"feature {k}" for k in range(count)]
    data = toy.toy_study()["layers/2b"].to_dataset().drop_vars(["direction", "feature_name", "colour"])
    return data.assign(
        direction=(("feature", "channel"), direction.astype(np.float32)),
        feature_name=("feature", np.array(names, dtype=object)),
        colour=("feature", np.array([FEATURE_COLOURS[k % 8] for k in range(count)], dtype=object)),
    )


def study_with(data):
    """Return a study whose layer 2b has these features."""
    study = toy.toy_study()
    del study["layers"]
    study["layers/2b"] = xr.DataTree(data)
    return study


def directions(rng, count=8, channels=32):
    """Non-negative directions, most of their length on few channels, as factorisation finds them."""
    return rng.gamma(0.15, size=(count, channels)) + 1e-3


# -- renaming -----------------------------------------------------------------------------------------------------


def test_a_feature_is_renamed_and_recoloured_and_the_study_stays_valid():
    study = toy.toy_study()
    rlv.rename(study, "2b", 1, "buzzsaw", colour="#00ff7f")
    assert names_of(study) == ["coin", "buzzsaw", "enemy", "platform"]
    assert colours_of(study) == [FEATURE_COLOURS[0], "#00FF7F", *FEATURE_COLOURS[2:4]]
    check(study["layers/2b"].to_dataset(), LAYER)
    rlv.rename(study, "2b", 1, None, "#112233")
    assert (names_of(study)[1], colours_of(study)[1]) == ("buzzsaw", "#112233")


@pytest.mark.parametrize("suffix", ["", ".zip"])
def test_names_survive_saving_and_can_be_given_to_a_study_that_is_opened_lazily(tmp_path, suffix):
    path = tmp_path / f"toy.zarr{suffix}"
    rlv.save_study(toy.toy_study(), path)
    study = rlv.open_study(path)
    long = "ö" * LONGEST_NAME  # longer than any name there: no fixed width may cut it
    rlv.rename(study, "2b", 3, long)
    rlv.save_study(study, path)
    assert names_of(rlv.open_study(path)) == ["coin", "saw", "enemy", long]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  left   enemy ", "left enemy"),
        ("a\nb\tc", "a b c"),
        ("bell\x07 and \x00null\x9b", "bell and null"),
        ("txt.\u202eexe", "txt.exe"),  # would be read backwards
        ("\ud800half", "half"),  # half of a pair: no file could hold it
        ("", "feature 5"),
        (" \u200b ", "feature 5"),
        (HOSTILE, HOSTILE),
        ("芋虫 🐛", "芋虫 🐛"),
    ],
)
def test_a_name_is_cleaned_but_never_escaped(written, kept):
    assert checked_name(written, 5) == kept
    assert checked_name(kept, 5) == kept


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"layer": "2a"}, "unknown layer '2a'. Did you mean '2b'"),
        ({"feature": 4}, "has 4 features, from 0; there is no feature 4"),
        ({"feature": -1}, "there is no feature -1"),
        ({"feature": "coin"}, "by its number"),
        ({"feature": True}, "by its number"),
        ({"name": "x" * (LONGEST_NAME + 1)}, f"at most {LONGEST_NAME} characters; this one has {LONGEST_NAME + 1}"),
        ({"name": 3}, "is text, got 3"),
        ({"colour": "red"}, "as #rrggbb"),
        ({"colour": "#12345"}, "as #rrggbb"),
        ({"colour": "#112233; background: url(x)"}, "as #rrggbb"),
    ],
)
def test_what_cannot_be_named_is_refused_and_nothing_changes(wrong, message):
    study = toy.toy_study()
    arguments = {"layer": "2b", "feature": 0, "name": "new", "colour": "#010203", **wrong}
    with pytest.raises((ValueError, TypeError), match=message):
        rlv.rename(study, **arguments)
    assert (names_of(study), colours_of(study)) == (NAMES, list(FEATURE_COLOURS[:4]))


def test_two_features_may_have_one_name():
    study = toy.toy_study()
    rlv.rename(study, "2b", 1, "coin")
    assert names_of(study)[:2] == ["coin", "coin"]


def test_the_observation_s_colours_keep_their_names():
    study = toy.toy_study()
    study["layers/2b"].attrs["method"] = "gradients"
    with pytest.raises(ValueError, match="unknown layer '2b'"):
        rlv.rename(study, "2b", 0, "crimson")
    assert rlv.feature_names(study)["layers"] == {}


def test_every_view_of_the_study_is_told_and_no_other():
    study, other = toy.toy_study(), toy.toy_study()
    views = [Explorer(study), Explorer(study), Explorer(other)]
    rlv.rename(study, "2b", 0, "gold")
    rlv.apply_names(study, rlv.feature_names(study))
    shown = [view._study["layers"][0]["features"][0]["name"] for view in views]
    assert shown == ["gold", "gold", "coin"]
    told = []
    end = changes.watch(told.append)
    rlv.apply_names(study, rlv.feature_names(other))
    end()
    assert told == [study]
    assert views[0]._study["layers"][0]["features"][0]["name"] == "coin"
    for view in views:
        view.close()


# -- files --------------------------------------------------------------------------------------------------------


def test_a_file_gives_back_the_names_and_equal_names_equal_bytes(tmp_path):
    study = toy.toy_study()
    rlv.rename(study, "2b", 2, 'quote " and \\ and ü')
    one, two = tmp_path / "one.json", tmp_path / "deep" / "two.json"
    rlv.save_names(study, one)
    rlv.save_names(study, two)
    rlv.save_names(study, two)
    assert one.read_bytes() == two.read_bytes()
    assert json.loads(one.read_text(encoding="utf-8")) == rlv.feature_names(study)
    assert len(one.read_text(encoding="utf-8").splitlines()) == 4 + 4 + 6  # a line a feature, for readable diffs
    fresh = toy.toy_study()
    report = rlv.apply_names(fresh, one)
    assert names_of(fresh) == ["coin", "saw", 'quote " and \\ and ü', "platform"]
    assert report["feature"].tolist() == [0, 1, 2, 3]
    assert (report["similarity"] > 0.999).all()
    assert [path.name for path in tmp_path.iterdir()] != [], "the file is there"
    assert not list(tmp_path.rglob(".*")), "and nothing beside it"


def test_a_study_without_layers_has_a_file_without_names(tmp_path):
    study = toy.toy_study()
    del study["layers"]
    rlv.save_names(study, tmp_path / "none.json")
    assert rlv.apply_names(toy.toy_study(), tmp_path / "none.json").empty


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda n: n.update(format="other"), "expected feature names"),
        (lambda n: n.update(version=2), "version 2 of the format"),
        (lambda n: n.update(layers=[1]), "expected feature names"),
        (lambda n: n["layers"].update({"2b": "x"}), "expected a list of features, got str"),
        (lambda n: n["layers"]["2b"].append({"name": "x"}), "feature 4: expected name, colour and direction"),
        (lambda n: n["layers"]["2b"][1].update(direction=[1, None] * 4), "feature 1: expected a direction"),
        (lambda n: n["layers"]["2b"][1].update(direction="east"), "feature 1: could not convert|expected a direction"),
        (lambda n: n["layers"]["2b"][1].update(direction=[1.0]), "different lengths"),
        (lambda n: n["layers"]["2b"][1].update(colour="red"), "feature 1: expected a colour"),
        (lambda n: n["layers"]["2b"][1].update(name="x" * 99), "feature 1: a feature's name has at most"),
        (lambda n: n["layers"].update({"3a": n["layers"]["2b"]}), "layer '3a' has no features in the study"),
    ],
)
def test_wrong_files_are_refused_and_nothing_is_half_applied(tmp_path, change, message):
    study = toy.toy_study()
    rlv.rename(study, "2b", 0, "renamed")
    names = rlv.feature_names(toy.toy_study())
    change(names)
    path = tmp_path / "names.json"
    path.write_text(json.dumps(names), encoding="utf-8")
    for wrong in (names, path):
        with pytest.raises(ValueError, match=message):
            rlv.apply_names(study, wrong)
    assert names_of(study) == ["renamed", "saw", "enemy", "platform"]


def test_all_that_does_not_fit_is_said_at_once():
    names = rlv.feature_names(toy.toy_study())
    names["layers"] = {"1a": names["layers"]["2b"], "2b": [{**names["layers"]["2b"][0], "direction": [1.0, 0.0]}]}
    with pytest.raises(ValueError, match=r"'1a' has no features(.|\n)*names of 2 channels, the study has 8"):
        rlv.apply_names(toy.toy_study(), names)
    with pytest.raises(ValueError, match=r"unknown layer '2c'\. Did you mean '2b'"):
        rlv.apply_names(toy.toy_study(), names, layers=["2c"])


def test_a_file_that_is_no_json_or_is_not_there_says_so(tmp_path):
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="no JSON file of names"):
        rlv.apply_names(toy.toy_study(), tmp_path / "binary.json")
    with pytest.raises(FileNotFoundError):
        rlv.apply_names(toy.toy_study(), tmp_path / "missing.json")


def test_names_of_an_agent_with_other_weights_are_applied_with_a_warning():
    names = rlv.feature_names(toy.toy_study())
    names["checkpoint"] = "1" * 64
    study = toy.toy_study()
    rlv.rename(study, "2b", 0, "x")
    with pytest.warns(UserWarning, match="other weights"):
        rlv.apply_names(study, names)
    assert names_of(study) == NAMES


# -- matching -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_names_follow_their_directions_through_permutation_noise_scale_and_count(seed):
    rng = np.random.default_rng(seed)
    old = directions(rng)
    names = [f"thing {k}" for k in range(8)]
    order = rng.permutation(8)
    noise = 1 + 0.1 * rng.normal(size=old.shape)
    new = (old * np.abs(noise) * rng.uniform(0.1, 10, (8, 1)))[order]
    kept = {"same": new, "fewer": new[:5], "more": np.concatenate([new, directions(rng, 3)])}
    for what, found in kept.items():
        carried = carry_names(features(old, names), features(found))
        expected = [names[k] for k in order][: len(found)]
        expected += [f"feature {k}" for k in range(8, len(found))]
        assert [str(name) for name in carried["feature_name"].values] == expected, what
        by_name = dict(zip(names, FEATURE_COLOURS, strict=True))
        for name, colour in zip(carried["feature_name"].values, carried["colour"].values, strict=True):
            if name in by_name:
                assert colour == by_name[name]


@pytest.mark.parametrize("count", [3, 6, 8])
def test_no_two_features_share_a_colour_after_names_are_carried(count):
    rng = np.random.default_rng(count)
    old = directions(rng)
    new = np.concatenate([old[[7, 2]], directions(rng, count)])[:count]
    colours = carry_names(features(old), features(new))["colour"].values
    assert len(set(colours)) == count


def test_a_good_pair_is_not_given_up_for_two_that_do_not_count():
    # All cosines summed, 0 with 1 and 1 with 0 come first (.77 + .77 against .94 - .17); only .94 is a match.
    source, target = (np.stack([np.cos(angles), np.sin(angles)], 1) for angles in np.deg2rad([[20, -40], [0, 60]]))
    match = match_directions(source, target, 0.9)
    assert match.target.tolist() == [0, -1]


def test_directions_unlike_all_others_match_nothing_and_those_of_length_zero_neither():
    match = match_directions(np.eye(3), np.zeros((2, 3)))
    assert match.target.tolist() == [-1, -1, -1]
    assert (match.similarity == 0).all()
    assert match_directions(np.empty((0, 3)), np.eye(3)).target.size == 0
    assert match_directions(np.eye(3), np.eye(3), 1.0).target.tolist() == [0, 1, 2]
    for wrong in (0, -1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="cosine above 0 and at most 1"):
            match_directions(np.eye(2), np.eye(2), wrong)


def test_what_is_not_alike_keeps_its_name_and_the_report_says_how_near_it_came():
    rng = np.random.default_rng(0)
    old = directions(rng)
    source = study_with(features(old, [f"thing {k}" for k in range(8)]))
    new = old.copy()
    new[3] = np.roll(old[3], 16)
    study = study_with(features(new, [f"own {k}" for k in range(8)]))
    report = rlv.apply_names(study, rlv.feature_names(source))
    assert names_of(study) == [f"thing {k}" if k != 3 else "own 3" for k in range(8)]
    lost = report[report["feature"].isna()]
    assert lost["name"].tolist() == ["thing 3"]
    assert lost["similarity"].item() < 0.8
    assert report["similarity"].drop(lost.index).min() > 0.99


def test_features_without_a_name_give_none_but_are_matched():
    rng = np.random.default_rng(1)
    old = directions(rng, 2)
    source = study_with(features(old, ["feature 0", "coin"]))
    study = study_with(features(old[::-1], ["feature 0", "user's own"]))
    report = rlv.apply_names(study, rlv.feature_names(source))
    assert names_of(study) == ["coin", "user's own"]
    assert report["name"].tolist() == ["coin"]


def test_of_old_names_that_are_alike_the_best_set_is_chosen_one_to_one():
    rng = np.random.default_rng(2)
    base = directions(rng, 1)[0]
    old = np.stack([base, base * (1 + 0.2 * rng.random(len(base)))])
    match = match_directions(old, old[::-1], 0.8)
    assert match.target.tolist() == [1, 0]


def test_rounding_in_the_file_does_not_change_a_match():
    rng = np.random.default_rng(3)
    study = study_with(features(directions(rng, 20, 512), [f"thing {k}" for k in range(20)]))
    report = rlv.apply_names(study, json.loads(json.dumps(rlv.feature_names(study))))
    assert report["feature"].tolist() == list(range(20))
    assert report["similarity"].min() > 0.999


def test_public_names_are_those_that_scripts_use():
    assert rlv.rename is naming.rename
    with pytest.raises(TypeError, match=r"unknown keyword 'min_similarty'\. Did you mean 'min_similarity'"):
        rlv.apply_names(toy.toy_study(), {}, min_similarty=1)
