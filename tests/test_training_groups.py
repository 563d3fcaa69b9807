"""Laws of training with groups of worlds, edited worlds, the solver, kept agents, and devices."""

import contextlib
import dataclasses
import json

import numpy as np
import pytest
import torch
import toy
from training_runs import (
    SMALL,
    assert_same,
    checkpoint,
    interrupted_at,
    lines,
    make_toy,
    needs_procgen,
    toy_options,
    without_history,
)

import rlvision_widgets as rlv
from rlvision_widgets.agents.networks import ARCHITECTURES
from rlvision_widgets.environments.states import parse_state
from rlvision_widgets.training import TrainingOptions, train
from rlvision_widgets.training.collecting import Collector
from rlvision_widgets.training.devices import Ferry, check_device
from rlvision_widgets.training.legs import begin_leg
from rlvision_widgets.training.losses import act, losses
from rlvision_widgets.training.rollout import Rollout
from rlvision_widgets.training.run import Run
from rlvision_widgets.training.stopwatch import Stopwatch
from rlvision_widgets.training.teachers import make_solver
from rlvision_widgets.training.worlds import Worlds, group_seeds, make_worlds

TOP_RIGHT = '[{"kind": "place", "what": "cheese", "where": "top right"}]'


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def maze_options(folder, **changes):
    small = {"environment": "maze", "num_actions": 9, "environment_options": {"distribution_mode": "easy"}}
    return toy_options(folder, **({**small, "network_options": {"channels": [4] * 5, "dense": [8, 8]}} | changes))


@contextlib.contextmanager
def collector_of(options, make=None):
    with make_worlds(options, make) as worlds:
        run = Run(options, worlds)
        begin_leg(run, options)
        yield Collector(run, options, act, Stopwatch(), make_solver(run, options))


def test_a_run_in_groups_resumes_exactly_and_keeps_the_same_agents(tmp_path, monkeypatch):
    options = toy_options(tmp_path / "whole", steps=640, groups=2, checkpoint_series=4)
    train(options, make=make_toy)
    parts = dataclasses.replace(options, folder=tmp_path / "parts")
    with interrupted_at(128, monkeypatch):
        train(parts, make=make_toy)
    train(parts, make=make_toy)
    assert_same(without_history(tmp_path / "whole"), without_history(tmp_path / "parts"))
    assert checkpoint(tmp_path / "parts")["groups"] == 2
    whole, resumed = (rlv.checkpoint_series(tmp_path / name) for name in ("whole", "parts"))
    assert {steps: a.checkpoint for steps, a in whole.items()} == {s: a.checkpoint for s, a in resumed.items()}


def test_while_one_group_steps_the_other_decides(tmp_path):
    notes = []

    class Noted(toy.ToyEnvironment):
        def act(self, actions):
            notes.append(("act", self.seed))
            super().act(actions)

        def observe(self, *, copy=True):
            notes.append(("observe", self.seed))
            return super().observe(copy=copy)

    options = toy_options(tmp_path, groups=2, num_steps=4, batch_size=4)
    first, second = group_seeds(0, 2)
    with collector_of(options, lambda name, *, num_trajectories, seed: Noted(num_trajectories, seed)) as collector:
        notes.clear()
        collector.collect()
    by_turns = [("observe", first), ("act", first), ("observe", second), ("act", second)]
    assert notes == [("act", first), ("act", second), *by_turns * 3, ("observe", first), ("observe", second)]


