"""The table of objects: what is in it, where its boxes lie, and the names and codes of classes."""

import re

import numpy as np
import pytest
from test_environments import needs_procgen, random_actions

from rlvision_widgets.environments import make_environment
from rlvision_widgets.environments.catalogue import (
    CLASSES,
    class_of_cell,
    class_of_entity,
    classes_of,
    colour_of,
    overlay_classes,
)
from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.environments.masks import BACKGROUND, OUTSIDE, OVERLAY, Seer
from rlvision_widgets.environments.objects import object_columns, object_table
from rlvision_widgets.environments.scene import instance_key
from rlvision_widgets.environments.states import parse_state, serialise_state

COLUMNS = [
    *("key", "object_class", "x", "y", "vx", "vy", "rx", "ry"),
    *("visible_pixels", "left", "top", "right", "bottom"),
]


def played(game, *, steps=(6, 14, 24), num_trajectories=2, seed=3, **options):
    states = []
    with make_environment(game, num_trajectories=num_trajectories, seed=seed, **options) as environment:
        for step, actions in enumerate(random_actions(5, max(steps) + 1, num_trajectories)):
            environment.step(actions)
            if step in steps:
                states += [parse_state(environment.get_state(index)) for index in range(num_trajectories)]
    return states


def test_codes_are_distinct_and_the_common_ones_the_same_in_every_game():
    assert CLASSES[0] == "background"
    assert len(CLASSES) == 12
    for game in GAMES:
        names = classes_of(game)
        assert names[:12] == CLASSES
        assert len(set(names)) == len(names) < 256
        assert all(re.fullmatch(r"[a-z_]+", name) for name in names)
        assert set(overlay_classes(game)) <= set(names)
        colours = [colour_of(name) for name in names]
        assert len(set(colours)) == len(colours), game
        assert all(re.fullmatch(r"#[0-9A-F]{6}", colour) for colour in colours)


def test_things_are_called_by_their_type_and_unknown_ones_by_their_picture():
    assert class_of_entity("coinrun", 0, 0) == "agent"
    assert class_of_entity("coinrun", 2, 3) == "saw"
    assert class_of_entity("coinrun", 5, 6) == "enemy"
    assert class_of_entity("coinrun", 59, 59) == "trail"
    assert class_of_entity("coinrun", 99, 2) == class_of_entity("coinrun", 99, 3) == "saw"  # a decoy
    assert class_of_entity("coinrun", 98, 1) == "coin"
    assert class_of_entity("coinrun", 99, 12) == "agent"
    assert class_of_entity("coinrun", 77, 77) == "other"
    assert class_of_entity("bossfight", 54, 57) == "explosion"
    assert class_of_entity("plunder", 2, 7) == "target_legend"
    assert [class_of_cell("coinrun", value) for value in (1, -18, 15, 19, 100, -1)] == [
        *("coin", "lava", "wall", "background", "background", "background")
    ]
    assert class_of_cell("chaser", 1002) == "orb"
    assert class_of_cell("maze", 51) == "wall"


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'coinrun'"):
        classes_of("coinrum")
    with pytest.raises(ValueError, match="Did you mean 'saw'"):
        colour_of("saws")


@needs_procgen
@pytest.mark.parametrize("game", GAMES)
def test_every_thing_that_a_game_makes_has_a_name(game):
    for state in played(game):
        kinds = zip(state.entities["type"].tolist(), state.entities["image_type"].tolist(), strict=True)
        names = {class_of_entity(game, *kind) for kind in kinds}
        names |= {class_of_cell(game, int(value)) for value in np.unique(state.grid)}
        assert "other" not in names
        assert "agent" in names
        assert names <= set(classes_of(game))


@needs_procgen
@pytest.mark.parametrize("game", GAMES)
def test_boxes_hold_the_pixels_and_the_counts_add_up_to_the_frame(game):
    with make_environment(game, num_trajectories=1) as environment, Seer(environment) as seer:
        for state in played(game, steps=(8, 20), num_trajectories=1):
            labels, columns = seer.look(state, walls=True)
            rest = np.isin(labels.instance, (BACKGROUND, OUTSIDE, OVERLAY)).sum()
            assert columns["visible_pixels"].sum() + rest == 64 * 64
            assert len(set(columns["instance"].tolist())) == len(columns["instance"])
            for row in range(len(columns["instance"])):
                rows, across = np.nonzero(labels.instance == columns["instance"][row])
                assert len(rows) == columns["visible_pixels"][row]
                if len(rows):
                    assert columns["left"][row] - 0.6 <= across.min()
                    assert across.max() + 1 <= columns["right"][row] + 0.6
                    assert columns["top"][row] - 0.6 <= rows.min()
                    assert rows.max() + 1 <= columns["bottom"][row] + 0.6
                    codes = labels.object_class[labels.instance == columns["instance"][row]]
                    assert set(codes.tolist()) == {columns["class_code"][row]}


