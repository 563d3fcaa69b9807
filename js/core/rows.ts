/** The outputs that rows of panels explain: the first is the trait `output`, further ones are `more_outputs`. */

/** More rows than this would ask for more attribution than the store of chunks holds. */
export const MAX_ROWS = 6;

/** A further row that explains what the last one does. */
export function withRow(outputs: readonly string[]): string[] {
  const last = outputs.at(-1);
  return last === undefined || outputs.length >= MAX_ROWS ? [...outputs] : [...outputs, last];
}

/** Without row `index`; the only row stays. */
export function withoutRow(outputs: readonly string[], index: number): string[] {
  return outputs.length < 2 ? [...outputs] : outputs.filter((_, row) => row !== index);
}

/** Row `index` one place up (−1) or down (1), where there is one. */
export function movedRow(outputs: readonly string[], index: number, direction: number): string[] {
  const [from, to] = [outputs[index], outputs[index + direction]];
  if (from === undefined || to === undefined) return [...outputs];
  return outputs.map((output, row) => (row === index ? to : row === index + direction ? from : output));
}

/** With another output in row `index`. */
export function withOutput(outputs: readonly string[], index: number, output: string): string[] {
  return outputs.map((old, row) => (row === index ? output : old));
}
