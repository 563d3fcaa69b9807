import functools
import json
from typing import NamedTuple

import numpy as np
import pytest
from test_environments import assert_same, needs_procgen, random_actions

import rlvision_widgets as rlv
from rlvision_widgets.environments.applying import NotHere, apply_edits
from rlvision_widgets.environments.catalogue import class_of_entity, objects_of
from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.environments.mazes import solve
from rlvision_widgets.environments.states import parse_state, serialise_state

pytestmark = needs_procgen
SAW, ENEMY, CRATE, TRAIL = 2, 5, 20, 59


class Life(NamedTuple):
    """What an episode showed: frames up to the last one of it, where the agent was, and how it ended."""

    frames: np.ndarray
    places: list
    ended: int | None
    reward: float


def live(environment, actions):
    """Play until the episode ends or there are no more actions."""
    frames, places = [environment.observe().observation[0]], [agent_of(environment)]
    for step, action in enumerate(actions):
        observed = environment.step([action])
        if observed.first[0]:
            return Life(np.stack(frames), places, step, float(observed.reward[0]))
        frames.append(observed.observation[0])
        places.append(agent_of(environment))
    return Life(np.stack(frames), places, None, 0.0)


def agent_of(environment):
    entities = parse_state(environment.get_state(0)).entities
    agent = entities[entities["type"] == 0][-1]
    return tuple(float(agent[name]) for name in ("x", "y", "vx", "vy"))


def lived(state, edits, actions):
    """Play `state` with edits made in it."""
    environment = coinrun() if state.game == "coinrun" else None
    environment.set_state(0, serialise_state(apply_edits(state, edits)))
    return live(environment, actions)


@functools.cache
def coinrun():
    return rlv.make_environment("coinrun", num_trajectories=1, distribution_mode="hard")


def first_state(level, **changes):
    coinrun().load_level(0, level)
    return parse_state(coinrun().get_state(0)).replace(**changes)


@functools.cache
def deaths(kind, number):
    """Return levels, as first state and actions, in which something of a type ends the episode (and not its end)."""
    found, what = [], {SAW: "saw", ENEMY: "enemy"}[kind]
    for level in range(400):
        state = first_state(level)
        if (state.entities["type"] == kind).any():
            actions = np.random.default_rng(level).choice([7, 8], 120, p=[0.6, 0.4])
            base, without = lived(state, [], actions), lived(state, [rlv.Remove(what)], actions)
            if base.reward == 0 and base.ended is not None and without.ended != base.ended:
                found.append((state, actions, base, without))
                if len(found) == number:
                    return found
    raise AssertionError(f"{len(found)} deaths by type {kind} in 400 levels")


def assert_equal_while(ours, theirs, steps):
    np.testing.assert_array_equal(ours.frames[:steps], theirs.frames[:steps])
    assert ours.places[:steps] == theirs.places[:steps]


def test_an_invisible_saw_kills_at_the_same_step_and_shows_the_level_without_it():
    for state, actions, base, without in deaths(SAW, 6):
        hidden = lived(state, [rlv.Hide("saw")], actions)
        assert (hidden.ended, hidden.reward) == (base.ended, 0)
        assert_equal_while(hidden, without, base.ended + 1)
        assert not np.array_equal(hidden.frames, base.frames)


def test_an_invisible_saw_is_invisible_in_flat_colours_too():
    for state, actions, base, _ in deaths(SAW, 3):
        flat = state.replace(use_monochrome_assets=1)
        hidden, without = (lived(flat, edit, actions) for edit in (rlv.Hide("saw"), rlv.Remove("saw")))
        assert hidden.ended == base.ended
        assert_equal_while(hidden, without, base.ended + 1)


@pytest.mark.parametrize(("kind", "what"), [(SAW, "saw"), (ENEMY, "enemy")])
def test_a_ghost_looks_like_the_original_and_lets_live_like_nothing(kind, what):
    for state, actions, base, without in deaths(kind, 4):
        ghost = lived(state, [rlv.Ghost(what)], actions)
        assert_equal_while(ghost, base, base.ended + 1)
        assert ghost.places == without.places
        assert (ghost.ended, ghost.reward) == (without.ended, without.reward)


def test_an_invisible_enemy_leaves_no_trace():
    for state, actions, base, without in deaths(ENEMY, 5):
        with rlv.edited_environment(coinrun_at(state), rlv.Hide("enemy")) as environment:
            hidden = live(environment, actions)
        assert (hidden.ended, hidden.reward) == (base.ended, 0)
        assert_equal_while(hidden, without, base.ended + 1)


