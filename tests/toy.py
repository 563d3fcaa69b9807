"""A small world whose rules fit in a paragraph, an agent for it, and a small study of a made-up agent."""

import json
import struct

import numpy as np
import xarray as xr

from rlvision_widgets import schema
from rlvision_widgets.analysis.moments import advantages
from rlvision_widgets.environments.environment import Observed, check_actions
from rlvision_widgets.environments.games import ACTION_NAMES


class ToyEnvironment:
    """A corridor of four cells, shown as 16 x 16 pixels: a coin lies beyond its right end, a pit beyond its left.

    An episode starts in cell 1 or 2 (by the parity of its level seed); leaving to the right earns 10 and completes
    the level, leaving to the left or using up the clock fails it. The level seed colours the background. The next
    level seed comes from a generator that is part of the state, which has 26 to 30 bytes and ends in zeros.
    """

    name = "toy"
    package = "toy 1.0"
    action_names = ("LEFT", "NOOP", "RIGHT")
    has_states = True

    def __init__(self, num_trajectories=2, seed=0, *, clock=12):
        self.num_trajectories = num_trajectories
        self.seed = seed
        self.options = {"clock": clock}
        self.closed = False
        self._worlds = [_World(seed * 1000 + index) for index in range(num_trajectories)]

    def observe(self, *, copy=True):
        columns = zip(*(world.shown() for world in self._worlds), strict=True)
        dtypes = (np.uint8, np.float32, bool, np.int32, np.int32, bool)
        return Observed(*(np.array(column, dtype=dtype) for column, dtype in zip(columns, dtypes, strict=True)))

    def act(self, actions):
        actions = check_actions(actions, self.num_trajectories, len(self.action_names))
        for world, action in zip(self._worlds, actions, strict=True):
            world.act(int(action) - 1, self.options["clock"])

    def step(self, actions):
        self.act(actions)
        return self.observe()

    def get_state(self, index):
        return self._worlds[index].get_state()

    def set_state(self, index, state):
        self._worlds[index].set_state(state)

    def load_level(self, index, level_seed):
        self._worlds[index].load_level(level_seed)

    def render(self, index):
        return np.kron(self._worlds[index].frame(), np.ones((8, 8, 1), np.uint8))

    def close(self):
        self.closed = True

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()


def toy_agent(seed=0):
    """An agent with the architecture of the article, in small, and random weights; it plays `ToyEnvironment`."""
    import torch

    from rlvision_widgets.agents import Agent
    from rlvision_widgets.agents.networks import ClearNetwork

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = ClearNetwork(3, (4, 8, 8, 8, 8), (16, 16), (16, 16, 3))
    with torch.no_grad():  # opinions of the size of a trained agent's
        network.policy.weight.mul_(1000)
        network.value.weight.mul_(1000)
    return Agent(network, name="toy agent", action_names=ToyEnvironment.action_names, value_scale=10.0)


def built_study(agent, num_trajectories=2, num_steps=70, **options):
    """Build a study of the toy agent: 70 steps are one full chunk and a short one."""
    from rlvision_widgets.study import build_study

    small = {"observations": (8, 4, 3), "num_features": 3, "environment": ToyEnvironment, "progress": False}
    return build_study(agent, num_trajectories=num_trajectories, num_steps=num_steps, **{**small, **options})


class _World:
    """One corridor: its fields are its state."""

    FORMAT = "<Qiii?f"

    def __init__(self, generator):
        self.generator = generator
        self.previous, self.complete, self.reward = 0, False, 0.0
        self.next_level()

    def next_level(self):
        self.generator = (self.generator * 6364136223846793005 + 1442695040888963407) % 2**64
        self.load_level(self.generator >> 33)

    def load_level(self, level_seed):
        self.level_seed, self.cell, self.clock = level_seed, 1 + level_seed % 2, 0

    def act(self, move, clock):
        self.cell, self.clock, self.reward = self.cell + move, self.clock + 1, 0.0
        if 0 <= self.cell <= 3 and self.clock < clock:
            return
        self.previous, self.complete = self.level_seed, self.cell > 3
        self.reward = 10.0 * self.complete
        self.next_level()

    def shown(self):
        return self.frame(), self.reward, self.clock == 0, self.level_seed, self.previous, self.complete

    def frame(self):
        pixels = np.empty((16, 16, 3), np.uint8)
        pixels[:] = [self.level_seed % 97, self.level_seed % 89, self.level_seed % 83]
        pixels[6:10, 4 * self.cell : 4 * self.cell + 4] = [250, 200, 40 + 10 * self.clock]
        return pixels

    def get_state(self):
        cell = self.cell + 4 * self.clock
        fields = (self.generator, self.level_seed, self.previous, cell, self.complete, self.reward)
        return struct.pack(self.FORMAT, *fields) + bytes(1 + self.level_seed % 5)

    def set_state(self, state):
        size = struct.calcsize(self.FORMAT)
        self.generator, self.level_seed, self.previous, cell, self.complete, self.reward = struct.unpack(
            self.FORMAT, state[:size]
        )
        self.clock, self.cell = divmod(cell, 4)


