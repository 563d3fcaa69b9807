/** What a view shows, as short text that restores it: the part of a page's address after #, or Python's `state`. */

type Traits = Record<string, unknown>;

/** Where a fresh view stands, but for what depends on the study; a test in Python keeps it equal to the traits' own. */
export const DEFAULTS: Traits = {
  feature: null,
  direction: 1,
  fps: 12,
  loop: true,
  overlay: true,
  combine: false,
  show_residual: false,
  more_outputs: [],
  mode: "attribution",
  scale: "study",
  look: "standard",
  centred: false,
  view_range: [],
  selected_range: [],
  opened: null,
  cell: [],
  story: "",
  note: null,
  objects: "off",
  branch: "",
  branch_member: 0,
  editing: false,
  edits: [],
};

/** Traits that say where the pointer is, or what there is, rather than what is shown. */
const PASSING = ["hovered", "playing", "cursor_x", "num_steps", "num_trajectories", "can_compute"].concat(
  ["history", "undone"], // where the list of edits came from, and could go to again
);

const isShown = (name: string) => !name.startsWith("_") && !PASSING.includes(name);

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/** The traits that Python's `restore` takes, as JSON. */
export function stateText(read: (name: string) => unknown): string {
  const state: Traits = {};
  for (const name of ["trajectory", "step", "layer", "output"]) state[name] = read(name);
  for (const [name, usual] of Object.entries(DEFAULTS)) {
    const value = read(name);
    if (value !== undefined && !same(value, usual)) state[name] = value;
  }
  return JSON.stringify(state);
}

/** What differs from `initial`, as "trajectory=2&step=318"; empty when nothing does. */
export function toAddress(read: (name: string) => unknown, initial: Traits): string {
  const parts = new URLSearchParams();
  for (const [name, first] of Object.entries(initial)) {
    const value = read(name);
    if (!isShown(name) || same(value, first)) continue;
    parts.set(name, typeof first === "string" ? String(value) : JSON.stringify(value));
  }
  return parts.toString();
}

/** The traits that an address names; what it does not name is as in `initial`, and so is what does not fit. */
export function fromAddress(address: string, initial: Traits): Traits {
  const parts = new URLSearchParams(address.replace(/^#/, ""));
  const state: Traits = {};
  for (const [name, first] of Object.entries(initial)) {
    if (!isShown(name)) continue;
    const text = parts.get(name);
    const value = text === null ? undefined : typeof first === "string" ? text : parsed(text);
    state[name] = value !== undefined && fits(value, first, name, initial) ? value : first;
  }
  return state;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

interface Named {
  name: string;
}

/** Whether a trait can have a value: one of the study's names, or of the kind that it began with. */
function fits(value: unknown, first: unknown, name: string, { _study }: Traits): boolean {
  type Listed = "layers" | "outputs" | "stories" | "branches";
  const study = _study as Partial<Record<Listed, Named[]>> | undefined;
  const among = (list: Named[] | undefined) => !list || list.some((one) => one.name === value);
  if (name === "layer") return among(study?.layers);
  if (name === "output") return among(study?.outputs);
  if (name === "story") return value === "" || among(study?.stories);
  if (name === "branch") return value === "" || among(study?.branches ?? []);
  if (name === "edits") return Array.isArray(value) && value.every((edit) => typeof edit?.kind === "string");
  if (Array.isArray(first)) return Array.isArray(value);
  if (typeof first === "number" || first === null)
    return value === null ? first === null : typeof value === "number" && Number.isFinite(value);
  return typeof value === typeof first;
}