def coinrun_at(state):
    environment = rlv.make_environment("coinrun", num_trajectories=1, distribution_mode="hard")
    environment.set_state(0, serialise_state(state))
    return environment


def test_one_of_two_enemies_hidden_leaves_the_others_trail():
    for level in range(300):
        state = first_state(level)
        enemies = state.entities[state.entities["type"] == ENEMY]
        if len(enemies) >= 2:
            break
    at = float(enemies[0]["x"]), float(enemies[0]["y"])
    with (
        rlv.edited_environment(coinrun_at(state), rlv.Hide("enemy", at)) as hidden,
        rlv.edited_environment(coinrun_at(state), rlv.Remove("enemy", at)) as removed,
    ):
        for _ in range(40):
            assert_same(hidden.step([4]), removed.step([4]))
            ours, theirs = (parse_state(world.get_state(0)).entities for world in (hidden, removed))
            np.testing.assert_array_equal(ours[ours["type"] == TRAIL], theirs[theirs["type"] == TRAIL])
        assert (ours["type"] == TRAIL).any()


def test_hiding_within_an_episode_takes_the_trail_along():
    for state, actions, base, _ in deaths(ENEMY, 3):
        coinrun().set_state(0, serialise_state(state))
        for action in actions[: min(base.ended, 10)]:
            coinrun().step([action])
        later = parse_state(coinrun().get_state(0))
        hidden, removed = (apply_edits(later, edit) for edit in (rlv.Hide("enemy"), rlv.Remove("enemy")))
        assert (later.entities["type"] == TRAIL).any()
        assert not (hidden.entities["type"] == TRAIL).any()
        np.testing.assert_array_equal(shown(hidden), shown(removed))


def shown(state):
    coinrun().set_state(0, serialise_state(state))
    return coinrun().observe().observation[0]


def test_a_ghost_crate_carries_nobody():
    differ = 0
    for level in range(60):
        state = apply_edits(first_state(level), rlv.Place("coin"))
        harmless = state.replace(entities=state.entities[~np.isin(state.entities["type"], (SAW, ENEMY))])
        if (state.entities["type"] != CRATE).all():
            continue
        actions = np.random.default_rng(level).choice([7, 8, 8], 60)
        base, ghost, without = (
            lived(harmless, edit, actions) for edit in ([], rlv.Ghost("crate"), rlv.Remove("crate"))
        )
        assert ghost.places == without.places
        np.testing.assert_array_equal(ghost.frames[0], base.frames[0])
        differ += base.places != ghost.places
    assert differ >= 5


@pytest.mark.parametrize("what", ["coin", "lava", "wall"])
def test_ghosts_of_what_fills_cells_look_like_it_and_have_no_effect(what):
    """The agent walks through the coin to no reward; through ghosts of lava and walls, it falls."""
    tried = 0
    for level in range(200):
        state = first_state(level)
        cells = {"coin": (1,), "lava": (17, 18), "wall": (15, 16)}[what]
        state = state.replace(entities=state.entities[state.entities["type"] == 0], wall_theme=level % 3)
        places = np.argwhere(np.isin(state.grid, cells))
        if not len(places):
            continue
        agent = state.entities[-1]
        near = places[np.abs(places[:, 1] + 0.5 - agent["x"]).argsort(kind="stable")[:40]]
        if what == "lava":
            open_above = [(j, i) for j, i in near if (state.grid[j + 1 : j + 4, i] == 100).all()]
            if not open_above:
                continue
            row, column = open_above[0]
            state = apply_edits(state, rlv.Move("agent", (agent["x"], agent["y"]), (column + 0.5, row + 2.5)))
        edits = [rlv.Ghost(what, (i + 0.5, j + 0.5)) for j, i in near]
        gone = [rlv.Remove(what, (i + 0.5, j + 0.5)) for j, i in near]
        ghost, without = (lived(state, changes, [7] * 30) for changes in (edits, gone))
        assert ghost.places == without.places
        assert (ghost.ended, ghost.reward) == (without.ended, without.reward)
        differ = (shown(apply_edits(state, edits)) != shown(state)).any(axis=2).sum()
        assert differ <= (10 if what == "wall" and state.values["wall_theme"] else 0)
        tried += 1
        if tried == 12:
            return
    raise AssertionError(f"only {tried} levels with {what}")


