"""Model cards: figures that their commands give again, training as commands, features as a small picture."""

import argparse
import dataclasses
import functools
import io
import json
import math
import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from test_environments import needs_procgen

import rlvision_widgets as rlv
from rlvision_widgets.agents.agent import PROCGEN_ACTIONS
from rlvision_widgets.agents.checkpoints import MODELS
from rlvision_widgets.agents.networks import ClearNetwork
from rlvision_widgets.cli import main
from rlvision_widgets.model_card import writing
from rlvision_widgets.model_card.curve import draw_curve
from rlvision_widgets.model_card.features import MOST_BYTES, draw_features, features_seen, features_table
from rlvision_widgets.model_card.legs import leg_command, plain_legs
from rlvision_widgets.model_card.played import questions
from rlvision_widgets.training import TrainingOptions, add_arguments, options_from_arguments

ROOT = Path(__file__).parent.parent
SMALL = {"levels": 3, "other_levels": 2, "random_levels": 1, "features": False, "progress": False}
ALONE = {**SMALL, "levels": 2, "other_levels": 0, "random_levels": 0}
LEG = {
    "begun": "2026-01-01T00:00:00+00:00",
    "steps": [0, 4096],
    "hours": 0.5,
    "hardware": "one thread",
    "packages": "torch 2",
    "teacher": {"name": "master", "licence": "MIT"},
    "options": {"folder": "runs/x", "environment": "coinrun", "seed": 7, "teacher": "/somewhere/master.jd"},
}


@pytest.fixture(scope="module")
def runner():
    """A tiny agent that runs right and jumps, mostly; trained, it says, on three levels."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ClearNetwork(15, (4, 4, 4, 4, 4), (8, 8))
    with torch.no_grad():
        network.policy.bias[7:9] += 4
    world = {"name": "coinrun", "distribution_mode": "easy", "num_levels": 3, "start_level": 2}
    return rlv.Agent(network, name="runner", action_names=PROCGEN_ACTIONS, environment=world)


@pytest.fixture
def trained(runner, tmp_path, monkeypatch):
    """A run's folder with the agent and what the run noted of it, and in an empty folder."""
    run = tmp_path / "run"
    run.mkdir()
    rlv.save_agent(runner, run / "agent.safetensors")
    noted = {
        "steps": 4096,
        "episodes": 60,
        "legs": [LEG],
        "curve": [{"steps": 2048, "success": None}, {"steps": 4096, "success": 0.25}],
        "evaluations": [{"steps": 4096, "levels": 512, "success": 0.2, "wilson_interval": [0.1, 0.3]}],
    }
    (run / "agent.json").write_text(json.dumps(noted))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return run / "agent.safetensors"


# ---------------------------------------------------------------------------------------------------------------------
# How it plays


@needs_procgen
def test_each_figure_comes_out_of_the_command_beside_it(trained, capsys):
    hidden = {"saws hidden": [{"kind": "hide", "what": "saw"}]}
    page = rlv.write_model_card(trained, "cards", name="runner", world=hidden, **SMALL)
    assert page == Path("cards/runner.md")
    card = json.loads(Path("cards/runner.json").read_text())
    played = [entry for entry in card["evaluations"] if "command" in entry]
    told = [entry["what"] for entry in played]
    assert told == [
        "unseen levels",
        "unseen levels, saws hidden",
        "its 3 training levels",
        "unseen hard levels",
        "unseen levels, random buttons",
    ]
    assert [entry["levels"] for entry in played] == [3, 3, 3, 2, 1]
    for entry in played:
        words = shlex.split(entry["command"].replace("runner.safetensors", "cards/runner.safetensors"))
        assert main([*words[1:], "--json", "again.json"]) == 0
        conditions = json.loads(Path("again.json").read_text())["conditions"]
        condition = conditions["saws hidden" if "hidden" in entry["what"] else "original"]
        assert condition == {name: entry[name] for name in condition}
    text = page.read_text()
    capsys.readouterr()
    for entry in played:
        assert f"{entry['success']:.1%}" in text
        assert entry["command"] in text


