"""The published index: fetched once, the same from then on, and clear words when it cannot be."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from test_checkpoints import PUBLISHED, checkpoint, clear_variables, impala_variables, write_joblib

import rlvision_widgets as rlv
from rlvision_widgets.agents import downloads, index
from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.environments.options import check_options


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder, counts what it is asked for, and can break off in the middle of an answer."""

    asked: list[str] = []  # noqa: RUF012 - of all requests
    cut = False

    def do_GET(self):
        self.asked.append(self.path)
        if not self.cut:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"\x80\x03")
        self.wfile.flush()
        self.close_connection = True
        return None

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server in place of OpenAI's, the folder that it serves, and an empty cache folder."""
    served, cache = tmp_path / "served", tmp_path / "cache"
    monkeypatch.setattr(Handler, "asked", [])
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(served)))
    thread = threading.Thread(target=httpd.serve_forever, args=(0.05,))
    thread.start()
    monkeypatch.setattr(index, "ROOT", f"http://127.0.0.1:{httpd.server_port}/models/")
    monkeypatch.setenv("RLVISION_CACHE", str(cache))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield served / "models", cache / "openai"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def put(folder, handle, content):
    path = folder / f"{handle}.jd"
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_joblib(content, path)


def maze(bias=0.0):
    params = clear_variables()
    params["ppo2_model/vf/b:0"] += np.float32(bias)
    return checkpoint(params, env_name="maze")


def test_an_agent_is_fetched_once_and_says_where_it_comes_from(server):
    served, cache = server
    path = put(served, "procgen/maze", maze())
    assert not rlv.published_agents().loc["openai:procgen/maze", "fetched"]
    agent = rlv.load_agent("openai:procgen/maze")
    assert agent.name == "openai:procgen/maze"
    assert agent.environment == {"name": "maze", "distribution_mode": "hard"}
    assert agent.info["url"].endswith("/models/procgen/maze.jd")
    assert agent.info["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert "first fetched" in agent.info["checked"]
    assert agent.info["licence"].startswith("MIT, © 2020 OpenAI")
    assert (cache / "procgen" / "maze.jd").read_bytes() == path.read_bytes()
    again = rlv.load_agent("openai:procgen/maze")
    assert again.checkpoint == agent.checkpoint
    assert Handler.asked == ["/models/procgen/maze.jd"]
    assert rlv.published_agents()["fetched"].sum() == 1


def test_another_file_than_the_first_is_refused(server):
    served, cache = server
    put(served, "procgen/maze", maze())
    rlv.load_agent("openai:procgen/maze")
    kept = cache / "procgen" / "maze.jd"
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-1] + b"?")
    with pytest.raises(ValueError, match=r"maze\.jd is damaged, or another file than before.* Delete it"):
        rlv.load_agent("openai:procgen/maze")
    kept.unlink()
    put(served, "procgen/maze", maze(bias=1))
    with pytest.raises(ValueError, match=r"is now another file.* Nothing was kept"):
        rlv.load_agent("openai:procgen/maze")
    assert not kept.exists()
    put(served, "procgen/maze", maze())
    rlv.load_agent("openai:procgen/maze")
    assert kept.read_bytes() == whole


def test_a_file_whose_sha256_is_known_is_checked_from_the_start(server):
    served, cache = server
    put(served, "procgen/coinrun", maze())
    with pytest.raises(ValueError, match=f"is not {index.SHA256['procgen/coinrun']}"):
        rlv.load_agent("openai:procgen/coinrun")
    assert not list(cache.rglob("*.jd"))


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="the published checkpoint is not beside the project")
def test_a_file_that_was_put_there_by_hand_is_opened_without_a_network(server):
    _, cache = server
    kept = cache / "procgen" / "coinrun.jd"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(PUBLISHED.read_bytes())
    agent = rlv.load_agent("openai:procgen/coinrun")
    assert agent.checkpoint == rlv.load_agent(PUBLISHED).checkpoint
    assert agent.info["checked"] == "the published file"
    assert Handler.asked == []


def test_what_cannot_be_fetched_says_why_and_where_to_put_it(server, monkeypatch):
    _, cache = server
    place = str(cache / "procgen" / "maze.jd")
    with pytest.raises(ConnectionError, match="the server answers 404") as absent:
        rlv.load_agent("openai:procgen/maze")
    assert f"put it at {place}" in str(absent.value)
    monkeypatch.setattr(Handler, "cut", True)
    with pytest.raises(ConnectionError, match="cannot be fetched"):
        rlv.load_agent("openai:procgen/maze")
    monkeypatch.setattr(index, "ROOT", "http://127.0.0.1:9/models/")  # nobody listens there
    with pytest.raises(ConnectionError, match="no connection to the server"):
        rlv.load_agent("openai:procgen/maze")
    assert not [path for path in cache.rglob("*") if path.is_file()]


def test_an_answer_that_takes_too_long_is_given_up(server, monkeypatch):
    monkeypatch.setattr(downloads, "PATIENCE", 0.2)
    blocked = threading.Event()
    monkeypatch.setattr(Handler, "do_GET", lambda self: blocked.wait(5))
    with pytest.raises(ConnectionError, match=r"no answer within 0\.2 seconds"):
        rlv.load_agent("openai:procgen/maze")
    blocked.set()


def test_a_page_instead_of_a_checkpoint_is_refused(server):
    served, _ = server
    (served / "procgen").mkdir(parents=True)
    (served / "procgen" / "maze.jd").write_text("<html>log in first</html>")
    with pytest.raises(ValueError, match="not an uncompressed joblib file"):
        rlv.load_agent("openai:procgen/maze")


@pytest.mark.parametrize("wrong", ["openai:procgen/maize", "openai:maze", "openai:"])
def test_a_wrong_handle_is_answered_with_the_right_ones(server, wrong):
    with pytest.raises(ValueError, match=r"unknown published agent.*'procgen/maze'"):
        rlv.load_agent(wrong)


def test_the_index_has_41_agents_of_which_16_are_procgens_games():
    handles = rlv.published_agents().index
    assert len(handles) == 41
    games = [name.removeprefix("openai:procgen/") for name in handles if name.startswith("openai:procgen/")]
    assert sorted(games) == sorted(GAMES)


def test_agents_of_every_kind_in_the_index_get_their_network_and_an_environment_that_exists(server):
    served, _ = server
    old = checkpoint(clear_variables(9), env_name="coinrun_old", num_levels=100)
    put(served, "finite_levels/run_1/coinrun_100", old)
    put(served, "impala/coinrun_ablation_0", checkpoint(impala_variables(), cnn="impala", stack_channels="4_6"))
    finite = rlv.load_agent("openai:finite_levels/run_1/coinrun_100")
    assert "expect weak play" in finite.info["note"]
    impala = rlv.load_agent("openai:impala/coinrun_ablation_0")
    assert impala.network.options["pooling"] == "tensorflow"
    for agent in (finite, impala):
        assert len(agent.action_names) == 15
        options = dict(agent.environment)
        assert check_options(options.pop("name"), options)["distribution_mode"] == "hard"


def test_the_cache_folder_is_the_platforms_unless_it_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv("RLVISION_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert downloads.cache_folder().is_relative_to(tmp_path)
    monkeypatch.setenv("RLVISION_CACHE", str(tmp_path / "own"))
    assert downloads.cache_folder() == tmp_path / "own"
