/** Several arrays as one, in their order. */
export function flat<T extends Uint8Array | Int8Array | Int32Array | Float32Array>(
  make: (length: number) => T,
  parts: T[],
): T {
  const all = make(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part as never, offset);
    offset += part.length;
  }
  return all;
}
