"""A made-up edit card: two edits, an invisible object, controls; every number is its own, so that none is mistaken."""

import json

import numpy as np
import xarray as xr

CAUSES = ["saw", "enemy", "out of time", "multiple", "any failure"]
CONDITIONS = ["original", "saw-blind", "enemy-blind", "no saws seen"]
KINDS = ["original", "edit", "edit", "world"]
TARGETS = ["", "saw", "enemy", "saw"]
EDITS = CONDITIONS[1:3]
LEVELS = 5_000
COUNTS = np.array([[18, 8, 6, 4, 36], [638, 9, 7, 3, 657], [17, 235, 21, 3, 276], [1610, 3, 2, 3, 1618]])
EDIT = {"kind": "ablate", "layer": "2b", "direction": [0.0, 1.0], "strength": 1.0, "where": "next_kernel"}


def card_tree(**attrs):
    """Return a whole card."""
    nodes = {
        "/": xr.Dataset(attrs={**_attrs(), **attrs}),
        "/causes": _causes(),
        "/ceiling": _ceiling(),
        "/null": _null(),
        "/dose": _dose(),
        "/internals": _internals(),
        "/probes": _probes(),
    }
    return xr.DataTree.from_dict(nodes)


def without(tree, *names, why="it was not asked for"):
    """Return a card in which some parts are missing, and why."""
    kept = {node.path: node.to_dataset() for node in tree.subtree if node.path.split("/")[1] not in names}
    missing = {**json.loads(tree.attrs["missing"]), **dict.fromkeys(names, why)}
    kept["/"] = kept["/"].assign_attrs(missing=json.dumps(missing))
    return xr.DataTree.from_dict(kept)


def _attrs():
    return {
        "kind": "edit card",
        "agent": "coinrun",
        "checkpoint": "3f" * 32,
        "environment": "coinrun",
        "environment_options": json.dumps({"distribution_mode": "hard"}),
        "environment_package": "procgen-mirror 0.10.7",
        "package_version": "0.1.0",
        "seed": 7,
        "num_levels": LEVELS,
        "precision": "float32",
        "edits": json.dumps({name: [EDIT] for name in EDITS}),
        "edit_texts": json.dumps({name: [f"{name}: feature 3 of 2b removed from the next kernel"] for name in EDITS}),
        "world": json.dumps({"no saws seen": [{"kind": "hide", "object": "saw"}]}),
        "targets": json.dumps({"saw-blind": "saw", "enemy-blind": "enemy", "no saws seen": "saw"}),
        "margin": 0.005,
        "confidence": 0.95,
        "power": 0.8,
        "alpha": 0.05,
        "cause_rule": "What the agent touched when it died; a level that is not done after 1,000 steps: out of time.",
        "holm_family": 15,
        "findings": ["saw-blind: failed from saw in 12.8 % of 5,000 levels.", "enemy-blind: 4.7 %."],
        "selection": "Feature and strength were chosen on levels 1 to 64 of seed 1.",
        "command": "rlvision evaluate coinrun --levels 5000 --seed 7",
        "missing": "{}",
    }


