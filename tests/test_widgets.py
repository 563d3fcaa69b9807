"""The explorer's Python side, driven as a browser would drive it."""

import importlib.util
import json
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import toy
import traitlets
import xarray as xr

from rlvision_widgets import changes
from rlvision_widgets.schema import Selection
from rlvision_widgets.storage import save_study
from rlvision_widgets.widgets import Explorer, bundle, requests
from rlvision_widgets.widgets.jobs import Job, Line
from rlvision_widgets.widgets.view import View

ROOT = Path(__file__).parent.parent
VALUE = {"trajectory": 0, "layer": "2b", "output": "value"}
WAIT = 20  # seconds that a loaded machine may take for what takes milliseconds


class Recorder:
    """Takes the place of `Explorer.send`: keeps messages, and lets a test wait for one."""

    def __init__(self):
        self.messages = []
        self._arrived = threading.Condition()

    def __call__(self, content, buffers=None):
        with self._arrived:
            self.messages.append((content, buffers or []))
            self._arrived.notify_all()

    def reply(self, request):
        def found():
            return next((m for m in self.messages if m[0]["kind"] == "rlv-reply" and m[0]["id"] == request), None)

        with self._arrived:
            assert self._arrived.wait_for(found, WAIT), f"no reply to {request}: {[m[0] for m in self.messages]}"
            return found()

    def progress(self, request):
        return [m for m, _ in self.messages if m["kind"] == "rlv-progress" and m["id"] == request]


class ToyConnection:
    """Computes by copying a finished study, a chunk at a time; `gate` holds it up."""

    layers = (
        {"name": "1a", "channels": 4, "height": 64, "width": 64},
        {"name": "2b", "channels": 8, "height": 32, "width": 32},
    )
    outputs = ("value", "RIGHT")

    def __init__(self, study):
        self.study = study
        self.finished = toy.toy_study()
        self.asked = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.error = None

    def attribute(self, selection, *, progress=None, cancelled=None):
        self.asked.append(selection)
        self.entered.set()
        progress("attribution", 0, 2)
        while not self.gate.wait(0.01):
            if cancelled():
                return
        if self.error is not None:
            raise self.error
        source = self.finished["layers/2b/outputs/value"].to_dataset()
        outputs = self.study[f"layers/{selection.layer}/outputs"]
        if selection.output not in outputs.children:
            empty = source.copy(deep=True)
            toy.forget(empty)
            outputs[selection.output] = xr.DataTree(empty)
        errors = outputs[selection.output]["completeness_error"].values
        errors[selection.trajectory, selection.steps] = 0.01
        progress("attribution", 2, 2)


@pytest.fixture
def explorer(study):
    view = Explorer(study)
    view.send = Recorder()
    yield view
    view.close()


@pytest.fixture
def computing():
    study = toy.toy_study()
    toy.forget(study["layers/2b/outputs/value"])
    view = Explorer(study, connection=ToyConnection(study))
    view.send = Recorder()
    yield view
    view.close()


@pytest.fixture
def registered(monkeypatch):
    """Requests that a test registers are gone after it."""
    monkeypatch.setattr(requests, "REQUESTS", dict(requests.REQUESTS))


def ask(view, request, method, params):
    view._handle_custom_msg({"kind": "rlv-request", "id": request, "method": method, "params": params}, [])


# -- traits -------------------------------------------------------------------------------------------------------


def test_traits_go_both_ways(explorer):
    explorer.step = 12
    assert explorer.get_state("step") == {"step": 12}
    explorer.set_state({"step": 77, "trajectory": 2, "feature": 4, "playing": True})
    assert (explorer.step, explorer.trajectory, explorer.feature, explorer.playing) == (77, 2, 4, True)
    seen = []
    explorer.observe(lambda change: seen.append(change["new"]), names="step")
    explorer.set_state({"step": 78})
    assert seen == [78]


