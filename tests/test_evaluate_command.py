"""``rlvision evaluate``: the same question as `rlv.evaluate`'s, and what it writes."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from test_environments import needs_procgen

import rlvision_widgets as rlv
from rlvision_widgets.agents.agent import PROCGEN_ACTIONS
from rlvision_widgets.agents.networks import ClearNetwork
from rlvision_widgets.analysis.players import RandomPlayer
from rlvision_widgets.cli import main

HIDDEN = json.dumps([{"kind": "hide", "what": "saw"}])
BLIND = json.dumps([{"kind": "ablate", "layer": "2b", "direction": [1, 0, 0, 0]}])


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    """A file of a tiny network that runs right and jumps, mostly."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ClearNetwork(15, (4, 4, 4, 4, 4), (8, 8))
    with torch.no_grad():
        network.policy.bias[7:9] += 4
    agent = rlv.Agent(
        network,
        name="runner",
        action_names=PROCGEN_ACTIONS,
        environment={"name": "coinrun", "distribution_mode": "easy"},
    )
    path = tmp_path_factory.mktemp("agents") / "runner.safetensors"
    rlv.save_agent(agent, path)
    return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder, and in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@needs_procgen
def test_it_prints_and_writes_what_evaluate_finds(runner, folder, capsys):
    (folder / "hidden.json").write_text(HIDDEN)
    question = ["evaluate", str(runner), "--levels", "12", "--seed", "2", "--path", "o.jsonl"]
    conditions = ["--edit", f"blind={BLIND}", "--world", "saws hidden=hidden.json"]
    written = ["--data", "o.csv", "--json", "o.json", "--card", "o.html", "--target", "saw"]
    assert main([*question, *conditions, *written]) == 0
    told = capsys.readouterr().out

    edits = {"blind": json.loads(BLIND)}
    world = {"saws hidden": json.loads(HIDDEN)}
    agent = rlv.load_agent(runner)
    expected = rlv.evaluate(agent, 12, 2, edits=edits, world=world, progress=False)
    again = rlv.evaluate(agent, 12, 2, edits=edits, world=world, path="o.jsonl", progress=False)
    xr.testing.assert_identical(again, expected)

    table = pd.read_csv("o.csv", keep_default_na=False)
    for name in ("success", "cause", "length", "return", "level_seed"):
        flat = expected[name].broadcast_like(expected["success"]).values.ravel()
        np.testing.assert_array_equal(table[name], flat)
    summary = json.loads((folder / "o.json").read_text())
    assert summary["success"] == expected.attrs["success_rate"]
    assert list(summary["conditions"]) == ["original", "blind", "saws hidden"]
    assert summary["edits"]["blind"][0]["kind"] == "ablate"
    failures = expected["cause"].sel(condition="saws hidden")[~expected["success"].sel(condition="saws hidden")]
    assert sum(summary["conditions"]["saws hidden"]["failures"].values()) == len(failures)
    assert "of 12 levels completed (95 % interval" in told
    assert told.count("of 12 levels") == 3
    assert "default-src 'none'" in (folder / "o.html").read_text()

    assert main([*question, "--data", "o.zarr"]) == 0  # nothing is played again
    assert main([*question, "--data", "o.nc"]) == 0
    for stored in (xr.open_zarr("o.zarr", consolidated=False), xr.open_dataset("o.nc")):
        for name in ("success", "length", "level_seed"):
            np.testing.assert_array_equal(stored[name].values, expected[name].values[..., :12][: stored[name].shape[0]])
        assert list(stored["condition"].values) == ["original"]
        stored.close()


@needs_procgen
def test_other_worlds_given_levels_and_random_buttons_are_those_of_evaluate(runner, folder, capsys):
    agent, hard = rlv.load_agent(runner), {"distribution_mode": "hard"}
    question = ["evaluate", str(runner), "--level-seeds", "3:9", "--seed", "2", "--environment", json.dumps(hard)]
    expected = rlv.evaluate(agent, range(3, 9), 2, environment=hard, progress=False)
    assert main([*question, "--data", "o.csv"]) == 0
    table = pd.read_csv("o.csv", keep_default_na=False)
    assert list(table["level_seed"]) == [3, 4, 5, 6, 7, 8]
    np.testing.assert_array_equal(table["length"], expected["length"].values[0])

    there = {**agent.environment, **hard}
    monkey = RandomPlayer(agent.action_names)
    expected = rlv.evaluate(monkey, range(3, 9), 2, environment=there, progress=False)
    assert main([*question, "--random", "--data", "r.csv"]) == 0
    assert "uniform random: " in capsys.readouterr().out
    np.testing.assert_array_equal(pd.read_csv("r.csv")["length"], expected["length"].values[0])
    assert not np.array_equal(pd.read_csv("r.csv")["length"], table["length"])


