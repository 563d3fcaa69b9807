"""Laws of training: closed forms, exact repetition and resumption, and that it learns."""

import argparse
import dataclasses
import json
import subprocess
import sys

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

from rlvision_widgets.agents import Agent, ClearNetwork, load_agent, save_agent
from rlvision_widgets.agents.convolutional import ConvolutionalNetwork
from rlvision_widgets.analysis.evaluation import evaluate, wilson_interval
from rlvision_widgets.analysis.moments import advantages
from rlvision_widgets.environments import make_environment
from rlvision_widgets.training import TrainingOptions, add_arguments, options_from_arguments, train
from rlvision_widgets.training.arguments import SECTIONS, field_docstrings
from rlvision_widgets.training.legs import begin_leg
from rlvision_widgets.training.loop import Leg
from rlvision_widgets.training.losses import Losses, losses, outputs
from rlvision_widgets.training.optimiser import Optimiser, follow, orthogonal
from rlvision_widgets.training.return_scale import ReturnScale
from rlvision_widgets.training.rollout import Rollout, generalised_advantages
from rlvision_widgets.training.run import Run
from rlvision_widgets.training.teachers import make_teacher
from rlvision_widgets.training.worlds import Worlds


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_return_scale_is_the_standard_deviation_of_all_discounted_returns():
    generator = np.random.default_rng(0)
    reward, first = generator.normal(size=(50, 3)), generator.random((50, 3)) < 0.1
    scale = ReturnScale(3, gamma=0.9)
    seen, returns = [], np.zeros(3)
    for step_reward, step_first in zip(reward, first, strict=True):
        scale.update(step_reward, step_first)
        returns = 0.9 * returns + step_reward
        seen.append(returns)
        returns = np.where(step_first, 0, returns)
    assert scale.std == pytest.approx(np.std(seen), rel=1e-12)
    assert scale.mean == pytest.approx(np.mean(seen), rel=1e-9)


def test_return_scale_is_one_until_returns_differ_and_what_was_fixed_after_that():
    assert ReturnScale(2, 0.9).std == 1.0
    fixed = ReturnScale(2, 0.9, fixed=10.0)
    fixed.update(np.array([0.0, 5.0]), np.array([False, False]))
    assert fixed.std == 10.0


def test_advantages_with_lambda_one_are_the_discounted_return_minus_the_value():
    value, final = torch.full((4, 1), 0.5), torch.tensor([0.25])
    reward, ended = torch.tensor([[0.0], [1.0], [0.0], [2.0]]), torch.tensor([[0.0], [1.0], [0.0], [0.0]])
    found = generalised_advantages(value, reward, ended, final, gamma=0.9, gae_lambda=1.0)
    returns = [0.9 * 1.0, 1.0, 0.9 * (2.0 + 0.9 * 0.25), 2.0 + 0.9 * 0.25]
    torch.testing.assert_close(found[:, 0], torch.tensor(returns) - 0.5)


def test_advantages_are_those_that_the_views_show():
    generator = torch.Generator().manual_seed(0)
    value, reward = torch.rand(20, 3, generator=generator), torch.rand(20, 3, generator=generator)
    ended, final = (torch.rand(20, 3, generator=generator) < 0.2).float(), torch.rand(3, generator=generator)
    ended[-1] = 0  # the views take the end of the last step from elsewhere
    found = generalised_advantages(value, reward, ended, final, gamma=0.99, gae_lambda=0.9)
    first = torch.cat([torch.ones(1, 3), ended[:-1]]).bool()
    shown = advantages(value.T.numpy(), reward.T.numpy(), first.T.numpy(), 0.99, 0.9, final.numpy())
    np.testing.assert_allclose(found.T.numpy(), np.asarray(shown), rtol=1e-4, atol=1e-5)


def test_a_rollout_is_seen_by_the_loss_as_it_was_acted(tmp_path):
    train(toy_options(tmp_path, anneal=0.0, learning_rate=1e-2), make=make_toy)
    assert [abs(line["kl_at_start"]) < 1e-6 for line in lines(tmp_path)] == [True, True]
    assert all(line["kl"] > 1e-6 for line in lines(tmp_path))  # and it moves away by learning