def test_the_state_says_what_there_is_and_holds_no_frame(explorer):
    state = explorer.get_state()
    assert (state["num_steps"], state["num_trajectories"], state["can_compute"]) == (130, 3, False)
    assert (state["layer"], state["output"], state["feature"]) == ("2b", "value", None)
    assert state["_study"]["trajectories"][2]["num_steps"] == 130
    size = sum(len(repr(value)) for name, value in state.items() if name not in {"_esm", "_css"})
    assert size < 20_000


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("step", 130, "step must be from 0 to 129, got 130"),
        ("step", -1, "step must be from 0 to 129, got -1"),
        ("trajectory", 3, "trajectory must be from 0 to 2, got 3"),
        ("layer", "2c", "unknown layer '2c'. Did you mean '2b'"),
        ("layer", "1a", "pass agent= to Explorer"),
        ("output", "valu", "unknown output 'valu'. Did you mean 'value'"),
        ("output", "RIGHT", "pass agent= to Explorer"),
        ("feature", 5, "None or from 0 to 4"),
        ("hovered", -1, "None or from 0 to 4"),
        ("direction", 0, "direction must be 1 or -1"),
        ("fps", 0, "fps must be above 0"),
        ("playing", "yes", "playing"),
    ],
)
def test_a_wrong_value_is_refused_and_changes_nothing(explorer, trait, value, message):
    before = getattr(explorer, trait)
    with pytest.raises(traitlets.TraitError) as error:
        setattr(explorer, trait, value)
    assert message in str(error.value)
    assert getattr(explorer, trait) == before
    with pytest.raises(traitlets.TraitError):
        Explorer(explorer.study, **{trait: value})


def test_an_unknown_keyword_names_the_nearest(study):
    with pytest.raises(TypeError, match=r"unknown keyword 'stp'\. Did you mean 'step'"):
        Explorer(study, stp=3)
    with pytest.raises(TypeError, match="unknown keyword 'num_steps'"):
        Explorer(study, num_steps=3)
    with pytest.raises(TypeError, match="an agent or a connection"):
        Explorer(study, agent=object(), connection=ToyConnection(study))


def test_output_is_kept_in_its_canonical_form(computing):
    computing.output = " RIGHT "
    assert computing.output == "RIGHT"
    computing.output = "sum:RIGHT+UP,RIGHT"
    assert computing.output == "sum:RIGHT,RIGHT+UP"


def test_a_layer_without_the_pinned_feature_forgets_it(computing):
    computing.feature, computing.hovered = 3, 4
    computing.layer = "1a"
    assert (computing.feature, computing.hovered) == (None, None)


def test_selection_is_what_is_shown(explorer):
    explorer.set_state({"trajectory": 1, "step": 7, "feature": 2})
    assert explorer.selection == Selection(1, slice(7, 8), "2b", "value", 2)


def test_the_repr_says_what_it_is_without_a_browser(explorer):
    explorer.step = 9
    expected = "3 trajectories of 130 steps; layer='2b', output='value', trajectory=0, step=9"
    assert repr(explorer) == f"<Explorer of made-up agent in shapes: {expected}>"
    data, _ = explorer._repr_mimebundle_()
    assert data["text/plain"].startswith("<Explorer of made-up agent")
    assert data["image/png"][:8] == b"\x89PNG\r\n\x1a\n"
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.model_id


def test_a_saved_study_is_opened_from_its_path(study, tmp_path):
    save_study(study, tmp_path / "toy.zarr.zip")
    view = Explorer(str(tmp_path / "toy.zarr.zip"), step=2)
    assert view.num_steps == 130
    with pytest.raises(FileNotFoundError, match="no study at"):
        Explorer(tmp_path / "other.zarr")


def test_an_empty_study_and_a_foreign_tree_are_refused_at_once(study):
    with pytest.raises(ValueError, match="empty"):
        Explorer(xr.DataTree(study.to_dataset().isel(trajectory=slice(0))))
    with pytest.raises(ValueError, match="is it a study"):
        Explorer(xr.DataTree())


def test_without_a_built_front_end_the_error_names_the_command(study, tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "STATIC", tmp_path)
    with pytest.raises(FileNotFoundError, match="npm run build"):
        Explorer(study)


