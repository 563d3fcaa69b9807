import { describe, expect, test } from "vitest";
import {
  type Data,
  type Dtype,
  decode,
  type Encoding,
  inOrder,
  take,
  type WireArray,
} from "../core/arrays.ts";

const spec = (dtype: Dtype, length: number, encoding: Encoding = "raw"): WireArray => ({
  name: "a",
  dtype,
  shape: [length],
  dims: ["step"],
  encoding,
});

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const bytesOf = (data: Data): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

async function pack(bytes: Uint8Array, encoding: Encoding): Promise<Uint8Array> {
  if (encoding === "raw") return bytes;
  const format = encoding === "zlib" ? "deflate" : "gzip";
  const stream = new Blob([new Uint8Array(bytes)]).stream().pipeThrough(new CompressionStream(format));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const CASES: [Dtype, Data][] = [
  ["uint8", Uint8Array.of(0, 1, 255)],
  ["bool", Uint8Array.of(0, 1, 1)],
  ["int8", Int8Array.of(-127, 0, 127)],
  ["int32", Int32Array.of(-2147483648, 7, 2147483647)],
  ["float32", Float32Array.of(-0.5, Number.NaN, 1e30)],
];

describe("decode", () => {
  for (const [dtype, data] of CASES)
    for (const encoding of ["raw", "zlib", "gzip"] as const)
      test(`${dtype} comes back from ${encoding}`, async () => {
        const array = await decode(spec(dtype, 3, encoding), view(await pack(bytesOf(data), encoding)));
        expect(array.data).toEqual(data);
        expect(array.data.constructor).toBe(data.constructor);
      });

  test("items that start at an odd address are read all the same", async () => {
    const padded = new Uint8Array(13);
    padded.set(bytesOf(Float32Array.of(1, 2, 3)), 1);
    const array = await decode(spec("float32", 3), new DataView(padded.buffer, 1, 12));
    expect([...array.data]).toEqual([1, 2, 3]);
  });

  test("a wrong number of bytes is refused, saying what was expected and what came", async () => {
    await expect(decode(spec("int32", 3), view(new Uint8Array(8)))).rejects.toThrow("12 bytes expected");
  });

  test("an unknown dtype is refused by name", async () => {
    await expect(decode(spec("float64" as Dtype, 1), view(new Uint8Array(8)))).rejects.toThrow("float64");
  });
});

describe("axes go by name", () => {
  const planar = {
    dims: ["feature", "step", "x"],
    shape: [2, 3, 4],
    data: Int8Array.from({ length: 24 }, (_, i) => i),
  };
  const at = (feature: number, step: number, x: number) => (feature * 3 + step) * 4 + x;

  test("inOrder moves every item to its place", () => {
    const { data, shape } = inOrder(planar, ["step", "x", "feature"]);
    expect(shape).toEqual([3, 4, 2]);
    for (let step = 0; step < 3; step++)
      for (let x = 0; x < 4; x++)
        for (let feature = 0; feature < 2; feature++)
          expect(data[(step * 4 + x) * 2 + feature]).toBe(at(feature, step, x));
  });

  test("inOrder returns the array itself when nothing has to move", () => {
    expect(inOrder(planar, planar.dims)).toBe(planar);
  });

  test("take equals the same part of the ordered array, for every order", () => {
    const orders = [
      ["step", "x", "feature"],
      ["step", "feature", "x"],
      ["feature", "step", "x"],
      ["x", "step", "feature"],
    ];
    for (const dims of orders) {
      const whole = inOrder(planar, dims);
      const count = whole.shape[0] ?? 0;
      for (let index = 0; index < count; index++)
        expect(take(planar, dims, index)).toEqual(
          whole.data.slice((index * 24) / count, ((index + 1) * 24) / count),
        );
      expect(take(planar, dims, count)).toBeNull();
    }
  });

  test("a missing axis is named", () => {
    expect(() => inOrder(planar, ["step", "x", "channel"])).toThrow("step,x,channel");
  });
});