def test_the_loss_of_an_unmoved_policy_has_no_kl_and_the_entropy_of_its_actions():
    network = ClearNetwork(3, **SMALL)
    observation = torch.randint(0, 256, (6, 16, 16, 3), dtype=torch.uint8)
    log_probs, value = (part.detach() for part in outputs(network, observation, "float32"))
    action, advantage = torch.arange(6) % 3, torch.arange(6.0)
    taken = log_probs.gather(1, action[:, None])[:, 0]
    batch = Rollout(observation, action, taken, value, advantage)
    found = losses(network, batch, None, torch.tensor(0.0), TrainingOptions(precision="float32"))
    found = Losses(*(part.detach() for part in found))
    assert float(found.kl) == pytest.approx(0, abs=1e-7)
    assert float(found.policy) == pytest.approx(0, abs=1e-6)  # minus the mean of normalised advantages
    assert float(found.value) == pytest.approx(0.5 * float((advantage**2).mean()), rel=1e-5)
    assert float(found.entropy) == pytest.approx(float(-(log_probs.exp() * log_probs).sum(1).mean()), rel=1e-5)


def test_same_seed_same_weights_and_another_seed_others(tmp_path):
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(toy_options(tmp_path / folder, seed=seed), make=make_toy)
    assert_same(without_history(tmp_path / "a"), without_history(tmp_path / "b"))
    weights = [checkpoint(tmp_path / folder)["network"]["policy.weight"] for folder in "ac"]
    assert not torch.equal(*weights)


@pytest.mark.parametrize("reward_scale", [10.0, None])
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path, reward_scale, monkeypatch):
    options = toy_options(tmp_path / "whole", steps=640, reward_scale=reward_scale)
    train(options, make=make_toy)
    parts = dataclasses.replace(options, folder=tmp_path / "parts")
    with interrupted_at(128, monkeypatch):
        train(parts, make=make_toy)
    assert checkpoint(tmp_path / "parts")["counts"]["steps"] == 256
    train(parts, make=make_toy)
    assert_same(without_history(tmp_path / "whole"), without_history(tmp_path / "parts"))
    history = json.loads(checkpoint(tmp_path / "parts")["history"])
    assert [leg["steps"] for leg in history["legs"]] == [[0, 256], [256, 640]]
    assert [line["steps"] for line in lines(tmp_path / "parts")] == [128, 256, 384, 512, 640]


def test_a_leg_that_was_lost_after_its_checkpoint_leaves_no_lines_in_the_log(tmp_path):
    train(toy_options(tmp_path, steps=256), make=make_toy)
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write(json.dumps({"steps": 384}) + "\n")
    train(toy_options(tmp_path, steps=512), make=make_toy)
    assert [line["steps"] for line in lines(tmp_path)] == [128, 256, 384, 512]
    assert all("entropy" in line for line in lines(tmp_path))


def test_a_crash_while_saving_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    train(toy_options(tmp_path), make=make_toy)
    before = (tmp_path / "checkpoint.pt").read_bytes()

    def crash(content, file):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", crash)
    with pytest.raises(OSError, match="disk full"):
        train(toy_options(tmp_path, steps=512), make=make_toy)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_a_folder_of_another_run_is_refused_with_what_differs(tmp_path):
    train(toy_options(tmp_path), make=make_toy)
    with pytest.raises(ValueError, match=r"holds another run: seed was 0, now 3\. Name another"):
        train(toy_options(tmp_path, seed=3), make=make_toy)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "impala"}, "network was 'clear', now 'impala'"),
        ({"network_options": {**SMALL, "dense": [8, 8]}}, "network_options was"),
        ({"num_trajectories": 16}, "num_trajectories was 8, now 16"),
        ({"num_actions": 2}, "num_actions was 3, now 2"),
    ],
)
def test_another_network_or_world_is_refused_before_anything_is_opened(tmp_path, changes, message):
    train(toy_options(tmp_path), make=make_toy)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=message):
        train(toy_options(tmp_path, **changes), make=make_toy)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("content", [b"", b"hello", None])