def test_a_decoy_looks_like_an_object_and_has_no_effect():
    changed = 0
    for level in range(12):
        state = first_state(level)
        actions = np.random.default_rng(level).choice([7, 8, 4], 40)
        base = lived(state, [], actions)
        path = [place[:2] for place in base.places[::4]]
        free = [(x, y) for x, y in path if state.grid[int(y), int(x)] == 100]
        cells = list(dict.fromkeys((int(x) + 0.5, int(y) + 0.5) for x, y in free))
        for what in ("saw", "enemy", "crate", "coin", "lava", "wall"):
            spots = free if what in ("saw", "crate") else cells
            with_decoys = lived(state, [rlv.Decoy(what, at) for at in spots], actions)
            assert with_decoys.places == base.places
            assert (with_decoys.ended, with_decoys.reward) == (base.ended, base.reward)
            changed += not np.array_equal(with_decoys.frames, base.frames)
    assert changed >= 70


@pytest.mark.parametrize(
    ("what", "kind"), [("saw", SAW), ("enemy", ENEMY), ("crate", CRATE), ("coin", None), ("lava", None)]
)
def test_what_is_removed_and_added_again_is_as_before(what, kind):
    tried = 0
    for level in range(120):
        state = first_state(level)
        if kind is None:
            value = {"coin": 1, "lava": 18}[what]
            places = [(float(i) + 0.5, float(j) + 0.5, None, None) for j, i in np.argwhere(state.grid == value)]
        else:
            some = state.entities[state.entities["type"] == kind]
            moving = what == "enemy"
            places = [
                (float(e["x"]), float(e["y"]), int(e["image_theme"]), (float(e["vx"]), 0.0) if moving else None)
                for e in some
            ]
        if not places:
            continue
        again = [
            edit
            for x, y, theme, velocity in places
            for edit in (rlv.Remove(what, (x, y)), rlv.Add(what, (x, y), theme=theme, velocity=velocity))
        ]
        actions = np.random.default_rng(level).choice([7, 8], 60)
        base, back = lived(state, [], actions), lived(state, again, actions)
        assert back.places == base.places
        assert (back.ended, back.reward) == (base.ended, base.reward)
        np.testing.assert_array_equal(back.frames[1:], base.frames[1:])
        tried += 1
        if tried == 6:
            return
    raise AssertionError(f"only {tried} levels with {what}")


def test_moved_cheese_is_reached_by_the_way_there_at_the_exact_step():
    rng = np.random.default_rng(0)
    with rlv.make_environment("maze", num_trajectories=1, distribution_mode="easy") as environment:
        for level in range(34):
            environment.load_level(0, level)
            state = parse_state(environment.get_state(0))
            start = np.argwhere(state.grid == 2)[0][::-1] + 0.5
            free = np.argwhere(state.grid == 100)[:, ::-1] + 0.5
            free = free[(free != [state.entities["x"][0], state.entities["y"][0]]).any(axis=1)]
            moved = apply_edits(state, rlv.Move("cheese", start, rng.choice(free)))
            environment.set_state(0, serialise_state(moved))
            way = solve(moved)
            firsts = [bool(environment.step([action]).first[0]) for action in way]
            assert firsts == [False] * (len(way) - 1) + [True]
            assert environment.observe().reward[0] == 10


def test_a_carved_wall_lets_through_and_a_filled_way_does_not():
    with rlv.make_environment("maze", num_trajectories=1, distribution_mode="hard") as environment:

        def end(edits, actions):
            environment.set_state(0, serialise_state(apply_edits(state, edits)))
            for action in actions:
                observed = environment.step([action])
                if observed.first[0]:
                    return observed.reward[0]
            return 0

        for level in range(30):
            environment.load_level(0, level)
            state = parse_state(environment.get_state(0))
            walls = [(int(column), int(row)) for row, column in np.argwhere(state.grid == 51)]
            ways = {wall: solve(apply_edits(state, rlv.Carve(wall))) for wall in walls}
            wall = min(walls, key=lambda wall: len(ways[wall]))
            if len(ways[wall]) == len(solve(state)):
                continue
            assert end([rlv.Carve(wall)], ways[wall]) == 10
            assert end([], ways[wall]) == 0
            assert end([rlv.Carve(wall), rlv.Fill(wall)], ways[wall]) == 0
            assert end([rlv.Ghost("wall", (wall[0] + 0.5, wall[1] + 0.5))], ways[wall]) == 10
            return
    raise AssertionError("no level with a shorter way")


