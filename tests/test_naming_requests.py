"""Naming and tracing features as a view asks for it, and names through a refit."""

import threading
import zlib

import numpy as np
import pytest
import toy

import rlvision_widgets as rlv
from rlvision_widgets.widgets import Explorer

WAIT = 60  # seconds that a loaded machine may take
HOSTILE = '<img src=x onerror="window.hostile = 1">'


class Recorder:
    """Takes the place of `Explorer.send`."""

    def __init__(self):
        self.messages = []

    def __call__(self, content, buffers=None):
        self.messages.append((content, buffers or []))

    def reply(self, request):
        return next(m for m in self.messages if m[0]["kind"] == "rlv-reply" and m[0]["id"] == request)

    def arrays(self, request):
        content, buffers = self.reply(request)
        specs = content["result"]["arrays"]
        return {
            spec["name"]: np.frombuffer(zlib.decompress(data), spec["dtype"]).reshape(spec["shape"])
            for spec, data in zip(specs, buffers, strict=True)
        }


def ask(view, method, **params):
    """Ask as a browser would; return the reply's content."""
    message = {"kind": "rlv-request", "id": method, "method": method, "params": params}
    view.send = Recorder()
    view._handle_custom_msg(message, [])
    view.join(WAIT)
    return view.send.reply(method)[0]


@pytest.fixture
def view():
    view = Explorer(toy.toy_study())
    yield view
    view.close()


@pytest.fixture(scope="module")
def agent():
    return toy.toy_agent()


@pytest.fixture(scope="module")
def built(agent):
    return toy.built_study(agent, layers=["2b"])


@pytest.fixture
def tracing(agent, built):
    view = Explorer(built.copy(deep=True), agent=agent)
    yield view
    view.close()


# -- names --------------------------------------------------------------------------------------------------------


def test_a_name_from_the_view_is_in_the_study_and_in_every_view_of_it(view):
    other = Explorer(view.study)
    assert "error" not in ask(view, "rename", layer="2b", feature=0, name=f"  {HOSTILE}\n")
    assert "error" not in ask(view, "recolour", layer="2b", feature=0, colour="#0a0b0c")
    assert view.study["layers/2b"]["feature_name"].values[0] == HOSTILE, "kept as text, neither escaped nor cut"
    for shown in (view, other):
        assert shown._study["layers"][0]["features"][0] == {"name": HOSTILE, "colour": "#0A0B0C"}
    other.close()


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("rename", {"layer": "2b", "feature": 9, "name": "x"}, "has 4 features, from 0; there is no feature 9"),
        ("rename", {"layer": "2b", "feature": 0, "name": "x" * 61}, "at most 60 characters"),
        ("rename", {"layer": "2c", "feature": 0, "name": "x"}, "unknown layer '2c'"),
        ("rename", {"layer": "2b", "feature": 0, "name": None}, "name must be str"),
        ("recolour", {"layer": "2b", "feature": 0, "colour": "red"}, "as #rrggbb"),
        ("recolour", {"layer": "2b", "feature": 0}, "'colour' is missing"),
    ],
)
def test_a_wrong_request_is_answered_with_what_is_right_and_changes_nothing(view, method, params, message):
    before = view._study
    assert message in ask(view, method, **params)["error"]
    assert view._study == before