def _causes():
    n, table = LEVELS, ("condition", "cause")
    rate = COUNTS / n
    spread = 1.96 * np.sqrt(rate * (1 - rate) / n + 1 / n**2)
    c = np.where(COUNTS[:1] < COUNTS, 2, 5)
    c[0] = 0
    b = np.maximum(0, COUNTS - COUNTS[:1] + c)
    b[0] = 0
    c = b - (COUNTS - COUNTS[:1])
    difference = (b - c) / n
    width = 1.96 * np.sqrt(b + c + 1) / n
    p = np.exp(-((b - c) ** 2) / (2 * (b + c + 1)))
    nothing = np.where(np.arange(4)[:, None] == 0, np.nan, 1.0)
    role = np.full((4, 5), "other", dtype="<U6")
    role[:, -1] = "total"
    for row, target in enumerate(TARGETS):
        if target:
            role[row, CAUSES.index(target)] = "target"
    ends = {"low": difference - width, "high": difference + width}
    inner = {"low": difference - 0.84 * width, "high": difference + 0.84 * width}
    return xr.Dataset(
        {
            "role": (table, role),
            "count": (table, COUNTS),
            "rate": (table, rate),
            "rate_low": (table, np.maximum(0, rate - spread)),
            "rate_high": (table, rate + spread),
            "b": (table, b),
            "c": (table, c),
            "p": (table, p * nothing),
            "p_holm": (table, np.minimum(1, 15 * p) * nothing),
            "difference": (table, difference),
            **{f"difference_{end}": (table, value * nothing) for end, value in ends.items()},
            **{f"newcombe_{end}": (table, 1.01 * value * nothing) for end, value in ends.items()},
            "p_equivalent": (table, np.where(np.abs(difference) < 0.002, 0.003, 0.4) * nothing),
            "equivalent": (table, (np.abs(difference) < 0.002) & (np.arange(4)[:, None] > 0)),
            **{f"equivalence_{end}": (table, value * nothing) for end, value in inner.items()},
            "mde": (table, (0.0021 + rate[:1] / 10) * nothing),
            "mde_paired": (table, (0.0011 + rate[:1] / 10) * nothing),
        },
        coords={
            "condition": CONDITIONS,
            "cause": CAUSES,
            "kind": ("condition", KINDS),
            "target": ("condition", TARGETS),
        },
        attrs={"num_levels": n, "margin": 0.005, "confidence": 0.95, "alpha": 0.05, "power": 0.8},
    )


def _ceiling():
    return xr.Dataset(
        {
            "rate_original": ("edit", [0.0036]),
            "rate_edited": ("edit", [0.1276]),
            "rate_ceiling": ("edit", [0.3220]),
            "blindness": ("edit", [0.3895]),
            "blindness_low": ("edit", [0.3671]),
            "blindness_high": ("edit", [0.4127]),
        },
        coords={"edit": EDITS[:1], "target": ("edit", ["saw"]), "ceiling": ("edit", ["no saws seen"])},
        attrs={"num_resamples": 10_000, "num_levels": LEVELS},
    )


def _null():
    rng, each, n = np.random.default_rng(3), 20, 500
    kinds = [kind for kind in ("channel", "direction") for _ in range(2 * each)]
    of = [edit for _ in range(2) for edit in EDITS for _ in range(each)]
    size = len(kinds)
    b, c = rng.integers(0, 4, (2, size, len(CAUSES)))
    edit_difference = np.array([[0.124, 0.002, 0.0, -0.002, 0.13], [0.0, 0.046, 0.004, 0.0, 0.05]])
    difference = (b - c) / n
    percentile, p_null = np.empty((2, 2, len(CAUSES))), np.empty((2, 2, len(CAUSES)))
    for one, edit in enumerate(EDITS):
        for other, kind in enumerate(("channel", "direction")):
            mine = difference[(np.array(kinds) == kind) & (np.array(of) == edit)]
            percentile[one, other] = 100 * (mine < edit_difference[one]).mean(axis=0)
            p_null[one, other] = (1 + (mine >= edit_difference[one]).sum(axis=0)) / (1 + each)
    of_null = ("null", "cause")
    return xr.Dataset(
        {
            "count": (of_null, 2 + b),
            "rate": (of_null, (2 + b) / n),
            "b": (of_null, b),
            "c": (of_null, c),
            "p": (of_null, np.ones(b.shape)),
            "difference": (of_null, difference),
            "edit_difference": (("edit", "cause"), edit_difference),
            "percentile": (("edit", "null_kind", "cause"), percentile),
            "p_null": (("edit", "null_kind", "cause"), p_null),
        },
        coords={
            "null": [f"{edit} / {kind} {k % each}" for k, (kind, edit) in enumerate(zip(kinds, of, strict=True))],
            "kind": ("null", kinds),
            "null_of": ("null", of),
            "norm": ("null", rng.uniform(0.9, 1.1, size)),
            "norm_ratio": ("null", rng.uniform(0.9, 1.1, size)),
            "cosine": ("null", rng.uniform(-0.3, 0.3, size)),
            "cause": CAUSES,
            "edit": EDITS,
            "null_kind": ["channel", "direction"],
        },
        attrs={"num_levels": n},
    )