def test_a_wall_in_coinrun_stops_the_agent_and_an_opened_one_does_not():
    state = first_state(0)
    state = state.replace(entities=state.entities[state.entities["type"] == 0])
    wall = [rlv.Fill((4, row)) for row in range(1, 10)]
    actions = [7] * 15
    assert max(x for x, *_ in lived(state, wall, actions).places) == pytest.approx(3.5, abs=0.02)
    opened = lived(state, [*wall, *(rlv.Carve((4, row)) for row in range(1, 10))], actions)
    assert opened.places == lived(state, [], actions).places
    np.testing.assert_array_equal(opened.frames, lived(state, [], actions).frames)


def test_what_is_moved_within_its_cell_stays():
    with rlv.make_environment("coinrun", num_trajectories=1, seed=0) as environment:
        state = parse_state(environment.get_state(0))
    row, column = np.argwhere(state.grid == 1)[0].tolist()
    moved = apply_edits(state, rlv.Move("coin", at=(column + 0.5, row + 0.5), to=(column + 0.7, row + 0.2)))
    np.testing.assert_array_equal(moved.grid, state.grid)


def test_edits_are_made_in_order_and_change_neither_their_input_nor_their_meaning_in_json():
    state = first_state(58)
    data = serialise_state(state)
    (x, y) = (float(state.entities[state.entities["type"] == SAW][0][name]) for name in ("x", "y"))
    there, on = (x - 2.0, y + 1.0), (x - 4.0, y + 1.0)
    edits = [
        rlv.Move("saw", (x, y), there),
        rlv.Move("saw", there, on),
        rlv.Add("saw", there),
        rlv.Hide("saw", on),
        *(rlv.Theme("agent", 2), rlv.Theme("wall", 4), rlv.Background(5), rlv.VelocityBox(True), rlv.Place("coin")),
    ]
    together = apply_edits(state, edits)
    one_by_one = state
    for edit in edits:
        one_by_one = apply_edits(one_by_one, edit)
    assert serialise_state(together) == serialise_state(one_by_one)
    assert serialise_state(apply_edits(state, rlv.edits_to_json(edits))) == serialise_state(together)
    assert serialise_state(apply_edits(state, json.loads(rlv.edits_to_json(edits)))) == serialise_state(together)
    saws = together.entities[together.entities["type"] == SAW]
    assert sorted(zip(saws["x"], saws["y"], saws["render_z"], strict=True)) == sorted([(*on, 9), (*there, 0)])
    with pytest.raises(NotHere, match="no saw within a cell"):
        apply_edits(state, edits[::-1])
    assert serialise_state(state) == data
    assert serialise_state(apply_edits(state, [])) == data


def test_looks_change_and_nothing_else():
    state = first_state(6)
    actions = np.random.default_rng(0).choice([7, 8], 30)
    base = lived(state, [], actions)
    agent, walls = state.entities[-1]["image_theme"], state.values["wall_theme"]
    for edit in (
        rlv.Theme("agent", (int(agent) + 1) % 5),
        rlv.Theme("wall", (int(walls) + 1) % 6),
        rlv.Background((int(state.values["background_index"]) + 7) % 62),
        rlv.Background(None),
        rlv.VelocityBox(True),
        rlv.Hide("agent"),
    ):
        other = lived(state, edit, actions)
        assert other.places == base.places
        assert (other.frames != base.frames).any(axis=(1, 2, 3)).all(), edit
    again = lived(state, [rlv.VelocityBox(True), rlv.VelocityBox(False)], actions)
    np.testing.assert_array_equal(again.frames, base.frames)


def test_the_agent_is_put_where_it_fits():
    state = first_state(6)
    for to, put in [((1.5, 1.5), (1.5, 1.5787)), ((1.2, 1.5), (1.5, 1.5787)), ((3.5, 9.0), (3.5, 9.0))]:
        agent = apply_edits(state, rlv.Teleport(to)).entities[0]
        assert (agent["x"], agent["y"]) == pytest.approx(put, abs=1e-4)
    moved = apply_edits(state, rlv.Move("agent", (1.5, 1.5), (3.5, 9)))
    assert serialise_state(moved) == serialise_state(apply_edits(state, rlv.Teleport((3.5, 9))))
    falling = lived(state, rlv.Teleport((2.5, 9)), [4] * 20)
    assert falling.places[0][:2] == (2.5, 9)
    assert falling.places[-1][1] == pytest.approx(lived(state, [], [4] * 20).places[-1][1], abs=0.02)