def test_what_groups_play_lies_in_their_own_rows_and_is_seen_once(tmp_path):
    options = toy_options(tmp_path, groups=4)
    with collector_of(options, make_toy) as collector:
        first = collector.collect().observation.clone()
        shown = collector.run.observation.copy()
        again = collector.collect()
        assert np.array_equal(again.observation[0].numpy(), shown)
        with make_worlds(options, make_toy) as worlds:
            assert np.array_equal(first[0].numpy(), worlds.observation())
        network = collector.run.network
        log_probs, value = network(network.inputs(again.observation.flatten(0, 1)))
        log_probs = log_probs.log_softmax(-1).gather(1, again.action.flatten()[:, None])[:, 0]
    torch.testing.assert_close(again.log_prob.flatten(), log_probs, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(again.value.flatten(), value, rtol=1e-4, atol=1e-5)


def test_every_group_draws_levels_of_its_own_and_the_first_those_of_a_run_without_groups():
    seeds = group_seeds(7, 4)
    assert seeds[0] == 7
    assert len(set(seeds)) == 4
    assert group_seeds(7, 2) == seeds[:2]


@needs_procgen
def test_threads_change_when_worlds_step_and_not_what_they_show(tmp_path):
    alone = maze_options(tmp_path, num_trajectories=4, batch_size=32)
    beside = dataclasses.replace(alone, environment_threads=1)
    found = []
    for options in (alone, beside):
        with collector_of(options) as collector:
            assert collector.run.worlds.any.num_threads == options.environment_threads
            found.append(collector.collect().each(torch.clone))
    assert_same(list(found[0][:5]), list(found[1][:5]))
    with make_worlds(dataclasses.replace(alone, groups=2)) as worlds:
        assert [group.num_threads for group in worlds.groups] == [1, 1]  # or act would wait for its step


@needs_procgen
def test_edits_are_made_in_every_level_and_a_run_with_them_resumes_exactly(tmp_path, monkeypatch):
    options = maze_options(tmp_path / "whole", edits=TOP_RIGHT, steps=384, teacher="solver", ppo_weight=0.0)
    options = dataclasses.replace(options, groups=2, teacher_acts=500.0)
    train(options)
    parts = dataclasses.replace(options, folder=tmp_path / "parts")
    with interrupted_at(128, monkeypatch):
        train(parts)
    train(parts)
    assert_same(without_history(tmp_path / "whole"), without_history(tmp_path / "parts"))
    saved = checkpoint(tmp_path / "whole")
    assert saved["counts"]["episodes"] > 10
    for state in saved["states"]:
        cheese = np.argwhere(parse_state(state.numpy().tobytes()).grid == 2)
        assert (cheese >= 7).all()  # mazes lie in the middle of 15 x 15 cells, and the smallest has 3 x 3
    agent = rlv.load_agent(tmp_path / "whole" / "agent.safetensors")
    card = json.loads((tmp_path / "whole" / "agent.json").read_text())
    assert card["world_edits"] == agent.info["world_edits"] == json.loads(TOP_RIGHT)
    assert card["legs"][0]["teacher"]["name"] == "solver"


@needs_procgen
def test_who_does_what_the_solver_says_completes_every_maze(tmp_path):
    options = maze_options(tmp_path, teacher="solver", ppo_weight=0.0, teacher_acts=1e9, num_steps=64)
    with collector_of(options) as collector:
        rollout = collector.collect()
        assert (rollout.taught.gather(2, rollout.action[:, :, None]).exp() > 0.3).all()
        assert collector.run.episodes > 8
        assert collector.run.success == 1.0


def test_kept_agents_are_evenly_spaced_on_a_logarithmic_scale_and_end_with_the_last(tmp_path):
    train(toy_options(tmp_path, steps=2048, checkpoint_series=4), make=make_toy)
    series = rlv.checkpoint_series(tmp_path)
    # marks at 10 ** (k / 4), … 100, 178, 316, 562, 1000, 1778: the first iteration after each
    assert list(series) == [0, 128, 256, 384, 640, 1024, 1792, 2048]
    assert series[2048].checkpoint == rlv.load_agent(tmp_path / "agent.safetensors").checkpoint
    torch.manual_seed(0)
    fresh = ARCHITECTURES["clear"](num_actions=3, **SMALL)
    assert_same(dict(series[0].network.trunk.state_dict()), dict(fresh.trunk.state_dict()))
    assert (tmp_path / "series" / "000000128.safetensors").exists()
    with pytest.raises(KeyError, match="there are 0, 128, 256"):
        series[7]


def test_agents_of_a_lost_leg_are_taken_away(tmp_path):
    train(toy_options(tmp_path, checkpoint_series=4), make=make_toy)
    for name in ("000000999.safetensors", "mine.safetensors"):
        (tmp_path / "series" / name).write_bytes(b"")
    train(toy_options(tmp_path, checkpoint_series=4, steps=384), make=make_toy)
    assert list(rlv.checkpoint_series(tmp_path)) == [0, 128, 256, 384]
    assert (tmp_path / "series" / "mine.safetensors").exists()  # a user's own file


def test_a_run_that_kept_no_agents_says_how_to(tmp_path):
    with pytest.raises(FileNotFoundError, match="--checkpoint-series 8"):
        rlv.checkpoint_series(tmp_path)


def test_a_network_and_its_losses_compile_as_one_graph():
    torch.manual_seed(0)
    observation = torch.randint(0, 256, (6, 16, 16, 3), dtype=torch.uint8)
    options = TrainingOptions(precision="float32")
    rows = torch.zeros(6)
    batch = Rollout(observation, rows.long(), rows, rows, torch.arange(6.0))
    for architecture, own in (("clear", SMALL), ("impala", {"observation_shape": [16, 16, 3]})):
        network = ARCHITECTURES[architecture](num_actions=3, **own)
        whole = {"backend": "eager", "fullgraph": True, "dynamic": False}  # raises where the graph breaks
        with torch.no_grad():
            found = torch.compile(act, **whole)(network, observation, torch.zeros(6, 3), "float32")
            assert_same(list(found), list(act(network, observation, torch.zeros(6, 3), "float32")))
        compiled = torch.compile(losses, **whole)(network, batch, None, torch.tensor(0.0), options)
        plain = losses(network, batch, None, torch.tensor(0.0), options)
        torch.testing.assert_close(list(compiled), list(plain))


def test_the_log_says_what_the_time_went_into_and_the_parts_add_up(tmp_path):
    train(toy_options(tmp_path), make=make_toy)
    for line in lines(tmp_path):
        rates = line["steps_per_second"]
        assert {"all", "environment", "inference", "copies", "teacher", "learning"} <= rates.keys()
        parts = sum(1 / rate for part, rate in rates.items() if part != "all")
        assert 0.5 / rates["all"] < parts <= 1.001 / rates["all"]


def test_a_line_that_a_crash_left_half_written_goes(tmp_path):
    train(toy_options(tmp_path), make=make_toy)
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"steps": 3')
    train(toy_options(tmp_path, steps=384), make=make_toy)
    assert [line["steps"] for line in lines(tmp_path)] == [128, 256, 384]


def test_levels_and_mode_are_flags_of_their_own_and_count_as_the_options_that_they_stand_for(tmp_path):
    usual = TrainingOptions(num_levels=100, start_level=5, distribution_mode="hard")
    world = {"distribution_mode": "hard", "paint_vel_info": True, "num_levels": 100, "start_level": 5}
    assert usual.world == world
    clock = {"environment_options": {"clock": 9}}
    train(toy_options(tmp_path, **clock), make=make_toy)
    with pytest.raises(ValueError, match=r"world was \{'clock': 9\}, now \{'clock': 11\}"):
        train(toy_options(tmp_path, environment_options={"clock": 11}), make=make_toy)


def test_a_checkpoint_from_before_an_option_was_there_is_resumed(tmp_path):
    train(toy_options(tmp_path), make=make_toy)
    saved = checkpoint(tmp_path)
    history = json.loads(saved["history"])
    for name in ("groups", "edits", "num_levels", "checkpoint_series", "teacher_acts"):
        del history["legs"][0]["options"][name]
    saved["history"] = json.dumps(history)
    del saved["noise"], saved["groups"]
    torch.save(saved, tmp_path / "checkpoint.pt")
    train(toy_options(tmp_path, steps=384), make=make_toy)
    assert checkpoint(tmp_path)["counts"]["steps"] == 384


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"groups": 3}, ValueError, "groups 3 has to divide num_trajectories 64"),
        ({"edits": "nowhere.json"}, FileNotFoundError, "nowhere.json"),
        ({"edits": '[{"kind": "plaec"}]'}, ValueError, "Did you mean 'place'"),
        ({"edits": "[{"}, ValueError, "no JSON of edits"),
        ({"teacher_acts": 10.0, "teacher": "solver"}, ValueError, "PPO learns from its own actions alone"),
        ({"checkpoint_series": -1}, ValueError, "checkpoint_series must be from 0"),
    ],
)
def test_options_that_cannot_work_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        TrainingOptions(**changes)


