import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import toy
import xarray as xr

from rlvision_widgets import schema, storage
from rlvision_widgets.storage import open_study, save_study

SUFFIXES = ["study.zarr", "study.zarr.zip"]


def in_fresh_process(code, *arguments):
    """Run code where the tests' helpers can be imported; return the process."""
    prelude = f"import sys; sys.path.insert(0, {str(Path(toy.__file__).parent)!r})\n"
    command = [sys.executable, "-c", prelude + textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def feature_names(*texts):
    return xr.DataArray(np.array(texts, dtype=object), dims="feature")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", SUFFIXES)
def test_a_saved_study_opens_identical(study, tmp_path, name):
    save_study(study, tmp_path / name)
    assert names(tmp_path) == [name]
    opened = open_study(tmp_path / name)
    xr.testing.assert_identical(opened, study)
    opened.close()


def test_emulator_states_that_end_in_zero_bytes_come_back_whole(tmp_path):
    environment = toy.ToyEnvironment(num_trajectories=3)
    states = [environment.get_state(index) for index in range(3)]
    assert all(state.endswith(b"\0") for state in states)
    assert len({len(state) for state in states}) > 1
    tree = toy.toy_study()
    packed = np.zeros((3, 1, 32), np.uint8)
    for index, state in enumerate(states):
        packed[index, 0, : len(state)] = np.frombuffer(state, np.uint8)
    tree["states"] = xr.DataTree(
        xr.Dataset(
            {
                "env_state": (("trajectory", "keyframe", "byte"), packed),
                "size": (("trajectory", "keyframe"), np.array([[len(state)] for state in states], np.int32)),
                "keyframe_step": ("keyframe", np.zeros(1, np.int32)),
            }
        )
    )
    save_study(tree, tmp_path / "study.zarr")
    opened = open_study(tmp_path / "study.zarr")["states"]
    for index, state in enumerate(states):
        size = int(opened["size"][index, 0])
        assert opened["env_state"].values[index, 0, :size].tobytes() == state


def test_unknown_numbers_and_text_survive(tmp_path):
    tree = toy.toy_study()
    tree.attrs["value_scale"] = np.nan
    tree["layers/2b/outputs/value/completeness_error"][1, 70:] = np.nan
    tree["layers/2b/feature_name"] = feature_names("coin", "", "véhicule ☀", "a/b")
    tree["mine/first"] = xr.DataTree(xr.Dataset(attrs={"text": "what the user wrote"}))
    save_study(tree, tmp_path / "study.zarr")
    xr.testing.assert_identical(open_study(tmp_path / "study.zarr"), tree)


def test_reading_some_steps_reads_their_chunk_only(study, tmp_path):
    save_study(study, tmp_path / "study.zarr")
    chunks = tmp_path / "study.zarr" / "observation" / "c"
    for chunk in chunks.rglob("*"):
        if chunk.is_file() and chunk.relative_to(chunks).parts[:2] != ("1", "0"):
            chunk.unlink()
    opened = open_study(tmp_path / "study.zarr")
    np.testing.assert_array_equal(opened["observation"][1, :64], study["observation"][1, :64])
    assert not opened["observation"][1, 64:].any()  # what was removed is missed only where it is asked for


def test_neither_reading_nor_saving_keeps_arrays_in_memory(study, tmp_path):
    save_study(study, tmp_path / "study.zarr")
    opened = open_study(tmp_path / "study.zarr")
    opened["observation"][0, :64].load()
    save_study(opened, tmp_path / "copy.zarr")
    assert not opened["observation"].variable._in_memory
    opened["value"][0, 0] = 5  # a change is kept, in memory
    assert opened["value"].values[0, 0] == 5
    assert open_study(tmp_path / "copy.zarr")["value"].values[0, 0] == study["value"].values[0, 0]


@pytest.mark.parametrize("name", SUFFIXES)
def test_an_opened_study_can_be_changed_and_saved_over_itself(study, tmp_path, name):
    save_study(study, tmp_path / name)
    opened = open_study(tmp_path / name)
    opened["layers/2b/feature_name"] = feature_names("a", "b", "c", "d")
    save_study(opened, tmp_path / name)
    again = open_study(tmp_path / name)
    assert list(again["layers/2b/feature_name"].values) == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(opened["observation"], study["observation"])  # read after the swap
    xr.testing.assert_identical(again, opened)


def test_opening_needs_neither_torch_nor_procgen_nor_sklearn(study, tmp_path):
    save_study(study, tmp_path / "study.zarr")
    code = """
        from rlvision_widgets.storage import open_study
        study = open_study(sys.argv[1])
        study["observation"][0, :3].values, study["layers/2b/feature_name"].values
        print([name for name in ("torch", "procgen", "sklearn", "captum", "dask") if name in sys.modules])
    """
    process = in_fresh_process(code, tmp_path / "study.zarr")
    out, err = process.communicate(timeout=60)
    assert out.strip() == "[]", err


@pytest.mark.parametrize("name", SUFFIXES)
def test_a_full_disk_leaves_the_earlier_study(study, tmp_path, name):
    save_study(study, tmp_path / name)
    code = """
        import resource, signal
        import numpy as np, toy
        from rlvision_widgets.storage import save_study
        study = toy.toy_study()
        noise = np.random.default_rng(0).integers(0, 256, study["observation"].shape, dtype=np.uint8)
        study["observation"] = study["observation"].copy(data=noise)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**19, 2**19))  # no file may grow beyond half a chunk
        try:
            save_study(study, sys.argv[1])
        except OSError as error:
            print("refused:", error)
    """
    process = in_fresh_process(code, tmp_path / name)
    out, err = process.communicate(timeout=60)
    assert out.startswith("refused:"), err
    assert names(tmp_path) == [name]
    xr.testing.assert_identical(open_study(tmp_path / name), study)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_save_leaves_the_earlier_study(study, tmp_path, stop):
    target = tmp_path / "study.zarr"
    save_study(study, target)
    code = """
        import toy
        from rlvision_widgets.storage import save_study
        study = toy.toy_study(num_trajectories=8)
        print("ready", flush=True)
        while True:
            save_study(study, sys.argv[1] + ".other")
            save_study(study, sys.argv[1])
    """
    process = in_fresh_process(code, target)
    process.stdout.readline()
    while not any(name.startswith(".study.zarr.other.") for name in names(tmp_path)):
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    time.sleep(0.05)
    process.send_signal(stop)
    process.communicate(timeout=60)
    assert process.returncode != 0
    xr.testing.assert_identical(open_study(target), study)
    if stop == signal.SIGINT:  # the process had the time to tidy up
        assert names(tmp_path) == ["study.zarr"]


@pytest.mark.parametrize("stop_at", [1, 2])
def test_ctrl_c_at_any_point_of_the_swap_leaves_the_earlier_study(study, tmp_path, monkeypatch, stop_at):
    save_study(study, tmp_path / "study.zarr")
    rename, calls = os.rename, []

    def interrupted(old, new):
        calls.append(old)
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        rename(old, new)

    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_study(toy.toy_study(seed=1), tmp_path / "study.zarr")
    assert names(tmp_path) == ["study.zarr"]
    xr.testing.assert_identical(open_study(tmp_path / "study.zarr"), study)


def test_a_swap_that_was_cut_short_is_undone_when_the_study_is_opened(study, tmp_path):
    save_study(study, tmp_path / "study.zarr")
    os.rename(tmp_path / "study.zarr", tmp_path / ".study.zarr.previous")  # where a kill may leave it
    xr.testing.assert_identical(open_study(tmp_path / "study.zarr"), study)
    assert names(tmp_path) == ["study.zarr"]


def test_a_study_by_a_newer_version_says_what_to_do(study, tmp_path):
    save_study(study, tmp_path / "study.zarr")
    root = tmp_path / "study.zarr" / "zarr.json"
    content = json.loads(root.read_text())
    content["attributes"]["schema_version"] = schema.SCHEMA_VERSION + 1
    root.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"written by a newer rlvision_widgets .*upgrade"):
        open_study(tmp_path / "study.zarr")