@needs_procgen
def test_a_second_call_plays_nothing_again_and_keeps_what_people_wrote(trained, monkeypatch):
    rlv.write_model_card(trained, "cards", name="runner", **SMALL)
    first = json.loads(Path("cards/runner.json").read_text())
    kept = {path: path.read_bytes() for path in Path("runs/card-runner").iterdir()}
    assert len(kept) == 4
    written = {"licence": "Apache-2.0", "note": "It was made in haste.", "limits": ["It cannot swim."], "data": "Mine."}
    Path("cards/runner.json").write_text(json.dumps(first | written))
    page = rlv.write_model_card(trained, "cards", name="runner", **SMALL).read_text()
    assert json.loads(Path("cards/runner.json").read_text()) == first | written
    assert {path: path.read_bytes() for path in Path("runs/card-runner").iterdir()} == kept
    assert all(text in page for text in ("made in haste", "- It cannot swim.", "Mine.", 'license: "apache-2.0"'))


@needs_procgen
def test_figures_of_other_weights_are_kept_but_not_shown(trained, runner):
    rlv.write_model_card(trained, "cards", name="runner", **ALONE)
    before = json.loads(Path("cards/runner.json").read_text())
    other = dataclasses.replace(runner, network=ClearNetwork(15, (4, 4, 4, 4, 4), (8, 8)), checkpoint="")
    rlv.save_agent(other, trained)
    page = rlv.write_model_card(trained, "cards", name="runner", **{**ALONE, "levels": 3}).read_text()
    after = json.loads(Path("cards/runner.json").read_text())
    assert after["checkpoint"] != before["checkpoint"]
    old = next(entry for entry in before["evaluations"] if entry.get("what") == "unseen levels")
    assert old in after["evaluations"]
    assert old["command"] not in page
    assert page.count("| unseen levels |") == 1


@needs_procgen
def test_the_card_goes_with_the_agent_that_it_names(trained):
    rlv.write_model_card(trained, "cards", name="runner", **ALONE)
    opened = rlv.load_agent("cards/runner.safetensors")
    assert opened.name == "runner"
    card = json.loads(Path("cards/runner.json").read_text())
    assert card["checkpoint"] == opened.checkpoint == rlv.load_agent(trained).checkpoint
    assert card["teacher"] == LEG["teacher"]
    assert card["hours"] == 0.5
    assert card["summary"].startswith("runner: rlvision train, taught by master, 4,096 steps. It completes ")
    assert "the 3 levels from seed 2" in card["data"]
    text = Path("cards/runner.md").read_text()
    assert "runner.curve.svg" in text
    assert "/somewhere" not in text, "where a teacher's file lay is nobody's business"


@needs_procgen
def test_an_agent_of_edited_worlds_is_asked_both_worlds(trained):
    noted = json.loads(trained.with_suffix(".json").read_text())
    edits = [{"kind": "hide", "what": "saw"}]
    trained.with_suffix(".json").write_text(json.dumps(noted | {"world_edits": edits, "world": ["saws are invisible"]}))
    page = rlv.write_model_card(trained, "cards", name="runner", **ALONE).read_text()
    card = json.loads(Path("cards/runner.json").read_text())
    played = {entry["what"]: entry["command"] for entry in card["evaluations"] if "command" in entry}
    assert list(played)[:2] == ["unseen levels", "unseen levels, edited as in training"]
    assert json.dumps(edits) in shlex.split(played["unseen levels"])[-1]
    assert "saws are invisible" in page
    assert card["world_edits"] == edits


