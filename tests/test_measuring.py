import dataclasses
import json

import numpy as np
import pytest
import xarray as xr
from test_environments import needs_procgen
from toy import ToyEnvironment

import rlvision_widgets as rlv
from rlvision_widgets.analysis.matched_controls import matched_controls

SMALL = {"levels": 20, "null_levels": 8, "num_channels": 1, "num_directions": 2, "dose_levels": 12, "seed": 2}
STRENGTHS = (0, 0.5, 1)
DIRECTION = (0.6, 0.0, 0.8, 0.0, 0.0, 0.0, 0.0, 0.0)
BLIND = rlv.Ablate("2b", DIRECTION, where="layer")


def measured(agent, edits=(BLIND,), world=None, **options):
    with world or ToyEnvironment(4) as environment:
        return rlv.measure_edit(
            agent, edits, environment=environment, progress=False, **{**SMALL, "strengths": STRENGTHS, **options}
        )


@pytest.fixture(scope="module")
def card(agent, built):
    return measured(agent, study=built)


def lines(path):
    return [json.loads(line) for line in (path / "outcomes.jsonl").read_text().splitlines()]


def test_everything_is_measured_in_one_call(card):
    assert card["outcomes/main"].sizes == {"condition": 2, "level": 20}
    assert card["outcomes/dose"].sizes == {"condition": 4, "level": 12}
    assert card["outcomes/null"].sizes == {"condition": 4, "level": 8}
    assert list(card["dose"]["strength"].values) == [0, 0.5, 1]
    assert list(card["null"]["kind"].values) == ["channel", "direction", "direction"]
    assert set(json.loads(card.attrs["missing"])) == {"ceiling", "internals", "probes"}
    assert card.attrs["num_levels"] == 20


def test_all_parts_are_about_the_same_levels_and_luck(card):
    seeds = {node: card[f"outcomes/{node}"]["level_seed"].values for node in ("main", "dose", "null")}
    main = card["outcomes/main"].to_dataset().sel(condition="original")
    for node in ("dose", "null"):
        number = len(seeds[node])
        assert (seeds[node] == seeds["main"][:number]).all()
        again = card[f"outcomes/{node}"].to_dataset().sel(condition="original")
        assert (again["length"] == main["length"][:number]).all()


def test_the_sham_changes_nothing(card):
    sham = card["dose"].to_dataset().sel(edit="edited", strength=0)
    assert sham["sham_identical"]
    assert (sham["b"] == 0).all()
    assert (sham["c"] == 0).all()


def test_strength_1_is_the_edit_itself(card):
    whole = card["outcomes/dose"].to_dataset().sel(condition="edited")
    main = card["outcomes/main"].to_dataset().sel(condition="edited").isel(level=slice(12))
    assert (whole["length"] == main["length"]).all()


class Interrupted(ToyEnvironment):
    """Is interrupted after some steps of all its worlds."""

    def __init__(self, steps):
        super().__init__(4)
        self.left = steps

    def act(self, actions):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
        super().act(actions)


def test_interrupted_anywhere_and_gone_on_with_it_is_the_same_card(agent, built, card, tmp_path):
    interrupts, sizes = 0, []
    for steps in (20, 40, 60, 60):
        try:
            measured(agent, world=Interrupted(steps), path=tmp_path, study=built)
        except KeyboardInterrupt:
            interrupts += 1
        sizes.append(len(lines(tmp_path)))
    assert interrupts >= 3
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]
    xr.testing.assert_identical(measured(agent, path=tmp_path, study=built), card)
    played = [(line["condition"], line["level"]) for line in lines(tmp_path) if "level" in line]
    assert len(played) == len(set(played)) == 20 * 2 + 12 * 2 + 8 * 3  # nothing twice, the original once


def test_levels_and_strengths_may_be_added(agent, built, card, tmp_path):
    measured(agent, path=tmp_path, study=built, levels=6, null_levels=0, strengths=np.array([]))
    start = (tmp_path / "outcomes.jsonl").read_bytes()
    gone_on = measured(agent, path=tmp_path, study=built, strengths=np.linspace(0, 1, 3))
    xr.testing.assert_identical(gone_on, card)
    assert (tmp_path / "outcomes.jsonl").read_bytes().startswith(start)


