/** Outputs put together from actions, under the names that Python's `schema.Output.parse` gives them. */

export type Kind = "value" | "logit" | "centred" | "log_prob" | "difference" | "sum";

export interface KindOfOutput {
  value: Kind;
  text: string;
  note: string;
  /** The most actions that it takes. */
  actions: number;
}

export const KINDS: readonly KindOfOutput[] = [
  { value: "value", text: "value", note: "expected discounted reward", actions: 0 },
  {
    value: "centred",
    text: "centred logit (recommended)",
    note: "an action's logit minus the mean of all: what sets it apart",
    actions: 1,
  },
  {
    value: "logit",
    text: "logit",
    note: "raw: a constant added to all logits changes it, but not what the agent does",
    actions: 1,
  },
  { value: "log_prob", text: "log-probability", note: "flat where the agent is certain", actions: 1 },
  { value: "difference", text: "contrast", note: "why this action and not that one", actions: 2 },
  {
    value: "sum",
    text: "sum",
    note: "of the logits of a group of actions",
    actions: Number.POSITIVE_INFINITY,
  },
];

/** The canonical name, or null while actions are missing. A sum's actions stand in the policy's order. */
export function composed(kind: Kind, picked: readonly string[], actions: readonly string[]): string | null {
  const known = picked.filter((name, index) => actions.includes(name) && picked.indexOf(name) === index);
  const [first, second] = known;
  if (kind === "value") return "value";
  if (kind === "sum")
    return known.length < 2 ? null : `sum:${actions.filter((name) => known.includes(name)).join()}`;
  if (first === undefined) return null;
  if (kind === "difference") return second === undefined ? null : `difference:${first},${second}`;
  return kind === "logit" ? first : `${kind}:${first}`;
}

/** The kind and the actions of a canonical name. */
export function parts(output: string): { kind: Kind; picked: string[] } {
  const colon = output.indexOf(":");
  if (output === "value") return { kind: "value", picked: [] };
  if (colon < 0) return { kind: "logit", picked: [output] };
  return { kind: output.slice(0, colon) as Kind, picked: output.slice(colon + 1).split(",") };
}

/** Groups of two or more actions by the direction that they hold, as the article had them; the last is the rest. */
export function groupsOf(actions: readonly string[]): { name: string; members: string[] }[] {
  const holds = (action: string, direction: string) => action.split("+").includes(direction);
  const directions = ["RIGHT", "LEFT", "UP", "DOWN"];
  const groups = directions.map((name) => ({
    name,
    members: actions.filter((action) => holds(action, name)),
  }));
  const rest = actions.filter((action) => !directions.some((direction) => holds(action, direction)));
  return [...groups, { name: "none of these", members: rest }].filter(({ members }) => members.length > 1);
}