def test_what_is_no_study_is_refused(study, tmp_path):
    with pytest.raises(FileNotFoundError, match="save_study"):
        open_study(tmp_path / "nothing")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_bytes(b"not a zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("zarr.json", '{"attributes": {"schema_version": "one"}}')
    xr.Dataset({"a": ("x", [1, 2])}).to_zarr(tmp_path / "other.zarr", consolidated=False)
    for name in ("folder", "file", "other.zip", "other.zarr"):
        with pytest.raises(ValueError, match="is no study"):
            open_study(tmp_path / name)
    with pytest.raises(FileExistsError, match="is no study"):
        save_study(study, tmp_path / "folder")
    assert (tmp_path / "folder" / "thesis.tex").exists()


def test_an_empty_or_malformed_study_is_not_written(study, tmp_path):
    with pytest.raises(ValueError, match="empty"):
        save_study(xr.DataTree(), tmp_path / "study.zarr")
    with pytest.raises(ValueError, match="empty"):
        save_study(xr.DataTree(study.to_dataset().isel(step=slice(0, 0))), tmp_path / "study.zarr")
    with pytest.raises(TypeError, match="DataTree"):
        save_study(study.to_dataset(), tmp_path / "study.zarr")
    with pytest.raises(schema.SchemaError, match="reward: missing"):
        save_study(xr.DataTree(study.to_dataset().drop_vars("reward")), tmp_path / "study.zarr")
    assert names(tmp_path) == []


def test_frames_and_attributions_are_stored_in_chunks_of_64_steps(study, tmp_path):
    save_study(study, tmp_path / "study.zarr")
    opened = open_study(tmp_path / "study.zarr")
    assert opened["observation"].encoding["chunks"] == (1, 64, 64, 64, 3)
    assert opened["layers/2b/outputs/value/attribution"].encoding["chunks"] == (1, 64, 32, 32, 4)
    assert opened["value"].encoding["chunks"] == (3, 130)  # a curve is read as a whole
    stored = sum(path.stat().st_size for path in (tmp_path / "study.zarr").rglob("*"))
    assert stored < sum(node.nbytes for node in study.subtree) / 5
    assert storage.CHUNKS["step"] == schema.CHUNK