def _dose():
    n, strengths = 500, np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    shape = (len(EDITS), len(strengths), len(CAUSES))
    counts = np.full(shape, 1)
    counts[0, :, 0], counts[1, :, 1] = [2, 4, 15, 34, 63], [1, 3, 9, 7, 24]
    counts[..., -1] = counts[..., :-1].sum(axis=-1)
    rate, table = counts / n, ("edit", "strength", "cause")
    b = counts - counts[:, :1]
    return xr.Dataset(
        {
            "count": (table, counts),
            "rate": (table, rate),
            "rate_low": (table, np.maximum(0, rate - 0.01)),
            "rate_high": (table, rate + 0.01),
            "b": (table, np.maximum(b, 0)),
            "c": (table, np.maximum(-b, 0)),
            "p": (table, np.full(shape, 0.5)),
            "difference": (table, b / n),
            "difference_low": (table, b / n - 0.01),
            "difference_high": (table, b / n + 0.01),
            "monotone": (("edit", "cause"), (np.diff(counts, axis=1) >= 0).all(axis=1)),
            "largest_drop": (("edit", "cause"), -np.minimum(0, np.diff(rate, axis=1)).min(axis=1)),
            "sham_identical": ("edit", [True, True]),
        },
        coords={"edit": EDITS, "strength": strengths, "cause": CAUSES},
        attrs={"num_levels": n},
    )


def _with_ends(name, dims, values, width):
    values = np.asarray(values)
    return {
        name: (dims, values),
        f"{name}_low": (dims, values - width * np.abs(values)),
        f"{name}_high": (dims, values + width * np.abs(values)),
    }


def _internals():
    dims = ("edit", "presence")
    return xr.Dataset(
        {
            **_with_ends("kl", dims, [[0.0665, 0.0029], [0.142, 0.0045]], 0.3),
            **_with_ends("value_change", dims, [[-0.31, -0.02], [0.42, 0.03]], 0.4),
            **_with_ends("abs_value_change", dims, [[0.37, 0.05], [0.51, 0.06]], 0.2),
            **_with_ends("action_change", dims, [[0.18, 0.011], [0.22, 0.013]], 0.25),
            **_with_ends("kl_specificity", ("edit",), [22.9, 31.5], 0.5),
            **_with_ends("value_specificity", ("edit",), [7.4, 8.5], 0.5),
            "num_frames": (dims, [[256, 255], [254, 253]]),
            "num_episodes": (dims, [[61, 90], [57, 88]]),
        },
        coords={"edit": EDITS, "presence": ["with", "without"]},
        attrs={"num_resamples": 2000, "confidence": 0.95},
    )


def _probes():
    dims = ("edit", "layer", "classifier", "version")
    auroc = np.array(
        [
            [[[0.961, 0.961], [0.972, 0.972]], [[0.962, 0.713], [0.973, 0.884]], [[0.941, 0.802], [0.955, 0.874]]],
            [[[0.951, 0.951], [0.963, 0.963]], [[0.952, 0.651], [0.964, 0.792]], [[0.912, 0.703], [0.931, 0.812]]],
        ]
    )
    return xr.Dataset(
        {
            **_with_ends("auroc", dims, auroc, 0.02),
            "positives": (("edit", "layer"), [[812, 813, 640], [512, 513, 440]]),
            "num_levels": ("edit", [120, 121]),
            "num_frames": ("edit", [2048, 2047]),
        },
        coords={
            "edit": EDITS,
            "layer": ["2b", "2b → 3a", "3a"],
            "classifier": ["linear", "mlp"],
            "version": ["original", "edited"],
        },
        attrs={"chance": 0.5, "confidence": 0.95},
    )
