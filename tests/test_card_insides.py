import json

import numpy as np
import pytest
import xarray as xr

import rlvision_widgets as rlv
from rlvision_widgets.analysis import card_insides
from rlvision_widgets.analysis.card_insides import insides

EDITS = {name: (rlv.Ablate(layer, np.eye(8)[1]),) for name, layer in (("one", "2b"), ("two", "3a"))}


@pytest.fixture
def asked(monkeypatch):
    """Stand-ins for what takes long; which of them was asked what."""
    calls = []

    def measure(name, data):
        def measured(agent, edits, study, target, seed):
            calls.append((name, edits[0].layer, target))
            if target == "lava":
                raise ValueError("no frame shows lava.")
            return data(edits[0].layer)

        monkeypatch.setattr(card_insides, name, measured)

    measure(
        "edit_internals",
        lambda layer: xr.Dataset({"kl": ("presence", [0.1, np.nan])}, {"presence": ["with", "without"]}),
    )
    measure("reprobe", lambda layer: xr.Dataset({"auroc": ("layer", [0.9, 0.7])}, {"layer": [layer, "4a"]}))
    return calls


def inside(agent, study, path, targets, *, edits=EDITS, seed=0):
    return insides(agent, edits, targets, study, seed, path=path / "insides.jsonl", progress=False)


def test_edits_stand_side_by_side_with_what_each_was_probed_at(agent, built, asked, tmp_path):
    nodes, missing = inside(agent, built, tmp_path, {"one": "saw", "two": "enemy"})
    assert missing == {}
    assert nodes["internals"]["kl"].dims == ("edit", "presence")
    assert list(nodes["internals"]["edit"].values) == ["one", "two"]
    probes = nodes["probes"]["auroc"]
    assert set(probes["layer"].values) == {"2b", "3a", "4a"}
    assert np.isnan(probes.sel(edit="one", layer="3a"))
    assert (probes.sel(layer="4a") == 0.7).all()


def test_what_is_known_is_not_measured_again_and_is_the_same(agent, built, asked, tmp_path):
    first, _ = inside(agent, built, tmp_path, {"one": "saw"})
    file = tmp_path / "insides.jsonl"
    file.write_text(file.read_text() + '{"asked": "broken o')
    asked.clear()
    again, _ = inside(agent, built, tmp_path, {"one": "saw", "two": "saw"})
    assert asked == [("edit_internals", "3a", "saw"), ("reprobe", "3a", "saw")]
    for node, data in first.items():
        xr.testing.assert_identical(
            again[node].isel(edit=[0]).dropna("layer" if "layer" in data.dims else "edit", how="all"), data
        )
    asked.clear()
    inside(agent, built, tmp_path, {"one": "saw", "two": "saw"})
    assert not asked, "the line that broke off took the next one with it"


@pytest.mark.parametrize("other", ["target", "edit", "seed", "study"])
def test_another_question_is_measured_anew(agent, built, asked, tmp_path, other):
    inside(agent, built, tmp_path, {"one": "saw"})
    study = built.copy()
    if other == "study":
        study.attrs["seed"] = 77
    edits = {"one": EDITS["two"]} if other == "edit" else EDITS
    asked.clear()
    target = {"one": "enemy" if other == "target" else "saw"}
    inside(agent, study, tmp_path, target, edits=edits, seed=1 if other == "seed" else 0)
    assert len(asked) == 2


def test_what_cannot_be_measured_is_missing_with_its_reason(agent, built, asked, tmp_path):
    nodes, missing = inside(agent, built, tmp_path, {"one": "saw", "two": "lava"})
    assert list(nodes["internals"]["edit"].values) == ["one"]
    assert missing == dict.fromkeys(("internals", "probes"), "two: no frame shows lava.")
    nodes, missing = inside(agent, built, tmp_path, {})
    assert nodes == {}
    assert set(missing) == {"internals", "probes"}
    assert json.dumps(missing).count("no target was named") == 2
