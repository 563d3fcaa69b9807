"""Fixtures for all tests: built once, and not to be changed by any."""

import os

import numpy as np
import pytest
import toy

os.environ.setdefault("TQDM_DISABLE", "1")


@pytest.fixture(scope="session")
def study():
    """A small study of a made-up agent; its arrays refuse to be written to."""
    tree = toy.toy_study()
    for node in tree.subtree:
        for variable in node.variables.values():
            if isinstance(variable.values, np.ndarray):
                variable.values.flags.writeable = False
    return tree