def toy_study(num_trajectories=3, num_steps=130, layer="2b", seed=0):
    """A valid study made without an agent or a world.

    Four shapes move over 64 x 64 pixels: coin, saw, enemy and platform. Feature k of the layer (32 x 32 cells, 8
    channels) points at shape k; the made-up value is F(0) plus what the features, a small residual and a small
    completeness error say. Of the three chunks of steps the last is short (130 = 2 * 64 + 2).
    """
    rng = np.random.default_rng(seed)
    rollout, places = _rollout(rng, num_trajectories, num_steps)
    output = _output(rng, places)
    explained = output["total"].sum("feature") + output["residual_total"] + output["completeness_error"]
    rollout["value"] = (output.attrs["baseline_output"] + explained).astype(np.float32)
    rollout["final_value"] = rollout["value"][:, -1].drop_vars(["episode", "level_seed"])
    rollout["advantage"] = rollout["value"].dims, _advantage(rollout)
    samples = _frames(rng.integers(0, 2**31, 24), *_paths(rng, 24))
    tree = xr.DataTree.from_dict(
        {
            "/": rollout,
            "/observations": xr.Dataset({"observation": (("sample", "height", "width", "rgb"), samples)}),
            "/states": _states(rng, num_trajectories, num_steps),
            f"/layers/{layer}": _layer(layer),
            f"/layers/{layer}/outputs/value": output,
            f"/layers/{layer}/examples": _examples(rng, samples),
            f"/layers/{layer}/activity": _activity(rng, len(samples)),
            **{
                f"/layers/{layer}/grids/{origin}/{name}": _grid(rng, density, side, count)
                for origin, count in (("observations", len(samples)), ("rollout", num_trajectories * num_steps))
                for name, density, side in (("0.25", 0.25, 7), ("0.5", 0.5, 16), ("1", 1.0, 32), ("2", 2.0, 65))
            },
        }
    )
    schema.check(tree)
    return tree


def open_world(study):
    """Add to a toy study what is known of its world: which shape each pixel shows, the shapes, and two forks."""
    frames = study["observation"].values
    codes = np.zeros(frames.shape[:-1], np.uint8)
    for colour, code in (((250, 210, 40), 3), ((150, 150, 160), 6), ((220, 50, 60), 7), ((120, 80, 40), 1)):
        codes[(frames == colour).all(axis=-1)] = code
    study["world"] = xr.DataTree(_world(codes))
    study["branches"] = xr.DataTree.from_dict(
        {
            "/again": _fork(study, "again", 0, 20, ["", "saw", "coin"]),
            "/no%20saw": _fork(study, "no saw", 1, 100, ["coin", ""], described="every saw removed", actions="7 1"),
        }
    )
    schema.check(study)
    return study


def forget(output, **where):
    """Make an output's attribution be not computed, everywhere or at the places given."""
    for name, nothing in (("completeness_error", np.nan), ("num_points", 0)):
        output[name][where or ...] = nothing


