"""Masks obey one law above all: hiding a thing in the state changes no pixel of the frame outside its mask."""

import collections
import math
import threading

import numpy as np
import pytest
from test_environments import needs_procgen

from rlvision_widgets.environments import binding, make_environment
from rlvision_widgets.environments.catalogue import class_of_cell, class_of_entity, classes_of, overlay_classes
from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.environments.isolating import Isolator
from rlvision_widgets.environments.masks import BACKGROUND, OUTSIDE, OVERLAY, Seer, amodal_mask, label_pixels
from rlvision_widgets.environments.scene import choose, scene_of
from rlvision_widgets.environments.sprites import load_sprite
from rlvision_widgets.environments.states import parse_state, serialise_state

pytestmark = needs_procgen

SETTINGS = [
    ("coinrun", {"distribution_mode": "hard", "paint_vel_info": True}),
    ("coinrun", {"distribution_mode": "easy"}),
    ("maze", {"distribution_mode": "hard"}),
    ("maze", {"distribution_mode": "easy"}),
    ("maze", {"distribution_mode": "memory"}),
]
LOOKS = [
    {"restrict_themes": True},
    {"use_monochrome_assets": True, "paint_vel_info": True},
    {"center_agent": False},
    {"use_backgrounds": False},
]
OTHERS = sorted(GAMES.keys() - {"coinrun", "maze"})


def visited(game, num_frames, seed=0, num_levels=4, **options):
    """Return states along random play in several levels; in CoinRun every other one with the agent anywhere in it."""
    random = np.random.default_rng(seed)
    states = []
    with make_environment(game, num_trajectories=1, seed=seed, **options) as environment:
        for frame in range(num_frames):
            if frame % math.ceil(num_frames / num_levels) == 0 and frame:
                environment.load_level(0, int(random.integers(10**6)))
            for _ in range(2):
                environment.step(random.choice([7, 8, 7, 4, 1], 1) if game == "coinrun" else random.integers(0, 15, 1))
            state = parse_state(environment.get_state(0))
            states.append(elsewhere(state, random) if game == "coinrun" and frame % 4 else state)
    return states


def elsewhere(state, random):
    entities = state.entities.copy()
    agent = np.flatnonzero(entities["type"] == 0)[-1]
    entities["x"][agent], entities["y"][agent] = random.uniform(2, 50), random.uniform(1, 12)
    entities["vx"][agent], entities["vy"][agent] = random.uniform(-0.5, 0.5), random.uniform(-1, 1)
    return state.replace(entities=entities)


def entity_names(state):
    looks = zip(state.entities["type"].tolist(), state.entities["image_type"].tolist(), strict=True)
    return np.array([class_of_entity(state.game, *look) for look in looks])


def hide(state, name):
    """Return the state without the things of one class."""
    if name == "velocity":
        return state.replace(paint_vel_info=0)
    entities, grid = state.entities.copy(), state.grid.copy()
    entities["render_z"][entity_names(state) == name] = 9
    grid[np.isin(grid, [value for value in np.unique(grid) if class_of_cell(state.game, int(value)) == name])] = 100
    outside = class_of_cell(state.game, state.values["out_of_bounds_object"]) == name
    others = {"out_of_bounds_object": -1} if outside else {}
    if state.game == "chaser":  # which keeps where its maze is free a second time
        others["is_space_vec"] = (grid != 5).astype(np.int32).ravel()
    return state.replace(entities=entities, grid=grid, **others)


def frame_of(environment, state, size=64):
    environment.set_state(0, serialise_state(state))
    return environment.observe().observation[0] if size == 64 else environment.render(0)


def widened(mask):
    wide = np.pad(mask, 1)
    return np.any([np.roll(wide, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)], axis=0)[1:-1, 1:-1]


class Tally(collections.defaultdict):
    """For each class: pixels of its mask, those that changed outside it, visible ones, those of them that stayed."""

    def __init__(self):
        super().__init__(lambda: np.zeros(4, int))

    def add(self, name, mask, changed, visible):
        self[name] += [mask.sum(), (changed & ~mask).sum(), visible.sum(), (visible & ~changed).sum()]


