"""Runs in the notebook's kernel: a connection that computes slowly and without an agent."""

import time

import toy
import xarray as xr


class SlowConnection:
    """Fills in the made-up attribution, a chunk in `pause` seconds."""

    layers = (
        {"name": "2a", "channels": 8, "height": 32, "width": 32},
        {"name": "2b", "channels": 8, "height": 32, "width": 32},
    )
    outputs = ("value", "RIGHT")

    def __init__(self, study, pause=0.3):
        self.study = study
        self.pause = pause
        self.finished = toy.toy_study()

    def attribute(self, selection, *, progress=None, cancelled=None):
        node = self._node(selection.layer, selection.output)
        until = time.monotonic() + self.pause
        while (left := until - time.monotonic()) > 0:
            if cancelled():
                return
            progress("attribution", int(100 * (1 - left / self.pause)), 100)
            time.sleep(0.02)
        node["completeness_error"].values[selection.trajectory, selection.steps] = 0.01

    def _node(self, layer, output):
        if layer not in self.study["layers"].children:
            found = self.finished["layers/2b"]
            for path, node in (("", found), ("/examples", found["examples"])):
                self.study[f"layers/{layer}{path}"] = xr.DataTree(node.to_dataset())
            self.study[f"layers/{layer}/outputs"] = xr.DataTree()
        outputs = self.study[f"layers/{layer}/outputs"]
        if output not in outputs.children:
            empty = self.finished["layers/2b/outputs/value"].to_dataset().copy(deep=True)
            toy.forget(empty)
            outputs[output] = xr.DataTree(empty)
        return outputs[output]
