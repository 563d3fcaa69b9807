"""Checking an agent: what is right stays unremarked, and each common mistake is named."""

import json

import gymnasium
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from toy import ToyEnvironment, toy_agent

import rlvision_widgets as rlv
from rlvision_widgets.agents import wrap_agent
from rlvision_widgets.agents.probing import logit_range, probe_frames
from rlvision_widgets.analysis import play_findings
from rlvision_widgets.analysis.network_findings import action_findings
from rlvision_widgets.analysis.no_effect import actions_without_effect
from rlvision_widgets.analysis.players import GreedyPlayer, RandomPlayer
from rlvision_widgets.analysis.short_look import look_at_play
from rlvision_widgets.cli import main

TOY = {"observation_shape": (16, 16, 3), "action_names": ToyEnvironment.action_names, "value_scale": 10.0}
SEVEN = ("NOOP", "D", "A", "W", "S", "Q", "E")  # what does nothing in CoinRun


class Small(nn.Module):
    """Wants `favourite` by `will`, and `second` the more, the brighter the frame is."""

    def __init__(self, num_actions=3, favourite=2, second=1, will=4.0, sight=12.0):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 5, stride=4)
        self.register_buffer("wish", torch.full((num_actions,), -will))
        self.wish[[favourite, second]] = torch.tensor([will, 0.0])
        self.second, self.sight = second, sight
        with torch.no_grad():
            self.conv.weight.fill_(1 / 75)
            self.conv.bias.zero_()

    def seen(self, x):
        return self.conv(x).relu()

    def forward(self, x):
        brightness = self.seen(x).mean(dim=(1, 2, 3))
        chosen = torch.eye(len(self.wish))[self.second]
        return self.wish + self.sight * brightness[:, None] * chosen, 5 + 5 * brightness


def checked(agent, levels=16, **options):
    """Check an agent at play in toy worlds."""
    with ToyEnvironment(num_trajectories=4) as worlds:
        return rlv.check_agent(agent, levels=levels, environment=worlds, progress=False, **options)


def verdicts(check):
    return dict(zip(check.table["check"], check.table["verdict"], strict=True))


def found(check, name):
    return check.table.set_index("check").loc[name, "found"]


@pytest.fixture(scope="module")
def runner():
    return wrap_agent(Small(), name="runner", **TOY)


def test_an_agent_that_plays_is_found_to_be_right(runner):
    check = checked(runner, levels=32)
    assert check.ok
    assert {name for name, verdict in verdicts(check).items() if verdict != "ok"} == {"play, sampled"}  # see below
    assert check.sentences[-1].startswith("This agent plays at 100 %, random at ")
    assert list(check.layers.index) == ["conv"]
    assert list(check.layers.loc["conv", ["channel", "y", "x"]]) == [4, 3, 3]
    sampled, again = (
        check.levels[check.levels["player"] == player].drop(columns="player").reset_index(drop=True)
        for player in ("sampled", "greedy")
    )
    assert sampled["success"].all()
    assert list(sampled["level_seed"]) == list(again["level_seed"])  # all players meet the same levels


def test_all_that_play_meet_what_evaluate_plays(runner):
    check = checked(runner)
    with ToyEnvironment(num_trajectories=4) as worlds:
        played = rlv.evaluate(runner, levels=16, seed=0, environment=worlds, causes=False, progress=False)
    own = check.levels[check.levels["player"] == "sampled"]
    np.testing.assert_array_equal(own["level_seed"], played["level_seed"])
    np.testing.assert_array_equal(own["length"], played["length"].values[0])


def test_an_agent_that_plays_like_random_is_told_so():
    check = checked(wrap_agent(Small(will=0.0), **TOY), levels=64)
    assert not check.ok
    assert verdicts(check)["play, sampled"] == "wrong"
    assert "probably wrong scaling, channel order or environment options" in check.sentences[-1]


def test_an_agent_that_runs_into_the_pit_is_wrong_even_on_few_levels():
    assert not checked(wrap_agent(Small(favourite=0), **TOY), levels=8).ok


def test_few_levels_prove_nothing(runner):
    check = checked(runner, levels=2, seed=4)
    rates = check.levels.groupby("player")["success"].mean()
    assert rates["sampled"] > rates["random"]
    assert verdicts(check)["play, sampled"] == "open"
    assert "too few to tell" in check.sentences[-1]


def test_without_play_a_moment_is_enough_and_nothing_is_claimed(runner):
    check = rlv.check_agent(runner, play=False)
    assert verdicts(check) == dict.fromkeys(["outputs", "finite", "sight", "policy", "value", "layers"], "ok") | {
        "play": "open"
    }
    assert check.levels.empty
    assert check.sentences == ("Whether it plays was not looked at.",)


