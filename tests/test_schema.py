import itertools

import numpy as np
import pytest
import toy
import xarray as xr

from rlvision_widgets import schema
from rlvision_widgets.schema import Output, SchemaError, Selection

ACTIONS = ("LEFT", "NOOP", "RIGHT", "RIGHT+UP")


def test_dimension_names_and_variable_names_are_disjoint():
    variables = [(name, v) for spec in schema.NODES.values() for name, v in spec.variables.items()]
    dims = set(itertools.chain.from_iterable(variable.dims.split() for _, variable in variables))
    assert dims.isdisjoint(name for name, _ in variables)


def test_a_valid_study_passes(study):
    schema.check(study)


def test_an_agent_without_a_value_needs_neither_value_nor_advantage(study):
    schema.check(study.to_dataset().drop_vars(["value", "advantage", "final_value"]), schema.ROLLOUT)


MISTAKES = {
    "missing variable": (lambda r: r.drop_vars("reward"), r"reward: missing, expected \(trajectory, step\) float32"),
    "wrong dtype": (lambda r: r.assign(action=r["action"].astype("int64")), "action: dtype int64, expected int32"),
    "transposed": (
        lambda r: r.assign(first=r["first"].transpose()),
        r"first: dims \(step, trajectory\), expected \(trajectory, step\)",
    ),
    "another name for a dim": (lambda r: r.rename(logit="action_id"), r"policy_logits: dims \(.*action_id\)"),
    "a variable named like a dim": (lambda r: r.assign_coords(step=r["step"].values), "step: is both"),
    "grey frames": (lambda r: r.isel(rgb=slice(0, 1)), "rgb: 1 colours, expected 3"),
    "missing attribute": (lambda r: r.drop_attrs(deep=False), r"attrs\['gamma'\]: missing"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_named(study, mistake):
    change, message = MISTAKES[mistake]
    with pytest.raises(SchemaError, match=message):
        schema.check(change(study.to_dataset()), schema.ROLLOUT)


def test_all_mistakes_of_a_study_are_listed_at_once():
    tree = toy.toy_study()
    tree["layers/2b"].dataset = tree["layers/2b"].to_dataset().drop_vars("direction")
    tree["layers/2b/outputs/value/scale"] = tree["layers/2b/outputs/value/scale"].astype("float64")
    del tree.attrs["seed"]
    tree["notes"] = xr.DataTree(xr.Dataset({"anything": ("goes", np.arange(3))}))
    with pytest.raises(SchemaError) as caught:
        schema.check(tree)
    lines = str(caught.value).splitlines()[1:]
    assert [line for line in lines if "attrs['seed']: missing" in line]
    assert [line for line in lines if "/layers/2b: direction: missing" in line]
    assert [line for line in lines if "/layers/2b/outputs/value: scale: dtype float64, expected float32" in line]
    assert len(lines) == 3


def test_a_dataset_needs_its_spec(study):
    with pytest.raises(TypeError, match="ROLLOUT"):
        schema.check(study.to_dataset())


@pytest.mark.parametrize(
    ("text", "kind", "actions", "name"),
    [
        ("value", "value", (), "value"),
        (" RIGHT+UP ", "logit", (3,), "RIGHT+UP"),
        ("logit:LEFT", "logit", (0,), "LEFT"),
        ("centred:RIGHT", "centred", (2,), "centred:RIGHT"),
        ("log_prob:NOOP", "log_prob", (1,), "log_prob:NOOP"),
        ("difference:RIGHT, LEFT", "difference", (2, 0), "difference:RIGHT,LEFT"),
        ("sum:RIGHT+UP,RIGHT", "sum", (2, 3), "sum:RIGHT,RIGHT+UP"),
    ],
)
def test_an_output_is_read_and_its_name_reads_back(text, kind, actions, name):
    output = Output.parse(text, ACTIONS)
    assert (output.kind, output.actions, output.name) == (kind, actions, name)
    assert Output.parse(output.name, ACTIONS) == output


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("valeu", "Did you mean 'value'"),
        ("RIHGT", "Did you mean 'RIGHT'"),
        ("centered:RIGHT", "Did you mean 'centred'"),
        ("difference:RIGHT", "expected two different actions, got 'RIGHT'"),
        ("difference:RIGHT,RIGHT", "expected two different actions"),
        ("sum:RIGHT", "expected two or more different actions"),
        ("RIGHT,LEFT", "expected one action"),
        ("", "unknown output ''"),
    ],
)
def test_a_wrong_output_is_refused_with_the_nearest_right_one(text, message):
    with pytest.raises(ValueError, match=message):
        Output.parse(text, ACTIONS)


def test_a_selection_is_a_value():
    assert Selection(layer="2b") == Selection(None, slice(None), "2b", "value", None)
    with pytest.raises(AttributeError):
        Selection(layer="2b").layer = "3a"


def test_the_eight_colours_differ():
    assert len(set(schema.FEATURE_COLOURS)) == 8
    assert all(len(colour) == 7 and int(colour[1:], 16) >= 0 for colour in schema.FEATURE_COLOURS)