def test_training_levels_are_asked_at_most_as_many_as_unseen_ones(runner):
    def asked(**world):
        agent = dataclasses.replace(runner, environment={**runner.environment, **world})
        found = questions(agent, levels=10, seed=0, precision="float32", world={}, other_levels=0, random_levels=0)
        return [(question.what, question.levels) for question in found]

    assert asked(num_levels=0) == [("unseen levels", 10)]
    assert asked(num_levels=4, start_level=5)[1] == ("its 4 training levels", range(5, 9))
    assert asked(num_levels=1000, start_level=5)[1] == ("10 of its 1,000 training levels", range(5, 15))


@needs_procgen
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["absent.safetensors"], "absent.safetensors"),
        (["coinrum"], "Did you mean 'coinrun'"),
        (["coinrun", "--world", "hidden"], "--world takes NAME=EDITS"),
        (["coinrun", "--name", "broken"], "broken.json is there and is no card"),
        (["coinrun", "--name", "listed"], "listed.json is there and is no card"),
        (["coinrun", "--layer", "2c"], "Did you mean '2b'"),
        (["coinrun", "--other-levels", "-1"], "other_levels must be from 0"),
    ],
)
def test_what_cannot_be_is_one_clear_line_and_nothing_is_written(arguments, expected, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text('{"summary": ')
    (tmp_path / "listed.json").write_text("[]")
    assert main(["card", *arguments, "--levels", "2"]) == 1
    message = capsys.readouterr().err
    assert message.startswith("rlvision card: ")
    assert expected in message
    assert "Traceback" not in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.json", "listed.json"]


# ---------------------------------------------------------------------------------------------------------------------
# How it was trained


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"seed": 3, "compile": False, "reward_scale": 10.0, "teacher": "coinrun", "threads": 1},
        {"environment_options": {"distribution_mode": "hard", "num_levels": 100}, "value_scale": None, "anneal": 0.0},
        {"hours": 0.5, "optimiser": "muon", "network": "impala", "network_options": {"dense": 64}},
    ],
)
def test_a_leg_s_command_has_the_leg_s_options(chosen):
    options = TrainingOptions(folder=Path("elsewhere"), **chosen)
    noted = json.loads(json.dumps(dataclasses.asdict(options), default=str).replace("Infinity", "null"))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = shlex.split(leg_command(noted))
    assert words[:2] == ["rlvision", "train"]
    read = options_from_arguments(parser.parse_args(words[2:]))
    assert dataclasses.replace(read, folder=options.folder) == options


def test_legs_that_have_a_command_already_stay_as_they_are():
    leg = {"steps": [0, 1], "command": "rlvision train --seed 1"}
    assert plain_legs([leg]) == [leg]


def test_the_curve_has_a_point_for_every_known_success():
    known = [(1000 * k, 0.1 * k) for k in range(1, 9)]
    curve = [{"steps": 500, "success": None}, *({"steps": steps, "success": share} for steps, share in known)]
    measured = {"success": 0.75, "wilson_interval": [0.5, 0.9], "levels": 8}
    legs = [{"steps": [0, 4000]}, {"steps": [4000, 8000]}]
    root = ET.fromstring(draw_curve(curve, legs, measured))
    parts = {tag: list(root.iter(f"{{http://www.w3.org/2000/svg}}{tag}")) for tag in ("polyline", "circle", "script")}
    places = np.array([point.split(",") for point in parts["polyline"][0].get("points").split()], float)
    assert len(places) == len(known)
    shares = [share for _, share in known]
    np.testing.assert_allclose(np.diff(places[:, 0]), np.diff(places[:, 0]).mean(), atol=0.2)
    slope, at_zero = np.polyfit(shares, places[:, 1], 1)
    assert slope < 0, "more success stands higher"
    circle = parts["circle"][0]
    assert float(circle.get("cy")) == pytest.approx(at_zero + slope * 0.75, abs=0.2)
    assert float(circle.get("cx")) == pytest.approx(places[-1, 0], abs=0.2), "it was measured when training ended"
    assert not parts["script"]
    assert [line for line in root.iter() if line.get("class") == "leg"], "where a leg ends is seen"