def test_edits_come_from_a_file_or_as_data_alike(tmp_path):
    (tmp_path / "edits.json").write_text(TOP_RIGHT)
    given = [str(tmp_path / "edits.json"), TOP_RIGHT, rlv.Place("cheese", "top right"), json.loads(TOP_RIGHT)]
    assert len({json.dumps(TrainingOptions(edits=edits).edits) for edits in given}) == 1


def test_worlds_without_states_cannot_be_edited(tmp_path):
    class Stateless(toy.ToyEnvironment):
        has_states = False

    options = toy_options(tmp_path, edits='[{"kind": "remove", "what": "saw"}]')
    with pytest.raises(ValueError, match="without states cannot be edited"):
        train(options, make=lambda name, *, num_trajectories, seed: Stateless(num_trajectories, seed))


@pytest.mark.parametrize(("name", "message"), [("cudda", "cpu and cuda are"), ("meta", "trained on cpu or cuda")])
def test_a_device_that_is_none_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        check_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is a GPU")
def test_without_a_gpu_cuda_is_refused_in_words_and_nothing_is_made(tmp_path):
    with pytest.raises(ValueError, match=r"device 'cuda': torch .* Train on the cpu \(--device cpu\)"):
        train(toy_options(tmp_path / "run", device="cuda"), make=make_toy)
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_sees_what_it_acted_on(tmp_path):
    train(toy_options(tmp_path, device="cuda", groups=2, compile=True, steps=512), make=make_toy)
    assert all(abs(line["kl_at_start"]) < 1e-4 for line in lines(tmp_path))


def test_a_ferry_brings_every_array_where_it_belongs():
    ferry, target = Ferry(torch.device("cpu")), torch.zeros(2, 3, dtype=torch.uint8)
    for number in (1, 2):
        ferry.send(np.full(3, number, np.uint8), target[number - 1])
    assert target.tolist() == [[1, 1, 1], [2, 2, 2]]


def test_states_go_back_to_their_own_trajectories():
    with Worlds([toy.ToyEnvironment(2, 0), toy.ToyEnvironment(2, 5)]) as worlds:
        states, shown = worlds.states(), worlds.observation()
        for group in worlds.groups:
            group.step([2, 2])
        assert not np.array_equal(worlds.observation(), shown)
        worlds.set_states(states)
        assert np.array_equal(worlds.observation(), shown)
    assert all(group.closed for group in worlds.groups)
