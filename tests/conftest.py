"""Fixtures for all tests: built once, and not to be changed by any."""

import os
import subprocess
import sys

os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # small networks on busy machines lose more by threads than they gain

import numpy as np
import pytest
import toy


def frozen(tree):
    """Return a study whose arrays refuse to be written to."""
    for node in tree.subtree:
        for variable in node.variables.values():
            if isinstance(variable.values, np.ndarray):
                variable.values.flags.writeable = False
    return tree


@pytest.fixture(scope="session")
def study():
    """A small study of a made-up agent; read-only."""
    return frozen(toy.toy_study())


@pytest.fixture(scope="session")
def agent():
    """A small network with random weights that plays `toy.ToyEnvironment`."""
    return toy.toy_agent()


@pytest.fixture(scope="session")
def built(agent):
    """What `build_study` makes of the toy agent in the toy world; read-only."""
    return frozen(toy.built_study(agent))


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The folder in which `rlvision demo` has run, in a process of its own: small, or as it is for new pictures."""
    folder = tmp_path_factory.mktemp("demo")
    small = [] if os.environ.get("RLVISION_PICTURES") else ["--trajectories", "2", "--steps", "96"]
    command = [sys.executable, "-m", "rlvision_widgets.cli", "demo", "--no-lab", *small]
    own = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}  # a real network
    subprocess.run(command, cwd=folder, env=own, check=True)
    return folder