def hide_each(game, states, options, size=64):
    tally = Tally()
    with make_environment(game, num_trajectories=1, **options) as environment, Seer(environment) as seer:
        for state in states:
            before, labels = frame_of(environment, state, size), seer.labels(state, size)
            for code, name in enumerate(classes_of(game)):
                if name == "background" or name in overlay_classes(game):
                    continue
                mask = seer.amodal(state, name, size)
                visible = labels.object_class == code
                assert not (visible & ~mask).any(), name
                if not mask.any() and not (entity_names(state) == name).any():
                    continue
                changed = (frame_of(environment, hide(state, name), size) != before).any(axis=-1)
                tally.add(name, mask if size == 64 else widened(mask), changed, visible)
    return tally


@pytest.mark.slow
@pytest.mark.parametrize(("game", "options"), SETTINGS)
def test_hiding_a_class_changes_no_pixel_outside_its_mask_and_nearly_all_that_are_seen(game, options):
    tally = hide_each(game, visited(game, 220, num_levels=12, **options), options)
    assert {name: int(row[1]) for name, row in tally.items()} == dict.fromkeys(tally, 0)
    for name, (_, _, visible, stayed) in tally.items():
        assert stayed <= 0.03 * visible, name
    expected = {"agent", "cheese", "wall"} if game == "maze" else {"agent", "coin", "crate", "saw", "wall"}
    if options.get("paint_vel_info"):
        expected |= {"velocity", "enemy", "trail", "lava"}
    assert {name for name, row in tally.items() if row[2] > 20} >= expected


def test_the_law_can_fail_a_mask_one_pixel_aside_does():
    options = {"distribution_mode": "hard"}
    with make_environment("coinrun", num_trajectories=1, **options) as environment, Seer(environment) as seer:
        outside = 0
        for state in visited("coinrun", 10, **options):
            before = frame_of(environment, state)
            changed = (frame_of(environment, hide(state, "agent")) != before).any(axis=-1)
            mask = seer.amodal(state, "agent")
            assert not (changed & ~mask).any()
            outside += (changed & ~np.roll(mask, 1, axis=1)).sum()
    assert outside > 0


@pytest.mark.parametrize("look", LOOKS, ids=str)
@pytest.mark.parametrize(("game", "mode"), [("coinrun", "hard"), ("maze", "easy"), ("maze", "memory")])
def test_the_law_holds_for_every_look(game, mode, look):
    options = {"distribution_mode": mode, **look}
    tally = hide_each(game, visited(game, 16, seed=3, num_levels=4, **options), options)
    assert {name: int(row[1]) for name, row in tally.items()} == dict.fromkeys(tally, 0)
    assert sum(row[2] > 0 for row in tally.values()) >= 3
    for name, (_, _, visible, stayed) in tally.items():
        assert stayed <= 0.1 * visible, name


@pytest.mark.parametrize(("game", "options"), [SETTINGS[0], SETTINGS[2]])
def test_large_masks_are_right_to_one_pixel(game, options):
    tally = hide_each(game, visited(game, 12, seed=5, **options), options, size=512)
    assert {name: int(row[1]) for name, row in tally.items()} == dict.fromkeys(tally, 0)
    assert len(tally) >= 3


def sampled(low, extent, pixels, size):
    """Return (pixel of the frame, pixel of the picture) along one axis."""
    low, extent = float(low), float(extent)
    start, stop = max(math.floor(low + 0.5), 0), min(math.floor(low + extent + 0.5), size)
    if start >= stop:
        return []
    scale = pixels / extent
    first, step = math.ceil((start + 0.5 - low) * scale * 65536) - 1, int(65536 * scale)
    at = [(start + k, (first + step * k) >> 16) for k in range(stop - start)]
    if at[-1][1] >= pixels:
        at.pop()
    return [(pixel, min(max(source, 0), pixels - 1)) for pixel, source in at]


