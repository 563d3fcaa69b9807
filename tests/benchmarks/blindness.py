"""The article's experiment again: `python tests/benchmarks/blindness.py AGENT FOLDER` (see `--help`).

An agent is blinded to the saw, and to the enemy that moves left, by projecting one feature of layer 2b out of the next
kernel, and to the saw by the affine map that takes away what saws add to that layer; every level is played by the
original and by each edited agent with the same luck; the ceiling is a world in which saws cannot be seen. What was
measured is kept in FOLDER, so that an interrupted call goes on.
"""

import argparse
import json
from pathlib import Path

import rlvision_widgets as rlv

LAYER = "2b"
SAW, ENEMY = "saw", "enemy moving left"


def choose(agent, study):
    """Return the edits by name, their targets, and a sentence for each: which feature, by what measure."""
    measured = rlv.object_selectivity(study, LAYER, agent)
    lift = measured["lift"].sel(object_class=[SAW, "enemy", "coin", "lava", "crate", "agent"])
    edits, targets, reasons = {}, {}, []
    for name, target, own in (("saw-blind", SAW, {SAW}), ("left-enemy-blind", ENEMY, {"enemy"})):
        feature = int(measured["best_feature"].sel(object_class=target))
        best = str(lift["object_class"].values[int(lift.isel(feature=feature).argmax())])
        area, times = (float(measured[what].sel(object_class=target)[feature]) for what in ("auroc", "lift"))
        said = f"feature {feature}, {times:.0f} x as active near it as by chance (AUROC {area:.3f})"
        if best in own:
            edits[name], targets[name] = [rlv.Ablate.feature(study, LAYER, feature)], target
            reasons.append(f"{name}: {said}")
        else:
            edits["enemy-erased"], targets["enemy-erased"] = [rlv.erase_concept(agent, study, LAYER, "enemy")], target
            reasons.append(
                f"{target}: no feature of its own; the best is {said}, and more so near a {best}. Instead, enemies are "
                f"erased from {LAYER} by least squares"
            )
    edits["saw-erased"], targets["saw-erased"] = [rlv.erase_object(agent, study, LAYER, SAW, keep=1)], SAW
    reasons.append(f"saw-erased: what saws add to {LAYER}, by least squares on frames drawn with and without them")
    return edits, targets, reasons


def table(card):
    """Print each cause of failure, in percent of the levels, with Wilson's 95 % interval; b and c beside it."""
    causes = card["causes"]
    names = [str(name) for name in causes["cause"].values]
    print(f"\n| % of {card.attrs['num_levels']:,} levels | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}")
    for condition in causes["condition"].values:
        row = causes.sel(condition=condition)
        cells = []
        for name in names:
            rate, low, high = (100 * float(row[what].sel(cause=name)) for what in ("rate", "rate_low", "rate_high"))
            pair = (
                "" if condition == "original" else f"; {int(row['b'].sel(cause=name))}/{int(row['c'].sel(cause=name))}"
            )
            cells.append(f"{rate:.2f} ({low:.2f} – {high:.2f}{pair})")
        print(f"| {condition} | {' | '.join(cells)} |")
    for sentence in card.attrs["findings"]:
        print(f"- {sentence}")


def main():
    """Measure, and print the tables of BENCHMARKS.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("agent", help="coinrun, or ../shared/data/published_coinrun.jd")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--levels", type=int, default=5000)
    parser.add_argument("--doses", type=int, default=500, help="levels for each strength")
    parser.add_argument("--null", type=int, default=500, help="levels for each of 40 controls")
    parser.add_argument("--precision", default="bfloat16")
    options = parser.parse_args()

    agent = rlv.load_agent(options.agent)
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / "study.zarr"
    if not path.exists():
        rlv.save_study(rlv.build_study(agent, num_trajectories=16, num_steps=256), path)
    study = rlv.open_study(path)
    settled = options.folder / "edits.json"  # fitted once: a sum in another order would be another edit
    if not settled.exists():
        edits, targets, reasons = choose(agent, study)
        texts = {name: rlv.network_edits_to_json(given) for name, given in edits.items()}
        settled.write_text(json.dumps({"edits": texts, "targets": targets, "reasons": reasons}, indent=1))
    chosen = json.loads(settled.read_text())
    edits = {name: rlv.network_edits_from(text) for name, text in chosen["edits"].items()}
    targets = chosen["targets"]
    print(*chosen["reasons"], sep="\n", flush=True)
    shared = {"study": study, "levels": options.levels, "precision": options.precision, "path": options.folder}
    card = rlv.measure_edit(agent, edits, target=targets, dose_levels=options.doses, null_levels=0, **shared)
    table(card)
    for name in ("saw-erased", "saw-blind") if options.null else ():  # each has 40 controls of its own norm
        one = {"target": targets[name], "dose_levels": options.doses, "null_levels": options.null}
        card = rlv.measure_edit(agent, {name: edits[name]}, **one, **shared)
        table(card)
        rlv.save_snapshot(card, options.folder / f"{name}.html")


if __name__ == "__main__":
    main()