def test_the_studys_levels_chose_the_edit_and_judge_nothing(agent, card, built):
    shown = np.unique(built["level_seed"].values).tolist()
    more = card["outcomes/main"]["level_seed"].values[:5]
    found = measured(agent, study=built, selection=more, null_levels=0, strengths=())
    seeds = found["outcomes/main"]["level_seed"].values
    assert len(seeds) == 20
    assert not np.isin(seeds, shown).any()
    assert (seeds[:15] == card["outcomes/main"]["level_seed"].values[5:]).all()
    assert found.attrs["selection"] == f"{len(shown) + 5} levels chose the edit; 20 others judge it."
    with pytest.raises(ValueError, match="1 of the 2 levels evaluated were used to choose the edit"):
        measured(agent, study=built, levels=[shown[0], 2**30])


def test_several_edits_share_the_original_and_have_their_own_controls(agent, tmp_path):
    edits = {"one": [BLIND], "two": [BLIND, rlv.Steer("3a", np.ones(8))]}
    found = measured(agent, edits, path=tmp_path, levels=8, null_levels=4, dose_levels=4)
    assert list(found["causes"]["condition"].values) == ["original", "one", "two"]
    assert list(found["null"]["edit"].values) == ["one", "two"]
    assert sum(found["null"]["null_of"].values == "two") == 3
    assert found["dose"].sizes["edit"] == 2
    assert sum(line.get("condition") == "original" and "level" in line for line in lines(tmp_path)) == 8


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(0).integers(0, 255, (24, 16, 16, 3), dtype=np.uint8)


def effect(agent, edit, frames):
    """Return the root mean square of what an edit at a layer does to its activations, by doing it."""
    before = agent.activations(edit.layer, frames).double().numpy()
    edited = rlv.edited_agent(agent, [edit])
    return np.sqrt(((edited.activations(edit.layer, frames).double().numpy() - before) ** 2).sum(1).mean())


EDITS = {
    "ablate": BLIND,
    "half": dataclasses.replace(BLIND, strength=0.5),
    "channels": rlv.AblateChannels("2b", (1, 4)),
    "mean": rlv.AblateChannels("2b", (1, 4), method="mean", values=(0.1, 0.2)),
    "steer": rlv.Steer("2b", np.linspace(-1, 2, 8)),
    "erase": rlv.EraseConcept("2b", np.eye(8) - np.outer(DIRECTION, DIRECTION), np.full(8, 0.05)),
    "much": rlv.EraseConcept("2b", np.eye(8) - np.random.default_rng(1).normal(0, 0.4, (8, 8)), np.full(8, -0.1)),
}


@pytest.mark.parametrize("name", EDITS)
def test_controls_take_as_much_from_the_activations_as_they_say(agent, frames, name):
    edit = EDITS[name]
    controls = matched_controls(agent, [edit], frames, num_channels=3, num_directions=4)
    own = effect(agent, edit, frames)
    for control in controls:
        if control.edits[0].strength and getattr(control.edits[0], "where", "layer") == "layer":
            assert effect(agent, control.edits[0], frames) == pytest.approx(control.norm, rel=1e-3)
        assert control.norm / control.norm_ratio == pytest.approx(own, rel=1e-3)
    assert [control.kind for control in controls] == ["channel"] * 3 + ["direction"] * 4
    assert len({control.name for control in controls}) == 7
    assert len({control.edits for control in controls}) == 7


@pytest.mark.parametrize("name", ["ablate", "half", "steer", "erase"])
def test_directions_have_the_edits_norm_and_stand_at_right_angles_to_it(agent, frames, name):
    controls = matched_controls(agent, [EDITS[name]], frames, num_channels=0, num_directions=6)
    assert [control.norm_ratio for control in controls] == pytest.approx([1] * 6, rel=1e-3)
    assert max(control.cosine for control in controls) < 1e-6
    assert all(control.edits[0].strength == EDITS[name].strength for control in controls)


def test_an_erasure_along_many_directions_is_turned_and_as_large(agent, frames):
    edit = EDITS["much"]
    controls = matched_controls(agent, [edit], frames, num_channels=2, num_directions=5)
    turned = [control for control in controls if control.kind == "direction"]
    for control in turned:
        assert isinstance(control.edits[0], rlv.EraseConcept)
        assert control.norm_ratio == pytest.approx(1)
        assert control.cosine < 0.99
        assert effect(agent, control.edits[0], frames) == pytest.approx(effect(agent, edit, frames), rel=1e-3)