def test_an_agent_of_no_known_world_says_what_to_pass(runner):
    check = rlv.check_agent(runner, progress=False)
    assert verdicts(check)["play"] == "open"
    assert "pass environment={'name': …}" in check.sentences[-1]


# what is wrong with a network


def test_logits_that_do_not_depend_on_the_frame_are_wrong():
    with pytest.warns(UserWarning, match="its logits are the same whatever it is shown") as warned:
        blind = wrap_agent(Small(), preprocess=lambda frames: frames.permute(0, 3, 1, 2).float() * 0, **TOY)
    assert warned[0].filename == __file__
    check = checked(blind)
    assert verdicts(check)["sight"] == "wrong"
    assert not check.ok
    assert "Wrong: sight: the logits are the same for every frame." in check.sentences


def test_a_layer_that_the_outputs_do_not_reach_is_named():
    class Detached(Small):
        def seen(self, x):
            return super().seen(x).detach()

    detached = checked(wrap_agent(Detached(), **TOY))
    assert found(detached, "layers") == "no gradient reaches conv: attribution there would be zero"
    assert not detached.layers.loc["conv", "gradient"]
    assert verdicts(checked(wrap_agent(Small(), **TOY)))["layers"] == "ok"


def test_a_network_whose_head_gives_other_outputs_is_found_out():
    agent = toy_agent()
    agent.network.from_layer = lambda layer, activations, inputs=None: agent.network(inputs)._replace(
        logits=2 * agent.network(inputs).logits + activations.sum()
    )
    layers = checked(agent).layers
    assert (layers["law_error"] > 0.5).all()
    assert verdicts(checked(agent))["layers"] == "wrong"


@pytest.mark.parametrize(
    ("module", "row", "said"),
    [
        pytest.param(Small(will=400.0), "policy", "always sure", id="input too large"),
        pytest.param(Small(), "value", "raw task reward", id="value in other units"),
    ],
)
def test_what_is_unusual_is_pointed_at_and_stays_right(module, row, said):
    scale = {"value_scale": 1.0} if row == "value" else {}
    check = rlv.check_agent(wrap_agent(module, **(TOY | scale)), play=False)
    assert verdicts(check)[row] == "look"
    assert said in found(check, row)
    assert check.ok
    assert any(sentence.startswith(f"Unusual: {row}: ") for sentence in check.sentences)


def test_an_untrained_policy_is_nearly_uniform():
    uniform = wrap_agent(Small(), forward=lambda module, x: module(x)[0] * 1e-4, **TOY)
    assert "as if untrained" in found(rlv.check_agent(uniform, play=False), "policy")


def test_outputs_that_are_no_numbers_are_refused_when_loading():
    with pytest.raises(ValueError, match=r"made-up frames of 0 to 255 are not all finite"):
        wrap_agent(Small(), forward=lambda net, x: net(x)[0] + torch.log(1 - x.amax((1, 2, 3)))[:, None], **TOY)
    broken = Small()
    with torch.no_grad():
        broken.conv.weight[0, 0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"hold NaN or infinity: module\.conv\.weight"):
        wrap_agent(broken, **TOY)


def test_the_made_up_frames_differ_and_rounding_is_no_difference():
    frames = probe_frames((6, 5, 3))
    assert frames.dtype == np.uint8
    assert len(np.unique(frames.reshape(4, -1), axis=0)) == 4
    logits = np.tile(np.float32([[1e4, -3, 7]]), (4, 1))
    assert logit_range(logits) == 0
    logits[2, 1] += 1e-3
    assert logit_range(logits) == 0
    logits[2, 1] += 1
    assert logit_range(logits) == pytest.approx(1, rel=0.01)


# kinds of agents and worlds


def test_an_agent_without_a_value_and_one_with_a_state():
    policy = wrap_agent(Small(), forward=lambda module, x: module(x)[0], **TOY)
    check = checked(policy)
    assert "no value (policy only)" in found(check, "outputs")
    assert "value" not in verdicts(check)

    def remember(module, x, state, first):
        logits, value = module(x)
        state = torch.where(first[:, None], logits, 0.5 * state + logits)
        return state, value, state

    recurrent = wrap_agent(Small(), forward=remember, initial_state=lambda number: torch.zeros(number, 3), **TOY)
    check = checked(recurrent)
    assert check.ok
    assert "recurrent state" in found(check, "outputs")