# ---------------------------------------------------------------------------------------------------------------------
# What its features detect


def test_the_features_picture_shows_every_feature_within_its_size(built, agent):
    layer = next(iter(built["layers"].children))
    output = next(iter(built[f"layers/{layer}/outputs"].children))
    seen = features_seen(built, agent, layer, output)
    assert len(seen) == built[f"layers/{layer}"].sizes["feature"]
    assert all(0 <= one.share <= 1 and math.isnan(one.auroc) for one in seen), "a toy has no emulator"
    drawn = draw_features(built, layer, seen)
    assert len(drawn) <= MOST_BYTES
    pixels = np.asarray(Image.open(io.BytesIO(drawn)).convert("RGB"))
    for one in seen:
        colour = np.array(list(bytes.fromhex(one.colour[1:])))
        assert (pixels == colour).all(-1).sum() >= 100, "each has its swatch"
    table = features_table(seen)
    assert len(table) == 2 + len(seen) + 2
    assert {line.count("|") for line in table[: 2 + len(seen)]} == {7}


@needs_procgen
@pytest.mark.slow
def test_a_card_with_features_measures_them_on_the_emulator_s_objects(trained, monkeypatch):
    sizes = {"num_trajectories": 4, "num_steps": 128, "observations": (8, 8, 4), "attribution": {"num_points": 4}}
    small = functools.partial(rlv.build_study, **sizes)
    monkeypatch.setattr(writing, "build_study", small)
    rlv.write_model_card(trained, "cards", name="runner", **{**ALONE, "features": True}, yardstick="other.features.png")
    card = json.loads(Path("cards/runner.json").read_text())
    assert card["features"]["layer"] == "2b"
    assert any(one["best_class"] for one in card["features"]["measured"])
    assert all(isinstance(one["interpretable"], bool) for one in card["features"]["measured"])
    text = Path("cards/runner.md").read_text()
    assert "![features](runner.features.png)" in text
    assert "other.features.png" in text
    monkeypatch.setattr(writing, "build_study", None)  # it is kept
    rlv.write_model_card(trained, "cards", name="runner", **{**ALONE, "features": True})
    assert json.loads(Path("cards/runner.json").read_text()) == card


# ---------------------------------------------------------------------------------------------------------------------
# The bundled agents


@pytest.mark.parametrize("name", rlv.bundled_agents())
def test_every_bundled_agent_has_a_card_whose_commands_can_be_given(name):
    card = rlv.load_agent(name).info["card"]
    assert card["summary"] == rlv.bundled_agents()[name]
    assert card["checkpoint"] == rlv.load_agent(name).checkpoint
    assert card["licence"]
    assert card["curve"][-1]["steps"] == card["steps"]
    assert [leg["steps"][0] for leg in card["legs"][1:]] == [leg["steps"][1] for leg in card["legs"][:-1]]
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    for leg in card["legs"]:
        options_from_arguments(parser.parse_args(shlex.split(leg["command"])[2:]))


@pytest.mark.parametrize("name", rlv.bundled_agents())
def test_the_readme_leads_to_the_page_of_every_bundled_agent(name):
    page = f"rlvision_widgets/models/{name}.md"
    assert f"[`{name}`]({page})" in (ROOT / "README.md").read_text()
    text = (ROOT / page).read_text()
    assert rlv.bundled_agents()[name] in text
    named = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    assert f"{name}.features.png" in named
    assert all((MODELS / picture).is_file() for picture in named)


def test_bundled_agents_are_small():
    sizes = {path.name: path.stat().st_size for path in MODELS.iterdir()}
    assert all(size <= 2_600_000 for size in sizes.values())
    assert all(size <= MOST_BYTES for name, size in sizes.items() if name.endswith(".png"))
    assert sum(sizes.values()) <= 40_000_000