def test_names_given_at_once_by_many_views_are_all_kept(view):
    views = [Explorer(view.study) for _ in range(4)]
    for one in views:
        one.send = Recorder()

    def rename(feature, one):
        for attempt in range(5):
            params = {"layer": "2b", "feature": feature, "name": f"name {feature} {attempt}"}
            one._handle_custom_msg({"kind": "rlv-request", "id": "r", "method": "rename", "params": params}, [])

    threads = [threading.Thread(target=rename, args=pair) for pair in enumerate(views)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert view.study["layers/2b"]["feature_name"].values.tolist() == [f"name {k} 4" for k in range(4)]
    for one in views:
        one.close()


def test_refitting_a_layer_keeps_the_names_of_directions_that_are_found_again(agent, built):
    study = built.copy(deep=True)
    names = ["first", "second", "third"]
    for k, name in enumerate(names):
        rlv.rename(study, "2b", k, name)
    old = study["layers/2b/direction"].values.copy()
    rlv.refit(agent, study, layer="2b", num_features=4, seed=7, progress=False)
    new = study["layers/2b/direction"].values
    unit = [vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (old, new)]
    cosine = unit[0] @ unit[1].T
    found = study["layers/2b"]["feature_name"].values.tolist()
    assert len(found) == 4
    kept = [name for name in found if name in names]
    assert kept, "at least one direction of a refit is like one of before"
    for name in kept:
        assert cosine[names.index(name), found.index(name)] >= 0.8
    for name in set(names) - set(kept):  # a lost name had no free partner that was alike enough
        free = [k for k, other in enumerate(found) if other not in kept]
        assert cosine[names.index(name), free].max(initial=0) < 0.8


# -- traces -------------------------------------------------------------------------------------------------------


PLACE = {"trajectory": 0, "step": 3, "layer": "2b", "row": 2, "column": 3}


def test_a_trace_adds_up_to_the_activation_and_fits_the_features_that_it_needs(tracing):
    source = "2a"
    assert [len(layer["features"]) for layer in tracing._study["layers"] if layer["name"] == source] == [0]
    feature = 1
    reply = ask(tracing, "trace", **PLACE, feature=feature, source_layer=source)
    result, arrays = reply["result"], tracing.send.arrays("trace")
    assert [len(layer["features"]) for layer in tracing._study["layers"] if layer["name"] == source] == [3]
    stages = [m["stage"] for m, _ in tracing.send.messages if m["kind"] == "rlv-progress"]
    assert "features" in stages, "the view is told that it takes a while"
    height, width, count = arrays["traced"].shape
    assert (height, width) == arrays["traced_residual"].shape
    assert len(result["totals"]) == count == 3
    np.testing.assert_allclose(arrays["traced"].sum((0, 1), dtype=float), result["totals"], atol=1e-4)
    total = sum(result["totals"]) + result["residual_total"] + result["completeness_error"]
    assert total == pytest.approx(result["activation"] - result["baseline"], abs=1e-4)


def test_a_trace_explains_what_the_network_says_there(tracing, agent):
    result = ask(tracing, "trace", **PLACE, feature=0, source_layer="input")["result"]
    frame = tracing.study["observation"].values[0, 3][None]
    activation = agent.activations("2b", frame)[0, :, 2, 3].numpy()
    direction = tracing.study["layers/2b/direction"].values[0]
    assert result["activation"] == pytest.approx(float(activation @ direction), rel=1e-4)
    assert len(result["totals"]) == 3, "red, green and blue"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"source_layer": "3a"}, "source layer"),
        ({"source_layer": "2b"}, "source layer"),
        ({"feature": 3}, "3"),
        ({"row": 99}, "99"),
        ({"step": 10_000}, "out of range"),
        ({"layer": "9z"}, "unknown layer"),
    ],
)
def test_a_trace_that_makes_no_sense_is_refused_with_what_would(tracing, wrong, message):
    error = ask(tracing, "trace", **{**PLACE, "feature": 0, "source_layer": "2a", **wrong})["error"]
    assert message in error


def test_without_an_agent_nothing_is_traced_and_the_reason_is_given(view):
    assert "no agent" in ask(view, "trace", **PLACE, feature=0, source_layer="input")["error"]


def test_a_connection_of_one_s_own_may_lack_tracing():
    class Bare:
        layers = ({"name": "2b", "channels": 8, "height": 32, "width": 32},)
        outputs = ("value",)

    view = Explorer(toy.toy_study(), connection=Bare())
    error = ask(view, "trace", **PLACE, feature=0, source_layer="input")["error"]
    assert "cannot trace features: pass agent=" in error
    view.close()


def test_a_cancelled_trace_says_so():
    class Waiting:
        layers = ({"name": "2b", "channels": 8, "height": 32, "width": 32},)
        outputs = ("value",)

        def __init__(self):
            self.started = threading.Event()

        def trace(self, *_, progress, cancelled):
            progress("trace", 0, 1)
            self.started.set()
            while not cancelled():
                threading.Event().wait(0.01)

    connection = Waiting()
    view = Explorer(toy.toy_study(), connection=connection)
    view.send = Recorder()
    params = {**PLACE, "feature": 0, "source_layer": "2b"}
    view._handle_custom_msg({"kind": "rlv-request", "id": "t", "method": "trace", "params": params}, [])
    assert connection.started.wait(WAIT)
    view._handle_custom_msg({"kind": "rlv-cancel", "id": "t"}, [])
    view.join(WAIT)
    assert view.send.reply("t")[0]["error"] == "cancelled"
    view.close()