@needs_procgen
def test_edits_kept_in_a_study_are_played_by_their_name(runner, study, tmp_path, capsys):
    copied = study.copy()
    rlv.keep_edits(copied, "no # saws", json.loads(BLIND))
    rlv.save_study(copied, tmp_path / "t.zarr")
    command = ["evaluate", str(runner), "--levels", "3", "--json", str(tmp_path / "o.json")]
    assert main([*command, "--edit", f"blind={tmp_path / 't.zarr'}#no # saws"]) == 0
    assert json.loads((tmp_path / "o.json").read_text())["edits"]["blind"][0]["layer"] == "2b"
    assert main([*command, "--edit", f"blind={tmp_path / 't.zarr'}#no saws"]) == 1
    assert "Did you mean 'no # saws'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--world", "hidden.json"], "--world takes NAME=EDITS"),
        (["--world", "a=absent.json"], "absent.json"),
        (["--world", "a=[{]"], "no JSON of edits"),
        (["--world", 'a=[{"kind": "hid"}]'], "'hide'"),
        (["--edit", 'a=[{"kind": "hide", "what": "saw"}]'], "edits['a']"),
        (["--edit", "a=[]", "--edit", "a=[]"], "came twice"),
        (["--edit", "a=absent.zarr#b"], "absent.zarr"),
        (["--edit", "a=[]", "--world", "a=[]"], "give each its own"),
        (["--data", "o.xlsx"], "should end in .nc or .zarr or .csv"),
        (["--data", "absent/o.csv"], "no folder absent"),
        (["--card", "o.html"], "give --edit or --world"),
        (["--card", "o.html", "--edit", f"a={BLIND}", "--target", "swa"], "Did you mean 'saw'"),
        (["--card", "o.html", "--world", f"a={HIDDEN}", "--target", "saw"], "give --card and --edit"),
        (["--edit", f"a={BLIND}", "--target", "saw"], "give --card and --edit"),
        (["--edit", "a=[5]"], "a network edit must be one such as"),
        (["--path", "thesis.txt"], "left alone"),
        (["--environment", "{hard"], "takes options as JSON"),
        (["--environment", "[1]"], "takes options by name"),
        (["--environment", '{"distribution_mode": "heard"}'], "Did you mean 'hard'"),
        (["--level-seeds", "9:3"], "FROM < TO"),
        (["--level-seeds", "100"], "such as 0:100"),
        (["--random", "--edit", f"a={BLIND}"], "leave --edit out"),
        (["--scheduler", "carrier://pigeon"], "carrier"),
    ],
)
@needs_procgen
def test_what_cannot_be_is_one_clear_line_before_anything_is_played(runner, arguments, expected, folder, capsys):
    (folder / "thesis.txt").write_text("important")
    assert main(["evaluate", str(runner), "--levels", "2", *arguments]) == 1
    message = capsys.readouterr().err
    assert expected in message
    assert message.startswith("rlvision evaluate: ")
    assert "Traceback" not in message
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]
    assert (folder / "thesis.txt").read_text() == "important"


@needs_procgen
def test_a_study_is_not_replaced_by_an_evaluation(runner, folder, capsys):
    (folder / "study.zarr" / "layers").mkdir(parents=True)
    assert main(["evaluate", str(runner), "--levels", "2", "--data", "study.zarr"]) == 1
    assert "holds no evaluation" in capsys.readouterr().err
    assert (folder / "study.zarr" / "layers").is_dir()
    for _ in range(2):
        assert main(["evaluate", str(runner), "--levels", "2", "--data", "o.zarr"]) == 0


@needs_procgen
@pytest.mark.slow
def test_an_interrupt_says_what_is_kept(runner, tmp_path):
    for path in (None, tmp_path / "o.jsonl"):
        command = [sys.executable, "-m", "rlvision_widgets.cli", "evaluate", str(runner), "--levels", "5000"]
        kept = ["--path", str(path)] if path else []
        environment = {**os.environ, "TQDM_DISABLE": "0", "OMP_NUM_THREADS": "2"}
        process = subprocess.Popen([*command, *kept], stderr=subprocess.PIPE, env=environment)
        seen = b""
        while b"%" not in seen:
            seen += os.read(process.stderr.fileno(), 1000)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=120)[1].decode()
        assert process.returncode == 130
        assert ("finished is kept" if path else "nothing is kept") in told
        assert "Traceback" not in told