def _rollout(rng, num_trajectories, num_steps):
    shape = num_trajectories, num_steps
    first = rng.random(shape) < 1 / 30
    first[:, 0] = True
    first[:, 1:6] = False
    episode = first.cumsum(axis=1, dtype=np.int32) - 1
    level_seed = rng.integers(0, 2**31 - 1, (num_trajectories, num_steps), dtype=np.int32)
    level_seed = np.take_along_axis(level_seed, episode, axis=1)
    completed = np.zeros(shape, bool)
    completed[:, :-1] = first[:, 1:] & (episode[:, :-1] % 3 != 1)
    logits = rng.normal(0, 1, (*shape, len(ACTION_NAMES))).astype(np.float32)
    logits[..., 6:9] += 2
    places = [_paths(rng, num_steps) for _ in range(num_trajectories)]
    frames = [_frames(seeds, *place) for seeds, place in zip(level_seed, places, strict=True)]
    trajectory_step = ("trajectory", "step")
    rollout = xr.Dataset(
        {
            "observation": ((*trajectory_step, "height", "width", "rgb"), np.stack(frames)),
            "action": (trajectory_step, (logits + rng.gumbel(size=logits.shape)).argmax(-1).astype(np.int32)),
            "reward": (trajectory_step, (10 * completed).astype(np.float32)),
            "first": (trajectory_step, first),
            "completed": (trajectory_step, completed),
            "policy_logits": ((*trajectory_step, "logit"), logits),
            "final_first": ("trajectory", np.zeros(num_trajectories, bool)),
        },
        coords={"episode": (trajectory_step, episode), "level_seed": (trajectory_step, level_seed)},
        attrs={
            "schema_version": schema.SCHEMA_VERSION,
            "package_version": "0",
            "environment": "shapes",
            "environment_options": json.dumps({"distribution_mode": "hard"}),
            "environment_package": "none",
            "seed": 0,
            "agent": "made-up agent",
            "checkpoint": "0" * 64,
            "gamma": 0.999,
            "gae_lambda": 0.95,
            "edits": "[]",
            "action_names": list(ACTION_NAMES),
            "value_scale": 10.0,
        },
    )
    return rollout, np.stack([np.stack(place) for place in places])


def _advantage(rollout):
    final = np.where(rollout["final_first"], 0, rollout["final_value"])
    return advantages(rollout["value"], rollout["reward"], rollout["first"], final_value=final)


def _paths(rng, num_steps):
    """Where the four shapes are at each step: rows and columns, (shape, step), in pixels."""
    phase, speed = rng.uniform(0, 2 * np.pi, (2, 4, 1)), rng.uniform(0.03, 0.12, (2, 4, 1))
    path = 32 + 22 * np.sin(phase + speed * np.arange(num_steps))
    return path[0], path[1]