def test_a_damaged_checkpoint_is_said_to_be_one(tmp_path, content):
    train(toy_options(tmp_path), make=make_toy)
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:5000] if content is None else content)
    with pytest.raises(ValueError, match=r"checkpoint\.pt is no whole checkpoint\. Restore it"):
        train(toy_options(tmp_path, steps=512), make=make_toy)


def test_a_run_that_diverges_stops_and_keeps_the_checkpoint_before(tmp_path):
    train(toy_options(tmp_path), make=make_toy)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(ValueError, match=r"at 384 steps: training diverged\. The last checkpoint is kept"):
        train(toy_options(tmp_path, steps=1024, learning_rate=1e38), make=make_toy)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_a_stop_between_iterations_saves_all_that_was_learned(tmp_path, monkeypatch):
    passed = iter([False, False, True])  # before each iteration; the clock is asked nothing else
    monkeypatch.setattr(Leg, "is_over", property(lambda self: next(passed)))
    train(toy_options(tmp_path, steps=1024), make=make_toy)
    assert checkpoint(tmp_path)["counts"]["steps"] == 256


def test_a_finished_run_that_is_started_again_stays_as_it_was(tmp_path):
    path = train(toy_options(tmp_path), make=make_toy)
    card = path.with_suffix(".json").read_text()
    train(toy_options(tmp_path), make=make_toy)
    assert path.with_suffix(".json").read_text() == card