COINRUN_ERRORS = [
    (rlv.Add("enemy", (6.5, 0.2)), NotHere, r"the enemy does not fit at \(6.5, 0.2\): .* inside the wall at the cell"),
    (rlv.Add("saw", (6.5, 0.5)), NotHere, r"the cell \(6, 0\) is a wall"),
    (rlv.Add("saw", (70, 3)), ValueError, r"\(70, 3\) is outside the world, which is 64 x 64 cells"),
    (rlv.Add("coin", (6.5, 0.5)), NotHere, r"the coin cannot fill the cell \(6, 0\): it holds a wall"),
    (rlv.Add("coin", (6.5, 9), theme=1), ValueError, "neither a theme of its own nor a velocity"),
    (rlv.Add("swa", (6, 9)), ValueError, "Did you mean 'saw'"),
    (rlv.Add("agent", (6, 9)), ValueError, "an agent cannot be added"),
    (rlv.Add("crate", (6, 9), theme=4), ValueError, "there is no theme 4 of the crate: it has 4, from 0 to 3"),
    (rlv.Add("saw", (6, 9), velocity=(1000, 0)), ValueError, "vx 1000"),
    (rlv.Remove("agent"), ValueError, "the agent cannot be removed"),
    (rlv.Remove("swa"), ValueError, "unknown class of objects in coinrun 'swa'. Did you mean 'saw'"),
    (rlv.Remove("saw", (60, 60)), NotHere, r"no saw within a cell of \(60, 60\); the nearest: \("),
    (rlv.Remove("explosion"), NotHere, r"there is no explosion in this world; it has agent at \(1.5, 1.579\), "),
    (rlv.Remove("cheese"), ValueError, "unknown class of objects in coinrun 'cheese'"),
    (rlv.Hide("lava"), ValueError, "a lava cannot be hidden"),
    (rlv.Hide("coin"), ValueError, "a coin cannot be hidden: what fills a cell is always drawn"),
    (rlv.Hide("velocity"), ValueError, r"VelocityBox\(False\) hides it"),
    (rlv.Ghost("agent"), ValueError, "the agent cannot be a ghost"),
    (rlv.Ghost("wall"), NotHere, "too many to be ghosts"),
    (rlv.Move("coin", (15.5, 4.5), (6.5, 0.5)), NotHere, "it holds a wall"),
    (rlv.Move("saw", (8.5, 3.5), (6.5, 0.5)), NotHere, "is a wall"),
    (rlv.Decoy("fish", (6, 9)), ValueError, "unknown decoy in coinrun 'fish'"),
    (rlv.Theme("agent", 5), ValueError, "there is no theme 5 of the agent: it has 5, from 0 to 4"),
    (rlv.Theme("wall", 6), ValueError, "there is no theme 6 of the walls: they have 6"),
    (rlv.Theme("saw", 1), ValueError, "there is no theme 1 of the saw: it has one"),
    (rlv.Theme("coin", 0), ValueError, "a coin of coinrun has no themes"),
    (rlv.Background(62), ValueError, "there is no background 62: coinrun has 62, from 0 to 61"),
    (rlv.Teleport((6.5, 0.2)), NotHere, "the agent does not fit"),
    (rlv.Teleport((-1, 3)), ValueError, "outside the world"),
    (rlv.Carve((1, 5)), NotHere, r"there is no wall to open at the cell \(1, 5\): it holds nothing"),
    (rlv.Carve((64, 0)), ValueError, "outside the world"),
    (rlv.Fill((1, 1)), NotHere, "the agent would be inside the wall"),
    (rlv.Fill((1, 0)), NotHere, r"the wall cannot fill the cell \(1, 0\): it holds a wall"),
    (rlv.Place("cheese"), ValueError, "a cheese can be placed in maze, and this is a world of coinrun"),
]


@pytest.mark.parametrize(("edit", "error", "words"), COINRUN_ERRORS, ids=lambda value: getattr(value, "kind", ""))
def test_what_cannot_be_done_is_said(edit, error, words):
    state = first_state(58).replace(wall_theme=3)
    with pytest.raises(error, match=words) as raised:
        apply_edits(state, edit)
    assert type(raised.value) is error