@pytest.mark.parametrize(
    ("trait", "value", "message"),
    [
        ("more_outputs", ["value", "valu"], "more_outputs: unknown output 'valu'. Did you mean 'value'"),
        ("more_outputs", ["value", " value"], "each output once, got 'value' 2 times"),
        ("mode", "chang", "unknown mode 'chang'. Did you mean 'change'"),
        ("scale", "studies", "Did you mean 'study'"),
        ("look", 3, "unknown look 3. Known: 'standard', 'article'"),
        ("view_range", [3], r"empty or [start, stop] with 0 <= start < stop <= 130, got [3]"),
        ("view_range", [5, 5], "got [5, 5]"),
        ("selected_range", [0, 131], "got [0, 131]"),
        ("opened", 4, "a feature of layer '2b', which has 4; got 4"),
        ("cell", [32, 0], "within the 32 x 32 cells of layer '2b', got [32, 0]"),
        ("cell", [1], "got [1]"),
        ("story", "fall", "unknown story 'fall'. Known: none"),
        ("note", -1, "note must be None or count from 0"),
        ("cursor_x", [1.0], "set step instead"),
    ],
)
def test_a_wrong_value_of_a_later_trait_is_refused(explorer, trait, value, message):
    before = getattr(explorer, trait)
    with pytest.raises(traitlets.TraitError) as error:
        setattr(explorer, trait, value)
    assert message in str(error.value)
    assert getattr(explorer, trait) == before


def subclasses(view):
    return [view, *(below for one in view.__subclasses__() for below in subclasses(one))]


def test_no_trait_has_a_name_that_the_notebook_s_widgets_take_for_their_own():
    taken = {"style", "layout", "tooltip", "tabbable", "comm", "keys", "log", "open", "send", "close"}
    for view in subclasses(View):
        assert not taken & set(view.settable()), f"{view.__name__}: see ipywidgets' DOMWidget"


def test_a_layer_forgets_the_open_feature_and_the_cell_that_it_lacks(computing):
    computing.opened, computing.cell = 3, [31, 31]
    computing.layer = "1a"
    assert (computing.opened, computing.cell) == (None, [31, 31])
    computing.cell = [40, 0]
    computing.layer = "2b"
    assert computing.cell == []


# -- state --------------------------------------------------------------------------------------------------------

SHOWN = {"trajectory": 2, "step": 77, "feature": 1, "cell": [3, 4], "view_range": [10, 90], "scale": "trajectory"}


def test_the_state_is_short_json_of_what_differs_and_restores_an_equal_view(study):
    view = Explorer(study, **SHOWN)
    view.hovered, view.playing = 2, True
    text = json.dumps(view.state())
    assert json.loads(text) == SHOWN
    for other in (Explorer(study, state=text), Explorer(study, state=view.state())):
        assert other.state() == SHOWN
        assert (other.hovered, other.playing) == (None, False)
    assert Explorer(study).state() == {}
    assert Explorer(study, step=5, state=text).step == 5, "a keyword takes precedence"


def test_restoring_replaces_everything_that_was_set_in_one_message(explorer):
    explorer.step, explorer.combine = 9, True
    sent = []
    explorer.send_state = lambda key=None: sent.append(set(key))
    explorer.restore({"step": 12})
    assert (explorer.step, explorer.combine) == (12, False)
    assert [{"step", "combine"} <= keys for keys in sent] == [True]


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ({"step": 12, "trajectory": 3}, traitlets.TraitError, "trajectory must be from 0 to 2"),
        ({"step": 12, "trajectory": "1"}, traitlets.TraitError, "trajectory"),
        ({"step": 12, "trajectry": 1}, ValueError, "Explorer state: unknown trait 'trajectry'. Did you mean"),
        ({"step": 12, "num_steps": 1}, ValueError, "unknown trait 'num_steps'"),
        ('{"step": 12,', ValueError, "expected the JSON text of a view's state"),
        ("[12]", ValueError, "a dict or its JSON text, got [12]"),
        ([("step", 12)], ValueError, "a dict or its JSON text"),
    ],
)
def test_a_bad_state_is_refused_as_a_whole(explorer, state, error, message):
    explorer.restore(SHOWN)
    with pytest.raises(error) as refused:
        explorer.restore(state)
    assert message in str(refused.value)
    assert explorer.state() == SHOWN
    with pytest.raises(error):
        Explorer(explorer.study, state=state)


# -- requests -----------------------------------------------------------------------------------------------------