def painted_slowly(state, assets, size=64):
    """Return instances painted thing by thing, as the library does: an independent, slow reading of its source."""
    f = np.float32
    values, grid, entities = state.values, state.grid, state.entities
    agent = entities[np.flatnonzero(entities["type"] == 0)[-1]]
    centered = values["center_agent"]
    width, height = values["main_width"], values["main_height"]
    cx, cy = (agent["x"], agent["y"]) if centered else (f(width / 2), f(height / 2))
    visibility = f(values["visibility"]) if centered else f(max(width, height))
    raw = f(64) / visibility
    unit, dim = f(raw * f(size / 64)), f(64.0 / float(raw))
    x_off, y_off = unit * (cx - dim / f(2)), unit * (cy - dim / f(2))
    canvas = np.full((size, size), BACKGROUND, np.int64)

    def draw(instance, box, image, theme, mirrored=False):
        covered = load_sprite(assets, state.game, image, theme).covered
        for row, v in sampled(box[1], box[3], covered.shape[0], size):
            for column, u in sampled(box[0], box[2], covered.shape[1], size):
                if covered[v, covered.shape[1] - 1 - u if mirrored else u]:
                    canvas[row, column] = instance

    def draw_layer(layer):
        for index, thing in enumerate(entities):
            if thing["render_z"] != layer or thing["alpha"] == 0:
                continue
            left = (thing["x"] - thing["rx"]) * unit - x_off
            top = (dim - (thing["y"] + thing["ry"])) * unit + y_off
            w, h = f(2) * thing["rx"] * unit, f(2) * thing["ry"] * unit
            image = int(thing["image_type"])
            if state.game == "coinrun" and image == 0:
                runs = not (abs(agent["vx"]) < 0.01 and values["action_vx"] == 0 and values["has_support"])
                image = (12 if values["cur_time"] // 5 % 2 == 0 or not values["has_support"] else 13) if runs else 0
                top, h = float(top) - 0.7415 * float(h), float(h) * 1.7415
            draw(index, (left, top, w, h), image, int(thing["image_theme"]), bool(thing["is_reflected"]))

    draw_layer(-1)
    margin = f(float(visibility) / 2 + 1)
    columns = range(int(cx - margin), int(cx + margin) + 1) if centered else range(width)
    rows = range(int(cy - margin), int(cy + margin) + 1) if centered else range(height)
    eps, side = f(0.02), (f(1) + f(2) * f(0.02)) * unit
    for i in columns:
        for j in rows:
            inside = 0 <= i < width and 0 <= j < height
            value = int(grid[j, i]) if inside else values["out_of_bounds_object"]
            if value in (-1, 19, 100, -100):
                continue
            box = ((f(i) - eps) * unit - x_off, (dim - f(j + 1) - eps) * unit + y_off, side, side)
            theme = values["wall_theme"] if state.game == "coinrun" and value in (15, 16) else 0
            draw(-1 - (j * width + i) if inside else OUTSIDE, box, abs(value), theme)
    draw_layer(0)
    draw_layer(1)
    if values["paint_vel_info"] and values["has_useful_vel_info"]:
        canvas[:13, :26] = OVERLAY
    return canvas


@pytest.mark.parametrize(("game", "options"), [*SETTINGS[:3], ("coinrun", {"center_agent": False})])
def test_the_visible_map_is_what_painting_in_order_leaves_on_top(game, options):
    assets = binding.find_installation().assets
    for state in visited(game, 8, seed=11, **options):
        labels = label_pixels(state, assets)
        np.testing.assert_array_equal(labels.instance, painted_slowly(state, assets))
        names = np.array(classes_of(game))[labels.object_class]
        things = entity_names(state)
        for instance in np.unique(labels.instance).tolist():
            if instance >= 0:
                expected = things[instance]
            elif instance in (BACKGROUND, OUTSIDE, OVERLAY):
                expected = {BACKGROUND: "background", OUTSIDE: "wall", OVERLAY: "velocity"}[instance]
            else:
                row, column = divmod(-1 - instance, state.grid.shape[1])
                expected = class_of_cell(game, int(state.grid[row, column]))
            assert set(names[labels.instance == instance]) == {expected}


@pytest.mark.parametrize(("game", "options"), SETTINGS)
def test_tables_and_the_library_itself_cover_the_same_pixels(game, options):
    installation = binding.find_installation()
    with make_environment(game, num_trajectories=1, **options) as environment:
        isolator = Isolator(game, environment.options, installation)
    mask, differ = 0, 0
    for state in visited(game, 10, seed=2, **options):
        scene = scene_of(state)
        for name in ("agent", "enemy", "saw", "coin", "cheese", "crate", "wall", "lava"):
            chosen = choose(state, scene, name)
            drawn = isolator.paint(state, scene.only(chosen)) > 0
            table = amodal_mask(state, installation.assets, name)
            assert not (drawn & ~table).any(), name
            mask, differ = mask + table.sum(), differ + (table != drawn).sum()
    isolator.close()
    assert mask > 1000
    assert differ <= 0.001 * mask


@pytest.mark.slow
@pytest.mark.parametrize("game", OTHERS)
def test_in_every_other_game_too_hiding_a_class_changes_nothing_outside_its_mask(game):
    tally = hide_each(game, visited(game, 12, seed=8, num_levels=3), {})
    assert {name: int(row[1]) for name, row in tally.items()} == dict.fromkeys(tally, 0)
    assert tally["agent"][2] > 0
    assert sum(row[2] > 0 for row in tally.values()) >= 2


@pytest.mark.parametrize("game", OTHERS)
def test_hiding_one_entity_changes_only_its_own_mask(game):
    state = visited(game, 14, seed=21, num_levels=1)[-1]
    with make_environment(game, num_trajectories=1) as environment, Seer(environment) as seer:
        before, labels = frame_of(environment, state), seer.labels(state)
        seen = sorted(set(labels.instance[labels.instance >= 0].tolist()))
        assert seen
        for index in seen[:12]:
            entities = state.entities.copy()
            entities["render_z"][index] = 9
            changed = (frame_of(environment, state.replace(entities=entities)) != before).any(axis=-1)
            assert not (changed & ~seer.amodal(state, f"entity {index}")).any()


@pytest.mark.parametrize("look", [{}, {"use_monochrome_assets": True}, {"paint_vel_info": True}], ids=str)
@pytest.mark.parametrize("game", ["jumper", "ninja", "plunder", "starpilot"])
def test_labels_leave_only_the_background_where_nothing_is_drawn(game, look):
    with make_environment(game, num_trajectories=1, **look) as environment, Seer(environment) as seer:
        for state in visited(game, 4, seed=4, num_levels=1, **look):
            labels = seer.labels(state)
            assert labels.instance.shape == labels.object_class.shape == (64, 64)
            np.testing.assert_array_equal(labels.instance == BACKGROUND, labels.object_class == 0)
            bare = state.replace(
                entities=hide_all(state),
                grid=np.full_like(state.grid, 100),
                out_of_bounds_object=-1,
                paint_vel_info=0,
            )
            empty = frame_of(environment, bare)
            changed = (frame_of(environment, state) != empty).any(axis=-1)
            assert not (changed & (labels.object_class == 0) & ~overlaid(seer, state)).any()


def hide_all(state):
    entities = state.entities.copy()
    entities["render_z"] = 9
    return entities


def overlaid(seer, state):
    masks = [seer.amodal(state, name) for name in overlay_classes(state.game)]
    return np.any(masks, axis=0) if masks else np.zeros((64, 64), bool)


def test_the_velocity_squares_are_two_and_their_own_class():
    state = visited("coinrun", 1, paint_vel_info=True)[0]
    with make_environment("coinrun", num_trajectories=1, paint_vel_info=True) as environment, Seer(environment) as seer:
        expected = np.zeros((64, 64), bool)
        expected[:13, :26] = True
        np.testing.assert_array_equal(seer.amodal(state, "velocity"), expected)
        np.testing.assert_array_equal(seer.labels(state).instance == OVERLAY, expected)
        large = (frame_of(environment, state, 512) != frame_of(environment, hide(state, "velocity"), 512)).any(axis=-1)
        assert not (large & ~widened(seer.amodal(state, "velocity", 512))).any()
        assert not seer.amodal(hide(state, "velocity"), "velocity").any()


def test_what_tables_do_not_know_is_left_to_the_library():
    state = next(state for state in visited("coinrun", 40, seed=1) if "saw" in entity_names(state))
    entities = state.entities.copy()
    saw = int(np.flatnonzero(entity_names(state) == "saw")[0])
    agent = np.flatnonzero(entities["type"] == 0)[-1]
    entities["x"][saw], entities["y"][saw], entities["rotation"][saw] = *entities[["x", "y"]][agent], 0.6
    entities["x"][saw] += 1
    turned = state.replace(entities=entities)
    with pytest.raises(ValueError, match="use a Seer"):
        label_pixels(turned, binding.find_installation().assets)
    with make_environment("coinrun", num_trajectories=1) as environment, Seer(environment) as seer:
        mask = seer.amodal(turned, f"entity {saw}")
        entities = entities.copy()
        entities["render_z"][saw] = 9
        changed = frame_of(environment, turned) != frame_of(environment, turned.replace(entities=entities))
        assert mask.any()
        assert not (changed.any(axis=-1) & ~mask).any()


def test_bytes_states_and_threads_give_the_same_labels():
    states = visited("bigfish", 6)
    with make_environment("bigfish", num_trajectories=1) as environment, Seer(environment) as seer:
        expected = [seer.labels(state).instance for state in states]
        found = {}

        def see(worker):
            found[worker] = [seer.labels(serialise_state(state)).instance for state in states]

        threads = [threading.Thread(target=see, args=(worker,)) for worker in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for worker in range(3):
            np.testing.assert_array_equal(found[worker], expected)
        seer.close()
        np.testing.assert_array_equal(seer.labels(states[0]).instance, expected[0])


def with_agent(state, **fields):
    entities = state.entities.copy()
    for name, value in fields.items():
        entities[name][np.flatnonzero(entities["type"] == 0)[-1]] = value
    return state.replace(entities=entities)


def test_wrong_requests_are_refused_with_what_would_be_right():
    state = visited("maze", 1)[0]
    with make_environment("maze", num_trajectories=1) as environment, Seer(environment) as seer:
        with pytest.raises(ValueError, match=r"unknown object or class 'chease'\. Did you mean 'cheese'"):
            seer.amodal(state, "chease")
        with pytest.raises(ValueError, match="there is no entity 9: this state has 1 entities"):
            seer.amodal(state, "entity 9")
        with pytest.raises(ValueError, match="there is no cell 25,3: this world has 25 x 25 cells"):
            seer.amodal(state, "cell 25,3")
        with pytest.raises(ValueError, match="must be a class or a key"):
            seer.amodal(state, 3)
        with pytest.raises(ValueError, match="64 or 512 pixels, and size=100 came"):
            seer.labels(state, size=100)
        with pytest.raises(ValueError, match="a state of coinrun, and this Seer sees maze"):
            seer.labels(visited("coinrun", 1)[0])
        with pytest.raises(ValueError, match="cut short"):
            seer.labels(b"\0\0\0\0\4\0\0\0maze")
        with pytest.raises(ValueError, match="image_theme is 7 for image_type 0 of maze, which has 1"):
            seer.labels(with_agent(state, image_theme=7))
        with pytest.raises(ValueError, match="has no agent"):
            seer.labels(with_agent(state, type=3).replace(center_agent=1))
        with pytest.raises(ValueError, match=r"view is of 25 cells around .nan"):
            seer.labels(with_agent(state, x=np.nan).replace(center_agent=1))
        with pytest.raises(ValueError, match="view is of 1e"):
            seer.labels(state.replace(center_agent=1, visibility=1e9))
        with pytest.raises(ValueError, match="a cell of this maze state holds 5000"):
            seer.labels(state.replace(grid=np.full_like(state.grid, 5000)))
        assert not seer.amodal(state, "saw").any()
        assert seer.amodal(state, "background").all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("game", ["coinrun", "maze", "bigfish"])
def test_absurd_numbers_are_refused_or_in_no_frame(game):
    state = visited(game, 3, seed=2)[-1]
    with make_environment(game, num_trajectories=1) as environment, Seer(environment) as seer:
        refusals = []
        for field in ("x", "y", "rx", "ry", "rotation", "alpha", "vx"):
            for number in (np.nan, np.inf, -np.inf, 3e38, -3e38):
                for entity in (0, len(state.entities) - 1):
                    entities = state.entities.copy()
                    entities[field][entity] = number
                    try:
                        labels = seer.labels(state.replace(entities=entities))
                    except ValueError as error:
                        refusals.append(str(error))
                    else:
                        assert labels.object_class.max() < len(classes_of(game))
        assert all("view is of" in refusal or "cannot be set" in refusal for refusal in refusals)
        assert refusals


def test_only_worlds_with_states_can_be_seen_into():
    with (
        make_environment("maze", num_trajectories=1, use_generated_assets=True) as environment,
        pytest.raises(ValueError, match="without use_generated_assets"),
    ):
        Seer(environment)
    with make_environment("bigfish", num_trajectories=1) as environment:
        environment.options["world_edits"] = "[]"  # as what wraps an environment may add
        assert Seer(environment).labels(environment.get_state(0)).object_class.any()
    with pytest.raises(ValueError, match="read from Procgen's saved states"):
        Seer(object())