def test_action_values_are_played_greedily_and_not_sampled():
    values = wrap_agent(Small(), forward=lambda net, x: net(x)[0], info={"logits": "action values"}, **TOY)
    check = checked(values)
    assert check.ok
    assert "3 action values and no value" in found(check, "outputs")
    assert list(check.levels["player"].unique()) == ["greedy", "blind", "random"]
    assert "policy" not in verdicts(check)
    assert found(check, "no effect").split(" ")[0] == "NOOP"


def test_where_blind_play_is_as_good_the_sight_is_doubted(runner):
    check = checked(runner, levels=32)
    assert verdicts(check)["play, sampled"] == "look"
    assert "what it sees makes no difference to how well it plays" in check.sentences[-1]
    deaf = checked(wrap_agent(Small(sight=1e-3), **TOY), levels=32)
    assert verdicts(deaf)["sight"] == "look"
    assert deaf.sentences[-1].endswith("probably wrong scaling, channel order or environment options.")
    assert not deaf.ok


class Signal(gymnasium.Env):
    """Black or white, four times: what is seen says which of two buttons earns 1."""

    observation_space = gymnasium.spaces.Box(0, 255, (16, 16, 3), np.uint8)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 4
        return self.frame(), {}

    def frame(self):
        self.white = bool(self.np_random.integers(2))
        return np.full((16, 16, 3), 255 * self.white, np.uint8)

    def step(self, action):
        earned, self.left = float(action == self.white), self.left - 1
        return self.frame(), earned, self.left == 0, False, {}


gymnasium.register("Signal-v0", Signal)


def test_an_agent_that_looks_is_better_than_its_blind_twin():
    world = {"name": "gymnasium:Signal-v0"}
    options = {"observation_shape": (16, 16, 3), "action_names": ("black", "white"), "environment": world}
    seeing = wrap_agent(Small(2, favourite=0, second=1, will=4.0), **options)
    check = rlv.check_agent(seeing, levels=32, progress=False)
    assert verdicts(check)["play, sampled"] == "ok"
    assert check.sentences[0].startswith("This agent earns 4, random ")
    score = check.levels.groupby("player")["return"].mean()
    assert 1.4 < score["blind"] < 2.6


def test_a_player_that_never_comes_to_an_end_is_given_up(monkeypatch):
    monkeypatch.setattr(play_findings, "LEAST", 0)
    monkeypatch.setitem(play_findings.PATIENCE, "random", 1)
    check = checked(wrap_agent(Small(), **TOY), levels=32)
    assert list(check.levels["player"].unique()) == ["sampled", "greedy", "blind"]
    assert verdicts(check)["play, random"] == "open"
    assert found(check, "play, random").startswith("given up")
    assert "random" not in check.sentences[-1]
    monkeypatch.setitem(play_findings.PATIENCE, "blind", 0)
    monkeypatch.setitem(play_findings.PATIENCE, "greedy", 0)
    alone = checked(wrap_agent(Small(), **TOY))
    assert verdicts(alone)["play, sampled"] == "open"
    assert alone.sentences[-1].endswith("on the same 16 levels, and nobody else came to an end.")


class Corridor(gymnasium.Env):
    """Five rooms, shown as brightness. Action 1 goes on, action 0 stays; the last earns 3; five steps are allowed."""

    observation_space = gymnasium.spaces.Box(0, 255, (16, 16, 3), np.uint8)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.room, self.clock = 0, 0
        return self.frame(), {}

    def frame(self):
        return np.full((16, 16, 3), 50 * self.room, np.uint8)

    def step(self, action):
        self.room, self.clock = self.room + int(action), self.clock + 1
        return self.frame(), 3.0 * (self.room == 4), self.room == 4, self.clock == 5, {}


gymnasium.register("CheckedCorridor-v0", Corridor)


def test_where_nothing_is_completed_the_return_is_compared():
    world = {"name": "gymnasium:CheckedCorridor-v0"}
    options = {"observation_shape": (16, 16, 3), "action_names": ("stay", "go"), "environment": world}
    walker = wrap_agent(Small(2, favourite=1, second=0, sight=2.0), **options)
    check = rlv.check_agent(walker, levels=16, progress=False)
    assert check.ok
    assert check.sentences[0].startswith("This agent earns ")
    assert "an episode (95 % interval" in found(check, "play, sampled")
    assert not check.levels["success"].any()
    assert verdicts(check)["no effect"] == "open"
    assert not rlv.check_agent(
        wrap_agent(Small(2, favourite=0, second=1, sight=2.0), **options), levels=16, progress=False
    ).ok