def test_the_network_takes_the_shape_of_the_worlds_observations(tmp_path):
    small = {name: value for name, value in SMALL.items() if name != "observation_shape"}
    path = train(toy_options(tmp_path, network_options=small), make=make_toy)
    assert load_agent(path).observation_shape == (16, 16, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"network_options": {**SMALL, "observation_shape": [32, 32, 3]}},
            r"\(32, 32, 3\), and these are \(16, 16, 3\)",
        ),
        ({"num_actions": 99}, "num_actions 99: toy has 3"),
        ({"teacher": "coinrun"}, r"teacher 'coinrun.*' is for observations \(64, 64, 3\); these are \(16, 16, 3\)"),
        ({"teacher": "nobody"}, "unknown bundled agent 'nobody'"),
    ],
)
def test_what_does_not_fit_the_world_is_refused_in_words(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        train(toy_options(tmp_path, **changes), make=make_toy)


def test_a_teacher_without_a_value_is_refused(tmp_path):
    shape = (16, 16, 3)
    network = ConvolutionalNetwork(3, [(4, 3, 2, 1)], dense=[8], value=False, observation_shape=shape)
    save_agent(Agent(network, "silent", ("LEFT", "NOOP", "RIGHT")), tmp_path / "silent.safetensors")
    with pytest.raises(ValueError, match="teacher 'silent' has no value head"):
        train(toy_options(tmp_path / "run", teacher=str(tmp_path / "silent.safetensors")), make=make_toy)


def test_the_clock_stops_a_run_and_saves_it(tmp_path):
    train(toy_options(tmp_path, steps=10**9, hours=1e-9), make=make_toy)
    assert not (tmp_path / "log.jsonl").read_text()
    assert load_agent(tmp_path / "agent.safetensors").name == "toy"


def test_the_learning_rate_is_constant_and_then_falls_to_zero(tmp_path):
    train(toy_options(tmp_path, steps=1280, anneal=0.5, learning_rate=1.0e-3), make=make_toy)
    rates = [line["learning_rate"] for line in lines(tmp_path)]
    np.testing.assert_allclose(rates, np.minimum(1, (1 - np.arange(1, 11) / 10) / 0.5) * 1e-3, atol=1e-12)


def test_an_orthogonal_step_keeps_the_directions_and_evens_out_their_lengths():
    generator = torch.Generator().manual_seed(0)
    for shape in ((8, 40), (40, 8)):
        matrix = torch.randn(shape, generator=generator)
        before, after = torch.linalg.svd(matrix, full_matrices=False), torch.linalg.svd(orthogonal(matrix))
        assert after.S.min() > 0.5
        assert after.S.max() < 1.3
        rotation = before.U @ before.Vh  # the nearest matrix whose directions all have the length 1
        found = orthogonal(matrix)
        assert float((found * rotation).sum() / found.norm() / rotation.norm()) > 0.97


@pytest.mark.parametrize("optimiser", ["adam", "muon"])
def test_an_optimiser_goes_downhill_and_moves_nothing_at_a_share_of_zero(optimiser):
    torch.manual_seed(0)
    network = ClearNetwork(3, **SMALL)
    descent = Optimiser(network, TrainingOptions(optimiser=optimiser))
    assert len(descent.kernels) == {"adam": 0, "muon": 7}[optimiser]  # five convolutions, two dense layers
    observation = torch.randint(0, 256, (16, 16, 16, 3), dtype=torch.uint8)

    def loss():
        return (outputs(network, observation, "float32")[1] ** 2).mean()

    before, weights = float(loss().detach()), [each.clone() for each in network.parameters()]
    descent.step(loss(), 0.0)
    assert all(torch.equal(*pair) for pair in zip(weights, network.parameters(), strict=True))
    for _ in range(5):
        descent.step(loss(), 0.1)
    assert float(loss().detach()) < before


def test_after_another_optimiser_a_resumed_run_begins_its_own_afresh(tmp_path):
    train(toy_options(tmp_path, optimiser="adam"), make=make_toy)
    train(toy_options(tmp_path, optimiser="muon", steps=384), make=make_toy)
    state = checkpoint(tmp_path)["optimiser"]
    assert state["name"] == "muon"
    assert {int(each["step"]) for each in state["adam"]["state"].values()} == {4}  # of one iteration


@pytest.mark.parametrize("optimiser", ["adam", "muon"])
def test_it_learns_to_walk_to_the_coin(tmp_path, optimiser):
    options = toy_options(
        tmp_path,
        optimiser=optimiser,
        reward_scale=10.0,
        steps=6144,
        learning_rate=2e-3,
        gamma=0.95,
        average=0.9,
        evaluation_levels=64,
    )
    path = train(options, make=make_toy)
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["evaluations"] == [
        {"steps": 6144, "levels": 64, "success": 1.0, "wilson_interval": [pytest.approx(0.943, abs=1e-3), 1.0]}
    ]
    assert "completed 100.0% of 64 unseen levels (95 % interval 94.3% to 100.0%)" in card["summary"]
    learned = np.mean([line["success"] for line in lines(tmp_path)][-1:])
    assert learned > 0.85  # of up to 1,000 episodes, the first clumsy ones with them; random walks: under a half
    agent = load_agent(path)
    with toy.ToyEnvironment(4, seed=99) as environment:
        logits, value = agent(environment.observe().observation)
    assert agent.action_names[int(logits.mean(0).argmax())] == "RIGHT"
    assert value.mean() == pytest.approx(10, abs=2)  # the coin is two or three steps away, discounted by 0.95 each


def test_a_teacher_alone_brings_policy_and_value_closer(tmp_path):
    torch.manual_seed(0)
    network = ClearNetwork(3, **SMALL)
    with torch.no_grad():
        network.policy.bias.copy_(torch.tensor([-1.0, 0.0, 2.0]))
        network.value.bias.fill_(7.0)
    save_agent(Agent(network, "teacher", ("LEFT", "NOOP", "RIGHT")), tmp_path / "teacher.safetensors")
    teacher = str(tmp_path / "teacher.safetensors")
    options = toy_options(tmp_path, steps=4096, learning_rate=2e-3, teacher=teacher, anneal=0.5, average=0.9)
    path = train(dataclasses.replace(options, ppo_weight=0.0, teacher_value_weight=1.0), make=make_toy)
    assert load_agent(path).info["source"] == "rlvision train, taught by teacher, 4,096 steps"
    distance = [line["teacher_kl"] for line in lines(tmp_path)]
    assert distance[0] > 0.1
    assert distance[-1] < 0.01
    with toy.ToyEnvironment(4, seed=5) as environment:
        frames = environment.observe().observation
    assert np.abs(load_agent(path)(frames)[1] - load_agent(teacher)(frames)[1]).mean() < 1  # at first 7


def test_a_teachers_weight_falls_to_zero(tmp_path):
    save_agent(Agent(ClearNetwork(3, **SMALL), "teacher", ("LEFT", "NOOP", "RIGHT")), tmp_path / "teacher.safetensors")
    taught = {"teacher": str(tmp_path / "teacher.safetensors"), "teacher_steps": 1.0}
    train(toy_options(tmp_path / "alone"), make=make_toy)
    train(toy_options(tmp_path / "taught", **taught), make=make_toy)
    assert_same(checkpoint(tmp_path / "alone")["network"], checkpoint(tmp_path / "taught")["network"])


def test_actions_that_the_student_lacks_count_as_no_operation(tmp_path):
    network = ClearNetwork(4, **SMALL)
    save_agent(Agent(network, "teacher", ("LEFT", "NOOP", "RIGHT", "D")), tmp_path / "teacher.safetensors")
    options = toy_options(tmp_path, teacher=str(tmp_path / "teacher.safetensors"))
    with toy.ToyEnvironment(8) as environment:
        run = Run(options, Worlds([environment]))
        begin_leg(run, options)
        observation = torch.from_numpy(run.observation)
        found, value = make_teacher(run, options)(observation)
    log_probs, own_value = outputs(network, observation, "float32")
    left, nothing, right, special = log_probs.exp().unbind(1)
    shared = torch.stack([left, nothing + special, right], 1)
    torch.testing.assert_close(found.exp(), shared)
    torch.testing.assert_close(value, own_value)
    surer = dataclasses.replace(options, teacher_temperature=0.5)
    squares = shared**2
    torch.testing.assert_close(make_teacher(run, surer)(observation)[0].exp(), squares / squares.sum(1, keepdim=True))


def test_the_exported_value_is_the_normalised_value_times_the_scale(tmp_path):
    path = train(toy_options(tmp_path, reward_scale=None, average=0.0), make=make_toy)
    saved = checkpoint(tmp_path)
    network = ClearNetwork(3, **SMALL)
    network.load_state_dict(saved["network"])  # average=0: the exported weights are the last ones
    scale = (saved["scale"]["squares"] / saved["scale"]["count"]) ** 0.5
    with toy.ToyEnvironment(4, seed=2) as environment:
        frames = environment.observe().observation
    normalised = outputs(network, torch.from_numpy(frames), "float32")[1].detach().numpy()
    np.testing.assert_allclose(load_agent(path)(frames)[1], normalised * scale, rtol=1e-5)
    assert scale > 1.5  # or the law would hold without folding


def test_the_average_of_the_weights_follows_them():
    network, average = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    for module, number in ((network, 1.0), (average, 0.0)):
        torch.nn.init.constant_(module.weight, number)
    follow(average, network, 0.75)
    assert float(average.weight.detach()) == pytest.approx(0.25)


def test_the_card_says_how_the_agent_was_trained(tmp_path):
    path = train(toy_options(tmp_path), make=make_toy)
    agent, card = load_agent(path), json.loads(path.with_suffix(".json").read_text())
    assert card["checkpoint"] == agent.checkpoint
    assert card["steps"] == 256
    assert agent.info["source"] == "rlvision train, 256 steps"
    assert card["legs"][0]["options"]["batch_size"] == 32
    assert card["curve"][-1]["steps"] == 256
    assert agent.environment == {"name": "toy", "clock": 12}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 100}, "has to divide"),
        ({"precision": "bfloat"}, "Did you mean 'bfloat16'"),
        ({"ppo_weight": 0.0}, "name a teacher"),
        ({"num_steps": 0}, "num_steps must be from 1"),
        ({"batch_size": 1}, "batch_size must be from 2"),
        ({"gamma": 1.5}, "gamma must be from 0 to 1, and 1.5 came"),
        ({"reward_scale": 0.0}, "reward_scale must be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be at least 0, and nan came"),
        ({"seed": -1}, "seed must be from 0"),
    ],
)
def test_options_that_cannot_work_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        TrainingOptions(**changes)