def test_a_request_is_answered_with_compressed_arrays(explorer, study):
    ask(explorer, "a:1", "observations", {"trajectory": 1, "chunk": 2})
    content, buffers = explorer.send.reply("a:1")
    (spec,) = content["result"]["arrays"]
    assert (spec["name"], spec["dtype"], spec["encoding"]) == ("observation", "uint8", "zlib")
    frames = np.frombuffer(zlib.decompress(buffers[0]), np.uint8).reshape(spec["shape"])
    axes = [spec["dims"].index(dim) for dim in ("step", "height", "width", "rgb")]
    np.testing.assert_array_equal(frames.transpose(axes), study["observation"].values[1, 128:])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"method": "curves", "params": {"trajectory": 9}}, "trajectory 9 is out of range"),
        ({"method": "study", "params": {}}, "unknown request 'study'"),
        ({"params": {}}, "unknown request None"),
        ({"method": "curves"}, "expected parameters by name, got None"),
        ({"method": ["curves"], "params": {}}, "unknown request"),
        ({"method": "compute", "params": {**VALUE, "step": 0}}, "no agent to compute with: pass agent="),
    ],
)
def test_a_wrong_request_is_answered_with_its_error(explorer, content, message):
    explorer._handle_custom_msg({"kind": "rlv-request", "id": "b", **content}, [])
    assert message in explorer.send.reply("b")[0]["error"]


def test_an_unforeseen_failure_is_answered_too(explorer, monkeypatch):
    monkeypatch.setattr(explorer.source, "answer", lambda *_: 1 / 0)
    ask(explorer, "c", "curves", {"trajectory": 0})
    assert explorer.send.reply("c")[0]["error"] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize("content", [None, "rlv-request", {}, {"kind": "other"}, {"kind": "rlv-cancel", "id": "none"}])
def test_other_messages_are_left_alone(explorer, content):
    explorer._handle_custom_msg(content, [])
    assert explorer.send.messages == []


def test_a_long_read_does_not_hold_up_a_chunk(explorer, monkeypatch):
    free = threading.Event()
    answer = explorer.source.answer

    def slow(method, params):
        assert method != "strip" or free.wait(WAIT)
        return answer(method, params)

    monkeypatch.setattr(explorer.source, "answer", slow)
    monkeypatch.setattr(explorer.source, "num_steps", 100_000)
    ask(explorer, "strip", "strip", {"trajectory": 0})
    ask(explorer, "chunk", "observations", {"trajectory": 0, "chunk": 0})
    assert "result" in explorer.send.reply("chunk")[0]
    assert [m[0]["id"] for m in explorer.send.messages] == ["chunk"]
    monkeypatch.setattr(explorer.source, "num_steps", 130)
    free.set()
    assert "result" in explorer.send.reply("strip")[0]


class Pair(View):
    """A view of two studies, without a front-end of its own."""

    _bundle = "explorer"


def test_the_parameter_study_picks_one_of_several(study):
    other = toy.toy_study(num_trajectories=1, seed=1)
    view = Pair([(study, None, None), (other, None, None)])
    view.send = Recorder()
    for index, tree in enumerate((study, other)):
        ask(view, f"s{index}", "observations", {"trajectory": 0, "chunk": 0, "study": index})
        (spec,), (buffer,) = view.send.reply(f"s{index}")[0]["result"]["arrays"], view.send.reply(f"s{index}")[1]
        frames = np.frombuffer(zlib.decompress(buffer), np.uint8).reshape(spec["shape"])
        axes = [spec["dims"].index(dim) for dim in ("step", "height", "width", "rgb")]
        np.testing.assert_array_equal(frames.transpose(axes), tree["observation"].values[0, :64])
    assert [source.peers for source in view.sources] == [view.sources] * 2
    for wrong in (2, -1, "0", True):
        ask(view, f"w{wrong}", "curves", {"trajectory": 0, "study": wrong})
        assert "out of range; there are 2, from 0" in view.send.reply(f"w{wrong}")[0]["error"]
    view.close()


def test_what_a_request_writes_is_shown_by_all_views_of_the_study_before_the_reply(registered):
    study, other = toy.toy_study(), toy.toy_study()
    views = [Explorer(study), Explorer(study), Explorer(other)]
    for view in views:
        view.send = Recorder()

    @requests.request(writes=True)
    def scribble(source, *, name: str):
        source.study["layers/2b"]["feature_name"].values[0] = name
        return {"known": name}, {}

    ask(views[0], "w", "scribble", {"name": "gold"})
    assert views[0].send.reply("w")[0]["result"] == {"known": "gold", "arrays": []}
    names = [view._study["layers"][0]["features"][0]["name"] for view in views]
    assert names == ["gold", "gold", "coin"]
    views[1].close()
    study["layers/2b"]["feature_name"].values[0] = "coin"
    changes.announce(study)
    assert [view._study["layers"][0]["features"][0]["name"] for view in views] == ["coin", "gold", "coin"]


