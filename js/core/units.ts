/** What one of `output` is: the unit of its attribution, too. */
export function outputUnit(output: string): string {
  if (output === "value") return "raw reward";
  return output.startsWith("log_prob:") ? "nats" : "logits";
}