@needs_procgen
@pytest.mark.parametrize("game", ["coinrun", "maze", "heist", "starpilot"])
def test_the_table_says_what_the_state_says(game):
    state = played(game, seed=11)[-1]
    with make_environment(game, num_trajectories=1) as environment, Seer(environment) as seer:
        labels = seer.labels(state)
        table = object_table(state, labels)
        assert list(table.columns) == COLUMNS
        assert "wall" not in set(table["object_class"])
        assert (table["object_class"] == "agent").sum() == 1
        assert table.equals(seer.objects(state))
        assert table.equals(seer.objects(serialise_state(state)))
        assert (object_table(state)["visible_pixels"] == -1).all()
        with_walls = object_table(state, labels, walls=True)
        assert table.equals(with_walls[with_walls["object_class"] != "wall"].reset_index(drop=True))
        for row in table.itertuples():
            if row.key.startswith("entity"):
                entity = state.entities[int(row.key.removeprefix("entity "))]
                assert (row.x, row.y, row.vx, row.vy, row.rx, row.ry) == tuple(
                    entity[name] for name in ("x", "y", "vx", "vy", "rx", "ry")
                )
                assert row.object_class == class_of_entity(game, int(entity["type"]), int(entity["image_type"]))
            else:
                x, y = map(int, row.key.removeprefix("cell ").split(","))
                assert (row.x, row.y, row.rx) == (x + 0.5, y + 0.5, 0.5)
                assert row.object_class == class_of_cell(game, int(state.grid[y, x]))
            mask = seer.amodal(state, row.key)
            assert mask.sum() >= row.visible_pixels


@needs_procgen
def test_large_boxes_are_not_needed_the_small_ones_scale():
    state = played("coinrun")[0]
    with make_environment("coinrun", num_trajectories=1) as environment, Seer(environment) as seer:
        agent = seer.objects(state).query("object_class == 'agent'").iloc[0]
        rows, columns = np.nonzero(seer.amodal(state, agent.key, 512))
        assert abs(columns.mean() / 8 - (agent.left + agent.right) / 2) < 2
        assert agent.top - 0.2 <= rows.min() / 8
        assert rows.max() / 8 <= agent.bottom + 0.2


@needs_procgen
def test_hidden_empty_and_distant_things_are_not_in_the_table():
    state = played("coinrun", seed=7)[-1]
    entities = np.concatenate([state.entities, np.repeat(state.entities[:1], 4)])
    agent = state.entities[np.flatnonzero(state.entities["type"] == 0)[-1]]
    new = slice(len(state.entities), None)
    entities["type"][new], entities["image_type"][new], entities["image_theme"][new] = 2, 2, 0
    entities["x"][new] = agent["x"] + [1, 1.5, 2, 40]
    entities["y"][new] = agent["y"] + 2
    entities["render_z"][new], entities["alpha"][new] = [0, 9, 0, 0], [1, 1, 0, 1]
    keys = set(object_table(state.replace(entities=entities))["key"])
    first = len(state.entities)
    assert f"entity {first}" in keys
    assert not keys & {f"entity {first + i}" for i in (1, 2, 3)}
    assert not any("background" in key or "outside" in key for key in keys)


@needs_procgen
def test_shields_that_are_down_and_keys_not_held_are_not_drawn():
    state = played("bossfight", num_trajectories=1)[0]
    for up in (0, 1):
        table = object_table(state.replace(shields_are_up=up))
        assert ("shield" in set(table["object_class"])) == bool(up)
    state = played("heist", num_trajectories=1)[0]
    held = np.zeros_like(state.arrays["has_keys"])
    assert "held_key" not in set(object_table(state.replace(has_keys=held))["object_class"])
    assert (object_table(state.replace(has_keys=held + 1))["object_class"] == "held_key").sum() == len(held)


@needs_procgen
def test_columns_are_those_of_the_table_for_many_steps():
    state = played("maze", distribution_mode="easy")[0]
    columns, table = object_columns(state), object_table(state)
    names = np.array(classes_of("maze"))
    assert columns["instance"].dtype == np.int32
    assert columns["class_code"].dtype == np.uint8
    assert [instance_key(i, 15) for i in columns["instance"].tolist()] == table["key"].tolist()
    assert names[columns["class_code"]].tolist() == table["object_class"].tolist()
    for name in COLUMNS[2:]:
        np.testing.assert_array_equal(columns[name], table[name])