def test_actions_that_do_nothing_are_found_by_trying_them():
    for game, ids in (("coinrun", (4, 9, 10, 11, 12, 13, 14)), ("starpilot", (4,))):
        with rlv.make_environment(game, num_trajectories=4, seed=1, distribution_mode="easy") as worlds:
            generator, states = np.random.default_rng(0), []
            for step in range(48):
                worlds.step(generator.integers(0, 15, 4))
                states += [worlds.get_state(index) for index in range(3)] if step % 8 == 7 else []
            assert actions_without_effect(worlds, states) == ids


def test_actions_that_press_other_buttons_are_pointed_at():
    renamed = wrap_agent(Small(), **(TOY | {"action_names": ("UP", "NOOP", "FIRE")}))
    check = checked(renamed)
    assert found(check, "buttons") == "UP presses LEFT, FIRE presses RIGHT: is it another world's agent?"
    assert verdicts(check)["buttons"] == "look"
    numbered = wrap_agent(Small(2, favourite=1, second=0), **(TOY | {"action_names": ("action 0", "action 1")}))
    assert found(checked(numbered), "buttons") == "the first 2 of 3, by number"
    assert found(checked(wrap_agent(Small(), **TOY)), "buttons") == "all 3, by name"


def test_actions_without_effect_are_named_with_their_share():
    agent = wrap_agent(Small(15, will=0.0, sight=1.0), observation_shape=(64, 64, 3))
    with rlv.make_environment("coinrun", num_trajectories=16, seed=1) as worlds:
        look = look_at_play(agent, worlds, seed=0)
        (finding,) = action_findings(agent, look, actions_without_effect(worlds, look.states))
    names, _, rest = finding.found.partition(": ")
    assert tuple(names.split(", ")) == SEVEN
    assert 40 <= int(rest.split(" ")[0]) <= 47  # of 15 equal ones it would be 46.7 %
    assert "they do the same in 24 states" in rest


def test_greedy_and_random_players_do_what_they_are_called():
    agent = toy_agent()
    frames = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), np.uint8)
    logits, value = agent(frames)
    greedy, same_value = GreedyPlayer(agent)(frames)
    np.testing.assert_array_equal(greedy.argmax(axis=1), logits.argmax(axis=1))
    assert np.sort(greedy, axis=1)[:, -2].max() < greedy.max() - 1e6  # no noise can change it
    np.testing.assert_array_equal(same_value, value)
    logits, value = RandomPlayer(agent.action_names)(frames)
    assert logits.shape == (8, 3)
    assert (logits == logits[0, 0]).all()
    assert value is None


# how it is shown


def test_it_is_shown_as_a_table_in_a_terminal_and_in_a_notebook(runner):
    check = rlv.check_agent(wrap_agent(Small(), name="<b>bold</b>", **TOY), play=False)
    text = repr(check)
    assert text.startswith("Check of agent '<b>bold</b>'")
    assert all(name in text for name in check.table["check"])
    assert max(map(len, text.splitlines())) <= 100
    page = check._repr_html_()
    assert "&lt;b&gt;bold" in page
    assert "<b>" not in page
    assert page.count("<tr>") == 1 + len(check.table)
    assert isinstance(check.table, pd.DataFrame)


def test_the_command_prints_it_and_says_by_its_status_whether_all_is_well(tmp_path, capsys):
    path = tmp_path / "toy.safetensors"
    rlv.save_agent(toy_agent(), path)
    assert main(["check", str(path), "--no-play"]) == 0
    assert "Check of agent 'toy agent'" in capsys.readouterr().out
    assert main(["check", str(path), "--environment", "coinrun"]) == 1
    assert "takes options as JSON" in capsys.readouterr().err
    assert main(["check", str(path), "--environment", json.dumps({"name": "coinrum"})]) == 1
    assert "Did you mean 'coinrun'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"agent": nn.Linear(2, 2)}, TypeError, r"takes an rlv\.Agent, and a torch\..*\.Linear came; rlv\.wrap"),
        ({"levels": 1}, ValueError, "levels must be from 2"),
        ({"levels": 2.5}, TypeError, "levels must be an integer"),
        ({"seed": -1}, ValueError, "seed must be from 0"),
        ({"level": 3}, TypeError, "Did you mean 'levels'"),
        ({"environment": {"name": "coinrun"}}, ValueError, "expected uint8.*an agent of another world"),
        ({"environment": "coinrun"}, ValueError, "expected uint8"),
        ({"environment": "coinrum"}, ValueError, "Did you mean 'coinrun'"),
    ],
)
def test_bad_arguments_say_what_is_expected(arguments, error, message, runner):
    with pytest.raises(error, match=message):
        rlv.check_agent(**{"agent": runner, "progress": False, **arguments})