def test_every_option_is_an_argument_with_help_and_the_same_default():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert options_from_arguments(parser.parse_args([])) == TrainingOptions()
    given = ["--reward-scale", "none", "--no-compile", "--environment-options", '{"num_levels": 5}', "--steps", "7"]
    options = options_from_arguments(parser.parse_args(given))
    assert (options.reward_scale, options.compile, options.steps) == (None, False, 7)
    assert options.environment_options == {"num_levels": 5}
    assert field_docstrings(TrainingOptions).keys() == {each.name for each in dataclasses.fields(TrainingOptions)}


def test_the_help_has_headings_and_every_option_below_one():
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    before, *sections = parser.format_help().split("\n\n")[1:]
    assert before.split()[:2] == ["options:", "-h,"]
    assert [section.split(":\n")[0] for section in sections] == list(SECTIONS.values())
    assert all("\n  --" in section for section in sections)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--environment-options", "{bad"], "'{bad' is no JSON"),
        (["--network-options", "5"], "expected options by name"),
        (["--value-scale", "x"], "invalid float (or none) value: 'x'"),
    ],
)
def test_an_argument_that_cannot_be_read_says_what_is_expected(words, message, capsys):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(words)
    assert message in capsys.readouterr().err


@needs_procgen
def test_the_command_trains_on_procgen_in_a_fresh_process(tmp_path):
    size = {"steps": 512, "num-trajectories": 16, "num-steps": 16, "batch-size": 128, "threads": 1}
    size["evaluation-levels"] = 0
    flags = [word for name, number in size.items() for word in (f"--{name}", str(number))]
    command = [sys.executable, "-m", "rlvision_widgets.cli", "train", *flags, "--no-compile", "--folder", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "90 % is expected to need 25 million" in done.stdout
    agent = load_agent(tmp_path / "agent.safetensors")
    assert agent.environment["distribution_mode"] == "easy"
    assert agent.environment["paint_vel_info"] is True
    assert len(agent.action_names) == 9


def unseen(card):
    """The card's measure of most levels of the agent's own kind that it never saw."""
    rows = [row for row in card["evaluations"] if row.get("what") == "unseen levels"]
    return max(rows, key=lambda row: row["levels"])


def test_the_bundled_agent_is_the_one_on_its_card():
    agent = load_agent("coinrun")
    card = agent.info["card"]
    assert card["checkpoint"] == agent.checkpoint
    assert card["environment"] == agent.environment
    assert card["action_names"] == list(agent.action_names)
    last = unseen(card)
    assert last["steps"] == card["steps"] == card["legs"][-1]["steps"][1]
    assert last["wilson_interval"] == pytest.approx(
        wilson_interval(round(last["success"] * last["levels"]), last["levels"])
    )


@needs_procgen
def test_the_bundled_agent_s_value_is_in_raw_reward():
    agent = load_agent("coinrun")
    options = {name: option for name, option in agent.environment.items() if name != "name"}
    with make_environment("coinrun", num_trajectories=64, seed=5, **options) as environment:
        value = agent(environment.observe().observation)[1].mean()
    card = unseen(agent.info["card"])
    assert value == pytest.approx(10 * card["success"] * 0.999 ** card["mean_length"], rel=0.1)


@needs_procgen
def test_the_bundled_agent_plays_as_its_card_says():
    agent = load_agent("coinrun")
    claim = unseen(agent.info["card"])["success"]
    found = evaluate(agent, levels=64, seed=5, progress=False).attrs["success_rate"]
    assert found > claim - 4 * (claim * (1 - claim) / 64) ** 0.5  # and buttons at random complete 34 %