def test_what_cannot_be_done_elsewhere_is_said_too():
    def refused(game, edit, words, mode="easy", **options):
        with rlv.make_environment(game, num_trajectories=1, distribution_mode=mode, **options) as environment:
            state = parse_state(environment.get_state(0))
        with pytest.raises(ValueError, match=words):
            apply_edits(state, edit)

    refused("maze", rlv.VelocityBox(True), "no velocity to show")
    refused("maze", rlv.Hide("cheese"), "cannot be hidden")
    refused("maze", rlv.Add("saw", (1, 1)), "unknown object to add 'saw'")
    refused("maze", rlv.Fill((0, 99)), "outside the world")
    refused("bossfight", rlv.Remove("boss"), "bossfight needs one")
    refused("bossfight", rlv.Carve((1, 1)), "walls can be changed in coinrun and maze")
    refused("ninja", rlv.Remove("wall"), "fills cells")
    refused("ninja", rlv.Decoy("mushroom", (1, 1)), "decoys are known for coinrun and maze")
    refused("bigfish", rlv.Add("wall", (5, 5)), "unknown class of objects in bigfish 'wall'")
    refused("coinrun", rlv.Theme("agent", 3), "restrict_themes=True", restrict_themes=True)
    refused("coinrun", rlv.Theme("wall", 3), "restrict_themes=True", restrict_themes=True)
    with pytest.raises(TypeError, match="parse_state"):
        apply_edits(b"", [])


NEEDED = {"bossfight": ("boss", "shield"), "jumper": ("carrot",)}