def _frames(level_seeds, rows, columns):
    """Frames, (step, height, width, rgb), with a coin, a saw, an enemy and a platform at the given places."""
    y, x = np.mgrid[:64, :64]
    shades = np.stack([level_seeds % 61, level_seeds % 53, level_seeds % 59], -1)[:, None, None, :]
    frames = np.broadcast_to(60 + shades + (y[..., None] // 2), (len(level_seeds), 64, 64, 3)).astype(np.uint8)
    down, right = (np.abs(grid - place[..., None, None]) for grid, place in ((y, rows), (x, columns)))
    masks = (
        np.hypot(down[0], right[0]) < 4,
        np.hypot(down[1], right[1]) < 5,
        np.maximum(down[2], right[2]) < 3.5,
        (down[3] < 2) & (right[3] < 9),
    )
    colours = ((250, 210, 40), (150, 150, 160), (220, 50, 60), (120, 80, 40))
    for mask, colour in zip(masks, colours, strict=True):
        frames[mask] = colour
    return frames


def _output(rng, places):
    """The attribution of the value: a blob where each shape is, of the shape's own sign."""
    rows, columns = places[:, 0], places[:, 1]
    num_trajectories, _, num_steps = rows.shape
    cells = 2 * np.arange(32) + 0.5
    down, across = (np.exp(-(((place[..., None] - cells) / 4) ** 2)) for place in (rows, columns))
    strength = np.array([0.03, -0.02, -0.01, 0.006])[:, None] * (1.2 + np.sin(np.arange(num_steps) / 9))
    attribution = np.einsum("kt,ikty,iktx->ityxk", strength, down, across).astype(np.float32)
    attribution[np.abs(attribution) < 1e-4] = 0
    residual = rng.normal(0, 3e-4, attribution.shape[:-1]).astype(np.float32)
    largest = np.maximum(np.abs(attribution).max((2, 3, 4)), np.abs(residual).max((2, 3)))
    scale = (largest / 127).astype(np.float32)
    steps = scale[..., None, None]
    error = rng.normal(0, 0.02, (num_trajectories, num_steps)).astype(np.float32)
    trajectory_step = ("trajectory", "step")
    return xr.Dataset(
        {
            "attribution": (
                (*trajectory_step, "y", "x", "feature"),
                np.rint(attribution / steps[..., None]).astype(np.int8),
            ),
            "residual": ((*trajectory_step, "y", "x"), np.rint(residual / steps).astype(np.int8)),
            "scale": (trajectory_step, scale),
            "total": ((*trajectory_step, "feature"), attribution.sum((2, 3))),
            "residual_total": (trajectory_step, residual.sum((2, 3))),
            "completeness_error": (trajectory_step, error),
            "num_points": (trajectory_step, np.full((num_trajectories, num_steps), 16, np.int16)),
        },
        attrs={
            "output": "value",
            "rule": "adaptive",
            "tolerance": 0.1,
            "baseline_output": 8.5,
            "display_scale": float(np.median(attribution.max((2, 3, 4)))),
        },
    )


def _layer(layer):
    return xr.Dataset(
        {
            "direction": (("feature", "channel"), np.repeat(np.eye(4, dtype=np.float32), 2, axis=1)),
            "feature_name": ("feature", np.array(["coin", "saw", "enemy", "platform"], dtype=object)),
            "colour": ("feature", np.array(schema.FEATURE_COLOURS[:4], dtype=object)),
        },
        attrs={
            "layer": layer,
            "layer_height": 32,
            "layer_width": 32,
            "pixels_per_cell": 2,
            "method": "attribution",
            "num_points": 16,
            "seed": 0,
            "r_squared": 0.93,
            "residual_share": 0.07,
            "num_rows": 4096,
        },
    )


def _examples(rng, samples):
    source = rng.integers(0, len(samples), (4, 16)).astype(np.int32)
    row, column = rng.integers(2, 30, (2, 4, 16)).astype(np.int32)
    offset = np.arange(-3, 5)
    patch = samples[
        source[..., None, None], (2 * row[..., None] + offset)[..., None], (2 * column[..., None] + offset)[:, :, None]
    ]
    return xr.Dataset(
        {
            "source": (("feature", "rank"), source),
            "row": (("feature", "rank"), row),
            "column": (("feature", "rank"), column),
            "strength": (("feature", "rank"), -np.sort(-rng.uniform(0.2, 3, (4, 16))).astype(np.float32)),
            "patch": (("feature", "rank", "patch_height", "patch_width", "rgb"), patch),
        }
    )


def _grid(rng, density, side, count):
    """A grid of 32 x 32 cells: any frames, the stronger the nearer to the middle; nothing in the first row."""
    place = np.linspace(-1, 32, side + 2)[1:-1].astype(np.float32)
    down, across = np.meshgrid(place, place, indexing="ij")
    strength = rng.uniform(0.5, 1, (4, side, side)) * np.exp(-np.hypot(down - 16, across - 16) / 16)
    strength[:, 0] = 0
    return xr.Dataset(
        {
            "source": (("feature", "grid_y", "grid_x"), rng.integers(0, count, (4, side, side)).astype(np.int32)),
            "strength": (("feature", "grid_y", "grid_x"), strength.astype(np.float32)),
            "row": ("grid_y", place),
            "column": ("grid_x", place),
        },
        attrs={"density": density, "most_uses": 4, "num_observations": count},
    )


def _world(codes):
    """Masks, and for each of the three shapes that are objects its place and its box."""
    rows = []
    for trajectory, step in np.ndindex(*codes.shape[:2]):
        for instance, code in enumerate((3, 6, 7)):
            y, x = np.nonzero(codes[trajectory, step] == code)
            if len(y):
                box = x.min(), y.min(), x.max() + 1, y.max() + 1
                rows.append((trajectory, step, instance, code, x.mean() / 5, 12.8 - y.mean() / 5, len(y), *box))
    table = np.array(rows, float).T
    names = ("in_trajectory", "at_step", "instance", "class_code", "centre_x", "centre_y", "visible_pixels")
    dtypes = {name: variable.dtype for name, variable in schema.WORLD.variables.items()}
    columns = dict(zip((*names, "left", "top", "right", "bottom"), table, strict=True))
    columns |= {name: 0 * table[0] for name in ("vx", "vy", "rx", "ry")}
    classes = ["background", "wall", "lava", "coin", "cheese", "crate", "saw", "enemy", "agent"]
    colours = ["#FFFFFF", "#999999", "#D55E00", "#F0E442", "#E69F00", "#C9A66B", "#CC79A7", "#0072B2", "#56B4E9"]
    return xr.Dataset(
        {
            "object_class": (("trajectory", "step", "height", "width"), codes),
            **{name: ("object", column.astype(dtypes[name])) for name, column in columns.items()},
        },
        attrs={"classes": classes, "colours": colours, "grid_width": 64},
    )


def _fork(study, name, trajectory, step, causes, *, num_steps=12, described="", actions=""):
    """A fork whose branch k ends by causes[k] after 4 * (k + 1) steps, and repeats the rollout's frames, shifted."""
    count = len(causes)
    taken = np.array([4 * (k + 1) if cause else num_steps for k, cause in enumerate(causes)], np.int32)
    when = np.arange(num_steps)
    over, last = when >= taken[:, None], when == taken[:, None] - 1
    frames = study["observation"].values[trajectory, step : step + num_steps]
    shifted = np.stack([np.roll(frames, 3 * k, axis=2) for k in range(count)])
    shifted[:, 0] = frames[0]
    failed = np.array([cause not in {"", "coin"} for cause in causes])
    done = np.arange(num_steps + 1) >= taken[:, None]
    ended = done & np.array([bool(cause) for cause in causes])[:, None]
    alive = 1 - (done & failed[:, None]).mean(axis=0)
    nothing = np.where(over, np.nan, 0)
    branch_step = ("branch", "branch_step")
    return xr.Dataset(
        {
            "observation": ((*branch_step, "height", "width", "rgb"), shifted),
            "action": (branch_step, np.where(over, -1, when % 15).astype(np.int32)),
            "reward": (branch_step, nothing.astype(np.float32)),
            "value": (branch_step, (8 - when / 9 + nothing).astype(np.float32)),
            "policy_logits": ((*branch_step, "branch_logit"), np.zeros((count, num_steps, 15), np.float32)),
            "ended": (branch_step, last & ended[:, -1:]),
            "completed": (branch_step, last & np.array([[cause == "coin"] for cause in causes])),
            "alive": (("branch", "branch_time"), ~ended),
            "num_taken": ("branch", taken),
            "cause": ("branch", np.array(causes, dtype=object)),
            "survival": ("branch_time", alive.astype(np.float32)),
            "survival_low": ("branch_time", (alive / 2).astype(np.float32)),
            "survival_high": ("branch_time", np.ones(num_steps + 1, np.float32)),
        },
        attrs={
            "name": name,
            "trajectory": trajectory,
            "step": step,
            "seed": 0,
            "agent": "made-up agent",
            "checkpoint": "0" * 64,
            "edits": "[]",
            "described": described,
            "actions": actions,
            "action_names": list(ACTION_NAMES),
        },
    )


def _activity(rng, num_samples):
    """Activations of four features: the last is never active."""
    histogram = (1e4 * np.exp(-np.arange(64) / 6)).astype(np.int64) * np.array([[1], [1], [1], [0]])
    ranked = ("feature", "band", "rank")
    source = rng.integers(0, num_samples, (4, 4, 8)).astype(np.int32)
    bounds = np.array([2.0, 1.5, 1.0, 0.5, 0.2, 0.1], np.float32)
    strength = np.repeat(np.array([1.7, 1.2, 0.7, 0.15], np.float32)[:, None], 8, axis=1) + np.zeros((4, 1, 1))
    source[3], strength[3] = -1, np.nan
    band_from = np.tile(bounds[[1, 2, 3, 5]], (4, 1))
    band_from[3] = np.nan
    band_to = np.tile(bounds[[0, 1, 2, 4]], (4, 1))
    band_to[3] = np.nan
    row, column = np.where(source < 0, -1, rng.integers(0, 32, (2, 4, 4, 8))).astype(np.int32)
    return xr.Dataset(
        {
            "histogram": (("feature", "bin"), histogram),
            "bin_width": ("feature", np.full(4, 0.0625, np.float32)),
            "inactive": ("feature", 100_000 - histogram.sum(1)),
            "band_from": (("feature", "band"), band_from),
            "band_to": (("feature", "band"), band_to),
            "band_source": (ranked, source),
            "band_row": (ranked, row),
            "band_column": (ranked, column),
            "band_strength": (ranked, strength.astype(np.float32)),
            "half_mass_radius": ("feature", np.array([4.5, 5.5, 6.5, np.nan], np.float32)),
            "num_gradients": ("feature", np.array([16, 16, 16, 0], np.int32)),
        },
        attrs={"num_observations": num_samples, "receptive_height": 24, "receptive_width": 24, "receptive_cut": 0},
    )


def _states(rng, num_trajectories, num_steps):
    keyframe_step = np.arange(0, num_steps, 64, dtype=np.int32)
    size = rng.integers(20, 40, (num_trajectories, len(keyframe_step)), dtype=np.int32)
    state = rng.integers(0, 256, (*size.shape, 40), dtype=np.uint8)
    state[np.arange(40) >= size[..., None] - 1] = 0
    return xr.Dataset(
        {
            "env_state": (("trajectory", "keyframe", "byte"), state),
            "size": (("trajectory", "keyframe"), size),
            "keyframe_step": ("keyframe", keyframe_step),
        }
    )