def test_writers_take_turns(registered):
    study, running, most = toy.toy_study(), [], []

    @requests.request(writes=True, slow=True)
    def scribble(source, *, times: int):
        for _ in range(times):
            running.append(1)
            most.append(len(running))
            time.sleep(0.001)
            running.pop()
        return {}, {}

    views = [Explorer(study), Explorer(study)]
    for view in views:
        view.send = Recorder()
        ask(view, "t", "scribble", {"times": 20})
    assert all("result" in view.send.reply("t")[0] for view in views)
    assert (len(most), max(most)) == (40, 1)


def test_a_request_that_needs_an_agent_reports_and_is_refused_without_one(computing, study, registered):
    @requests.request(needs_agent=True)
    def ponder(source, work, *, depth: int, kind: Literal["deep", "flat"]):
        work.report(kind, depth, depth)
        return {"outputs": list(work.connection.outputs)}, {"depth": xr.Variable("a", np.full(1, depth, np.int32))}

    ask(computing, "p", "ponder", {"depth": 2, "kind": "deep"})
    content, buffers = computing.send.reply("p")
    assert content["result"]["outputs"] == ["value", "RIGHT"]
    assert zlib.decompress(buffers[0]) == bytes([2, 0, 0, 0])
    assert [(m["stage"], m["done"]) for m in computing.send.progress("p")] == [("deep", 2)]
    ask(computing, "q", "ponder", {"depth": 2, "kind": "steep"})
    assert "kind must be one of 'deep', 'flat', got 'steep'" in computing.send.reply("q")[0]["error"]
    view = Explorer(study)
    view.send = Recorder()
    ask(view, "r", "ponder", {"depth": 2, "kind": "deep"})
    assert "no agent to compute with" in view.send.reply("r")[0]["error"]


def test_a_request_must_say_what_its_parameters_are(registered):
    with pytest.raises(TypeError, match="hint: depth must be annotated"):

        @requests.request()
        def hint(source, *, depth):
            return {}, {}


# -- computing ----------------------------------------------------------------------------------------------------


def test_computing_starts_where_one_looks_reports_chunks_and_completes_the_study(computing):
    ask(computing, "d", "compute", {**VALUE, "step": 70})
    assert computing.send.reply("d")[0]["result"] == {"arrays": []}
    asked = computing.source.connection.asked
    assert [s.steps for s in asked] == [slice(64, 128), slice(128, 130), slice(0, 64)]
    assert {(s.trajectory, s.layer, s.output) for s in asked} == {(0, "2b", "value")}
    chunks = [(m["done"], m["total"]) for m in computing.send.progress("d") if m["stage"] == "chunk"]
    assert chunks == [(1, 3), (2, 3), (0, 3)]
    assert {m["stage"] for m in computing.send.progress("d")} == {"attribution", "chunk"}
    ask(computing, "e", "attribution", {**VALUE, "chunk": 2})
    assert computing.send.reply("e")[0]["result"]["computed"] is True


def test_what_is_there_is_not_computed_again(computing):
    ask(computing, "f", "compute", {**VALUE, "step": 0})
    computing.send.reply("f")
    ask(computing, "g", "compute", {**VALUE, "step": 0})
    computing.send.reply("g")
    assert len(computing.source.connection.asked) == 3


def test_a_new_layer_appears_in_the_description(computing):
    assert [o["name"] for o in computing._study["layers"][1]["outputs"]] == ["value"]
    ask(computing, "h", "compute", {**VALUE, "output": "RIGHT", "step": 0})
    computing.send.reply("h")
    assert [o["name"] for o in computing._study["layers"][1]["outputs"]] == ["value", "RIGHT"]
    assert computing.get_state("_study")["_study"] == computing.source.describe()


def test_cancelling_ends_with_the_error_cancelled_and_the_next_one_runs(computing):
    connection = computing.source.connection
    connection.gate.clear()
    ask(computing, "i", "compute", {**VALUE, "step": 0})
    assert connection.entered.wait(WAIT)
    ask(computing, "j", "compute", {**VALUE, "trajectory": 1, "step": 0})
    assert computing.send.progress("j")[0]["stage"] == "waiting"
    ask(computing, "k", "observations", {"trajectory": 0, "chunk": 0})
    assert "result" in computing.send.reply("k")[0], "computing must not hold up frames"
    computing._handle_custom_msg({"kind": "rlv-cancel", "id": "i"}, [])
    assert computing.send.reply("i")[0]["error"] == "cancelled"
    connection.gate.set()
    assert "result" in computing.send.reply("j")[0]


