/** Throws `message` unless `condition` holds, and tells the compiler so. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(message);
}
