/** Small numerics and the one way numbers are written in the views. */

/** Probabilities of `logits`; safe for any finite size. */
export function softmax(logits: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(logits);
  const peak = values.reduce((best, value) => Math.max(best, value), Number.NEGATIVE_INFINITY);
  const weights = values.map((value) => Math.exp(value - peak));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** Entropy of probabilities, in nats: 0 when one is certain. */
export const entropy = (chances: Float64Array): number =>
  chances.reduce((sum, chance) => (chance > 0 ? sum - chance * Math.log(chance) : sum), 0);

/** `value` with a fixed number of decimals and a true minus sign; an en dash when it is not a number. */
export function fixed(value: number | null | undefined, decimals: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const text = Math.abs(value).toFixed(decimals);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** As `fixed`, with a plus sign before positive numbers. */
export function signed(value: number | null | undefined, decimals: number): string {
  const text = fixed(value, decimals);
  return value && value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** `value` as a share of one success, where that is known: " (87 %)". */
export function share(value: number, scale: number | null, plus = false): string {
  if (!scale || !Number.isFinite(value)) return "";
  const percent = (100 * value) / scale;
  return ` (${plus ? signed(percent, 0) : fixed(percent, 0)} %)`;
}

/** Decimals that give about three significant figures to numbers as large as `scale`. */
export function decimalsFor(scale: number): number {
  if (!(scale > 0)) return 2;
  return Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(scale))));
}

/** A probability without its leading zero: ".61", "1.0", and "" when it rounds to nothing. */
export function probability(value: number): string {
  const text = value.toFixed(2);
  if (text === "0.00") return "";
  return value >= 0.995 ? "1.0" : text.slice(1);
}

/** As it stands at the start of a sentence. */
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** An integer with thin spaces between thousands. */
export const thousands = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, "\u2009");

/** A step size of 1, 2 or 5 times a power of ten, no smaller than `rough`. */
export function niceStep(rough: number): number {
  if (!(rough > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough * (1 - 1e-9)) ?? 10;
  return factor * power;
}