def test_one_that_waits_can_be_cancelled_before_it_begins(computing):
    connection = computing.source.connection
    connection.gate.clear()
    ask(computing, "l", "compute", {**VALUE, "step": 0})
    assert connection.entered.wait(WAIT)
    ask(computing, "m", "compute", {**VALUE, "trajectory": 1, "step": 0})
    computing._handle_custom_msg({"kind": "rlv-cancel", "id": "m"}, [])
    connection.gate.set()
    assert computing.send.reply("m")[0]["error"] == "cancelled"
    assert {s.trajectory for s in connection.asked} == {0}


def test_a_failing_computation_is_answered_and_the_line_goes_on(computing):
    computing.source.connection.error = RuntimeError("out of memory")
    ask(computing, "n", "compute", {**VALUE, "step": 0})
    assert computing.send.reply("n")[0]["error"] == "RuntimeError: out of memory"
    computing.source.connection.error = None
    ask(computing, "o", "compute", {**VALUE, "step": 0})
    assert "result" in computing.send.reply("o")[0]


def test_closing_stops_computing_and_leaves_no_thread(computing):
    computing.source.connection.gate.clear()
    ask(computing, "p", "compute", {**VALUE, "step": 0})
    assert computing.source.connection.entered.wait(WAIT)
    computing.close()
    computing.join(WAIT)
    assert not [t for t in threading.enumerate() if t.name.startswith("rlvision")]


def test_refresh_shows_what_was_added_by_other_means(computing):
    computing.source.connection.attribute(Selection(0, slice(0, 64), "2b", "RIGHT"), progress=lambda *_: None)
    assert len(computing._study["layers"][1]["outputs"]) == 1
    computing.refresh()
    assert len(computing._study["layers"][1]["outputs"]) == 2


def test_progress_of_one_stage_is_thinned_out_but_its_end_comes():
    reported = []
    line = Line("test")
    job = Job("a", lambda job: [job.progress("stage", i, 1000) for i in range(1001)], lambda *p: reported.append(p))
    line.add(job)
    line.join(WAIT)
    assert reported[0] == ("stage", 0, 1000)
    assert reported[-1] == ("stage", 1000, 1000)
    assert len(reported) < 500


# -- laws ---------------------------------------------------------------------------------------------------------


def test_a_view_of_a_saved_study_runs_without_torch_procgen_and_sklearn(study, tmp_path):
    save_study(study, tmp_path / "toy.zarr")
    script = f"""
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {{"torch", "procgen", "gym", "gym3", "sklearn", "captum"}}:
            raise ImportError(f"a view imported {{name}}")
sys.meta_path.insert(0, Refuse())
import rlvision_widgets as rlv
view = rlv.Explorer({str(tmp_path / "toy.zarr")!r})
view.source.answer("attribution", dict(trajectory=0, layer="2b", output="value", chunk=0))
rlv.save_snapshot(view, {str(tmp_path / "page.html")!r})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr


def test_the_generated_types_are_those_of_the_traits():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "js" / "generated" / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert generate.TARGET.read_text(encoding="utf-8") == generate.generate(), "run python js/generated/generate.py"


def test_an_agent_computes_through_its_study(built, agent):
    study = built.copy(deep=True)
    view = Explorer(study, agent=agent)
    view.send = Recorder()
    assert view.can_compute
    assert [layer["name"] for layer in view._study["layers"]] == ["input", *agent.layers]
    absent = next(layer["name"] for layer in view._study["layers"][1:] if not layer["features"])
    where = {"trajectory": 1, "layer": absent, "output": "value"}
    ask(view, "q", "compute", {**where, "step": 0})
    assert view.send.reply("q")[0]["result"] == {"arrays": []}
    assert "features" in {m["stage"] for m in view.send.progress("q")}
    for chunk in range(view.source.num_chunks):
        assert view.source.is_computed(1, absent, "value", chunk)
    assert not view.source.is_computed(0, absent, "value", 0), "only what was asked for is computed"
    assert next(layer for layer in view._study["layers"] if layer["name"] == absent)["features"]
    view.close()


def test_an_agent_that_the_study_is_not_of_is_refused(study, agent):
    with pytest.raises(ValueError, match="this study is of 'made-up agent'"):
        Explorer(study, agent=agent)