def test_several_edits_of_a_layer_are_replaced_by_others_of_it(agent, frames):
    edits = [rlv.Ablate("2b", np.eye(8)[channel], where="layer") for channel in (0, 3)]
    for control in matched_controls(agent, edits, frames, num_channels=4, num_directions=3):
        assert [edit.layer for edit in control.edits] == ["2b", "2b"]
        directions = np.array([edit.direction for edit in control.edits])
        assert np.abs(directions[:, [0, 3]]).max() < 1e-6  # nothing that the edits take
        if control.kind == "channel":
            assert len(set(directions.argmax(1))) == 2


def test_channels_fire_are_not_the_edits_own_and_the_nearest_in_norm(agent, frames):
    fires = (agent.activations("2b", frames).numpy() ** 2).mean((0, 2, 3)) ** 0.5
    edit = rlv.AblateChannels("2b", (int(np.argmax(fires)),))
    controls = matched_controls(agent, [edit], frames, num_channels=20, num_directions=2)
    chosen = [control.edits[0].channels[0] for control in controls if control.kind == "channel"]
    expected = np.argsort(-fires, kind="stable")[1 : 1 + np.sum(fires > 0) - 1]
    assert chosen == expected.tolist()
    assert len(controls) == 22  # where fewer channels fire, directions come instead


def test_controls_are_drawn_by_the_seed(agent, frames):
    def drawn(seed):
        return [control.edits for control in matched_controls(agent, [BLIND], frames, num_channels=1, seed=seed)]

    assert drawn(3) == drawn(3)
    assert drawn(3)[0] == drawn(4)[0]
    assert drawn(3)[5] != drawn(4)[5]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"edits": []}, ValueError, "strength other than 0"),
        ({"edits": {"sham": [dataclasses.replace(BLIND, strength=0)]}}, ValueError, "strength other than 0; .'sham'"),
        ({"edits": {}}, ValueError, "strength other than 0; none came"),
        ({"edits": [rlv.Hide("saw")]}, TypeError, "'hide' is no network edit"),
        ({"target": "swa"}, ValueError, "unknown cause 'swa'. Did you mean 'saw'"),
        ({"target": {"edted": "saw"}}, ValueError, "unknown edit 'edted'. Did you mean 'edited'"),
        ({"levels": 0}, ValueError, "levels must be at least 1"),
        ({"levels": 2.5}, TypeError, "levels must be a number"),
        ({"null_levels": -1}, ValueError, "null_levels"),
        ({"strengths": (0, 3)}, ValueError, "strength"),
        ({"precision": "float16"}, ValueError, "precision"),
        ({"leveles": 3}, TypeError, "Did you mean 'levels'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_played(agent, options, error, message):
    world = Interrupted(1)
    with pytest.raises(error, match=message):
        measured(agent, **{"edits": (BLIND,), "world": world, **options})


def test_a_path_is_a_folder(agent, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(ValueError, match="path is a folder"):
        measured(agent, path=file)


@needs_procgen
def test_saws_hidden_are_the_ceiling_of_saw_blindness():
    agent = rlv.load_agent("coinrun")
    edit = rlv.Ablate("2b", np.eye(32)[17])
    card = rlv.measure_edit(
        agent,
        {"blind": [edit]},
        target="saw",
        levels=24,
        null_levels=0,
        strengths=(),
        num_trajectories=24,
        progress=False,
    )
    causes = card["causes"].to_dataset()
    assert list(causes["condition"].values) == ["original", "blind", "saw hidden"]
    hidden = causes.sel(condition="saw hidden", cause="saw")
    assert hidden["count"] > causes["count"].sel(condition="original", cause="saw") + 1
    assert card["ceiling"]["ceiling"].item() == "saw hidden"
    assert set(json.loads(card.attrs["missing"])) == {"null", "dose", "internals", "probes"}
    lava = rlv.measure_edit(
        agent, [edit], target="lava", levels=2, null_levels=0, strengths=(), num_trajectories=2, progress=False
    )
    assert json.loads(lava.attrs["missing"])["ceiling"].startswith("lava cannot be made invisible")