@pytest.mark.parametrize("game", GAMES)
def test_in_every_game_entities_can_be_removed_hidden_moved_copied_and_made_ghosts(game):
    with rlv.make_environment(game, num_trajectories=1, distribution_mode="easy", seed=5) as environment:
        for actions in random_actions(1, 30, 1):
            environment.step(actions)
        state = parse_state(environment.get_state(0))
        names = {class_of_entity(game, int(e["type"]), int(e["image_type"])) for e in state.entities}
        assert names <= set(objects_of(game))
        for name in sorted(names - {"agent", "trail"}):
            frames = {}
            for edit in (rlv.Hide(name), rlv.Remove(name), rlv.Ghost(name)):
                if edit == rlv.Remove(name) and name in NEEDED.get(game, ()):
                    with pytest.raises(ValueError, match="needs one"):
                        apply_edits(state, edit)
                    continue
                edited = apply_edits(state, edit)
                environment.set_state(0, serialise_state(edited))
                frames[edit.kind] = environment.observe().observation
                for actions in random_actions(2, 20, 1):
                    environment.step(actions)
            environment.set_state(0, serialise_state(state))
            np.testing.assert_array_equal(frames["ghost"], environment.observe().observation)
            if "remove" in frames:
                np.testing.assert_array_equal(frames["hide"], frames["remove"])
        free = np.argwhere(state.grid == 100)
        middle = free[len(free) // 2][::-1] + 0.5
        for edit in (rlv.Teleport(middle), rlv.Background(None), rlv.Background(0)):
            environment.set_state(0, serialise_state(apply_edits(state, edit)))
            for actions in random_actions(2, 20, 1):
                environment.step(actions)


def test_a_ghost_door_lets_through():
    passed = 0
    with rlv.make_environment("heist", num_trajectories=1, distribution_mode="hard") as environment:
        for level in range(12):
            environment.load_level(0, level)
            state = parse_state(environment.get_state(0))
            for door in state.entities[state.entities["type"] == 1]:
                x, y = float(door["x"]), float(door["y"])
                beside = np.pad(state.grid, 1, constant_values=51)[int(y) + 1, [int(x), int(x) + 2]]
                if (beside != 100).any():
                    continue
                ghost = rlv.Ghost("locked_door", (x, y))
                ends = []
                for edits in ([], [ghost]):
                    environment.set_state(0, serialise_state(apply_edits(state, [*edits, rlv.Teleport((x - 1, y))])))
                    firsts = [bool(environment.step([7]).first[0]) for _ in range(4)]
                    ends.append(agent_of(environment)[0])
                if not any(firsts):  # the exit is not just behind it
                    assert ends[0] < x < ends[1]
                    passed += 1
    assert passed >= 5


LOOKS = [rlv.Background(None), rlv.VelocityBox(True), rlv.Theme("agent", 2), rlv.Theme("wall", 1)]


@pytest.mark.parametrize("num_threads", [0, 2])
def test_an_edited_environment_keeps_rewards_firsts_and_levels_and_edits_every_level(num_threads):
    def make(num_threads=0):
        return rlv.make_environment(
            "coinrun", num_trajectories=64, distribution_mode="hard", seed=4, num_threads=num_threads
        )

    with make() as plain, rlv.edited_environment(make(num_threads), LOOKS) as edited:
        opened = np.ones(64, bool)
        for step, drawn in enumerate(random_actions(3, 90, 64)):
            for index in np.flatnonzero(opened):
                state = parse_state(edited.get_state(int(index)))
                assert (state.values["use_backgrounds"], state.values["wall_theme"]) == (0, 1)
                assert state.entities[state.entities["type"] == 0][-1]["image_theme"] == 2
            actions = np.where(drawn < 10, 7, 8)
            expected = plain.step(actions)
            if step % 2:
                edited.act(actions)
                ours = edited.observe(copy=False)
            else:
                ours = edited.step(actions)
            assert_same(ours._replace(observation=expected.observation), expected)
            opened = ours.first.copy()
        assert edited.num_opened > 100
        assert edited.counts == [edited.num_opened] * 4


def test_edits_are_made_once_or_in_every_level():
    def coins(environment, levels=6):
        """Return the column of the coin in some levels, opened by the episode's end."""
        found = []
        for _ in range(levels):
            state = parse_state(environment.get_state(0))
            found.append((state.values["current_level_seed"], int(np.argwhere(state.grid == 1)[0][1])))
            environment.set_state(0, serialise_state(state.replace(cur_time=999)))
            assert environment.step([4]).first[0]
        return found

    def make():
        return rlv.make_environment("coinrun", num_trajectories=1, distribution_mode="hard", seed=2)

    with make() as plain, make() as a, make() as b:
        base = coins(plain)
        placed = coins(rlv.edited_environment(a, rlv.Place("coin")))
        once = coins(rlv.edited_environment(b, rlv.Place("coin"), when="once"))
    assert [level for level, _ in placed] == [level for level, _ in base] == [level for level, _ in once]
    assert all(ours < theirs for (_, ours), (_, theirs) in zip(placed, base, strict=True))
    assert once[0] == placed[0]
    assert once[1:] == base[1:]


def test_a_random_place_depends_on_the_level_and_the_seed_alone():
    for game, what in (("coinrun", "coin"), ("maze", "cheese")):
        value = {"coin": 1, "cheese": 2}[what]

        def places(seed, edit_seed, game=game, what=what, value=value):
            worlds = rlv.make_environment(game, num_trajectories=1, distribution_mode="hard", seed=seed)
            with rlv.edited_environment(worlds, rlv.Place(what, seed=edit_seed)) as environment:
                found = []
                for level in range(40):
                    environment.load_level(0, level)
                    state = parse_state(environment.get_state(0))
                    assert (state.grid == value).sum() == 1
                    found.append(np.argwhere(state.grid == value)[0].tolist())
                return found

        first = places(1, 0)
        assert places(2, 0) == first
        assert sum(a != b for a, b in zip(places(1, 1), first, strict=True)) > 20


def test_cheese_in_the_top_right_is_there_and_can_be_reached():
    with rlv.make_environment("maze", num_trajectories=1, distribution_mode="easy") as worlds:
        environment = rlv.edited_environment(worlds, rlv.Place("cheese", "top right", size=3))
        for level in range(40):
            environment.load_level(0, level)
            state = parse_state(environment.get_state(0))
            end = (state.values["world_dim"] + state.values["maze_dim"]) // 2
            assert (np.argwhere(state.grid == 2)[0] >= end - 3).all()
            assert (np.argwhere(state.grid == 2)[0] < end).all()
            assert solve(state)


def test_a_placed_coin_ends_the_level_and_can_be_stood_before():
    completed = 0
    with rlv.edited_environment(
        rlv.make_environment("coinrun", num_trajectories=64, distribution_mode="easy", seed=1),
        [rlv.Place("coin"), rlv.Remove("saw"), rlv.Remove("enemy")],
    ) as environment:
        for actions in random_actions(0, 250, 64):
            observed = environment.step(np.where(actions < 8, 7, 8))
            completed += (observed.first & observed.previous_level_complete).sum()
    assert completed > 40


def test_levels_without_the_object_go_without_the_edit_unless_that_is_forbidden():
    def make():
        return rlv.make_environment("coinrun", num_trajectories=16, distribution_mode="hard", seed=0)

    with rlv.edited_environment(make(), [rlv.Remove("saw"), rlv.Background(None)]) as environment:
        assert 0 < environment.counts[0] < 16
        assert environment.counts[1] == environment.num_opened == 16
    with make() as worlds, pytest.raises(NotHere, match="there is no saw in this world"):
        rlv.edited_environment(worlds, rlv.Remove("saw"), missing="raise")
    with make() as worlds:
        for edit, words in [
            (rlv.Hide("coin"), "cannot be hidden"),
            (rlv.Remove("fish"), "unknown class"),
            (rlv.Hide("cheese"), "unknown class"),
        ]:
            with pytest.raises(ValueError, match=words):
                rlv.edited_environment(worlds, edit)
        with pytest.raises(ValueError, match="Did you mean 'reset'"):
            rlv.edited_environment(worlds, [], when="rest")
        with pytest.raises(ValueError, match="Did you mean 'skip'"):
            rlv.edited_environment(worlds, [], missing="skipp")
    with (
        rlv.make_environment("coinrun", num_trajectories=1, use_generated_assets=True) as worlds,
        pytest.raises(ValueError, match="without states cannot be edited"),
    ):
        rlv.edited_environment(worlds, [])
    with pytest.raises(TypeError, match="make_environment, is edited; a str came"):
        rlv.edited_environment("coinrun", [])


def test_states_levels_and_pictures_pass_through():
    plain = rlv.make_environment("coinrun", num_trajectories=2, distribution_mode="hard", seed=0)
    with plain, rlv.edited_environment(plain_copy(), rlv.Background(None)) as environment:
        kept = plain.get_state(1)
        environment.set_state(0, kept)
        assert environment.get_state(0) == kept  # as it is
        np.testing.assert_array_equal(environment.observe().observation[0], plain.observe().observation[1])
        np.testing.assert_array_equal(environment.render(0), plain.render(1))
        environment.load_level(0, 77)
        assert environment.observe().level_seed[0] == 77
        assert parse_state(environment.get_state(0)).values["use_backgrounds"] == 0
        black = (environment.render(0) == 0).all(axis=2).mean()
        plain.load_level(0, 77)
        assert black > 0.1 + (plain.render(0) == 0).all(axis=2).mean()
        assert environment.described() == ["background none"]
        environment.close()
        with pytest.raises(RuntimeError, match="closed"):
            environment.observe()


def plain_copy():
    return rlv.make_environment("coinrun", num_trajectories=2, distribution_mode="hard", seed=0)


def test_sequential_levels_are_edited_though_no_first_tells_of_them():
    worlds = rlv.make_environment(
        "maze", num_trajectories=4, distribution_mode="easy", seed=0, use_sequential_levels=True
    )
    with rlv.edited_environment(worlds, [rlv.Background(4), rlv.Place("cheese", "top right")]) as environment:
        for _ in range(3):
            ways = [solve(parse_state(environment.get_state(index))) for index in range(4)]
            for step in range(max(map(len, ways))):
                observed = environment.step([way[step] if step < len(way) else 4 for way in ways])
                assert not observed.first.any()
            for index in range(4):
                state = parse_state(environment.get_state(index))
                assert state.values["background_index"] == 4
        assert environment.num_opened == 16


def test_rollouts_and_evaluations_say_which_edits_were_made():
    def agent(observation):
        logits = np.zeros((len(observation), 15), np.float32)
        logits[:, 7] = 9
        return logits, None

    edits = [rlv.Hide("saw"), rlv.Place("coin")]
    make = functools.partial(rlv.make_environment, "coinrun", num_trajectories=4, distribution_mode="hard")
    with rlv.edited_environment(make(), edits) as environment:
        rollout = rlv.collect_rollout(agent, environment, num_steps=40, progress=False)
        assert rlv.edits_from(rollout.attrs["world_edits"]) == tuple(edits)
        assert rollout.attrs["world_edits_when"] == "reset"
        evaluation = rlv.evaluate(agent, 8, environment=environment, progress=False)
        assert rlv.edits_from(evaluation.attrs["world_edits"]) == tuple(edits)
    with make() as environment:
        assert rlv.evaluate(agent, 8, environment=environment, progress=False).attrs["world_edits"] == "[]"
