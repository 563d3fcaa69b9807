/** Playing by hand: which of the agent's actions the keys that are held down make. */

const DIRECTIONS: Record<string, string> = {
  ArrowLeft: "LEFT",
  ArrowRight: "RIGHT",
  ArrowUp: "UP",
  ArrowDown: "DOWN",
};

/** Keys that are buttons of their own in Procgen. */
const BUTTONS = "dawsqe";

/** Whether the key does something while playing. */
export const isPlayed = (key: string): boolean =>
  key in DIRECTIONS || key === " " || (key.length === 1 && BUTTONS.includes(key.toLowerCase()));

/** The number of the action, or null where the agent has none such; two opposite directions are none. */
export function actionOf(held: ReadonlySet<string>, names: readonly string[]): number | null {
  const find = (name: string) => {
    const index = names.indexOf(name);
    return index < 0 ? null : index;
  };
  const button = [...held].find((key) => key.length === 1 && BUTTONS.includes(key.toLowerCase()));
  if (button) return find(button.toUpperCase());
  const down = (name: string) => [...held].some((key) => DIRECTIONS[key] === name);
  const across = pick(down("LEFT"), "LEFT", down("RIGHT"), "RIGHT");
  const along = pick(down("UP"), "UP", down("DOWN"), "DOWN");
  if (across === "" && along === "") return find("NOOP");
  if (across === "" || along === "") return find(across || along);
  return find(`${across}+${along}`) ?? find(across);
}

const pick = (a: boolean, first: string, b: boolean, second: string): string => {
  if (a === b) return "";
  return a ? first : second;
};

export interface Run {
  action: number;
  count: number;
}

/** The list of actions with repetitions counted: "→ ×12 ↗ ×3" is easier to read than fifteen arrows. */
export function runs(actions: readonly number[]): Run[] {
  const list: Run[] = [];
  for (const action of actions) {
    const last = list.at(-1);
    if (last?.action === action) last.count++;
    else list.push({ action, count: 1 });
  }
  return list;
}
