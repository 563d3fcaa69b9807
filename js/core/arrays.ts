/** Labelled arrays as they travel from Python: dtype, shape, dimension names and bytes. */
import { assert } from "./assert.ts";

export type Dtype = "uint8" | "int8" | "int32" | "float32" | "bool";
export type Encoding = "raw" | "zlib" | "gzip";
export type Data = Uint8Array | Int8Array | Int32Array | Float32Array;

/** The description that precedes each buffer of a reply. */
export interface WireArray {
  name: string;
  dtype: Dtype;
  shape: number[];
  dims: string[];
  encoding: Encoding;
}

export interface LabelledArray {
  dims: readonly string[];
  shape: readonly number[];
  data: Data;
}

const ITEM_BYTES: Record<Dtype, number> = { uint8: 1, int8: 1, int32: 4, float32: 4, bool: 1 };
const STREAMS: Record<Exclude<Encoding, "raw">, CompressionFormat> = { zlib: "deflate", gzip: "gzip" };

const product = (sizes: readonly number[]): number => sizes.reduce((total, size) => total * size, 1);

async function inflate(bytes: Uint8Array<ArrayBuffer>, format: CompressionFormat): Promise<ArrayBuffer> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(format));
  return new Response(stream).arrayBuffer();
}

function typed(dtype: Dtype, buffer: ArrayBuffer): Data {
  switch (dtype) {
    case "int8":
      return new Int8Array(buffer);
    case "int32":
      return new Int32Array(buffer);
    case "float32":
      return new Float32Array(buffer);
    default:
      return new Uint8Array(buffer);
  }
}

/** The array that `spec` describes, from the (perhaps compressed) bytes in `view`. */
export async function decode(spec: WireArray, view: DataView): Promise<LabelledArray> {
  assert(spec.dtype in ITEM_BYTES, `array ${spec.name}: the view cannot read dtype ${spec.dtype}`);
  assert(spec.dims.length === spec.shape.length, `array ${spec.name}: one name for every axis is needed`);
  // A copy: it aligns four-byte items, and the message's own buffer may be reused.
  const bytes = new Uint8Array(view.byteLength);
  bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  const buffer = spec.encoding === "raw" ? bytes.buffer : await inflate(bytes, STREAMS[spec.encoding]);
  const expected = product(spec.shape) * ITEM_BYTES[spec.dtype];
  assert(
    buffer.byteLength === expected,
    `array ${spec.name}: ${expected} bytes expected for shape (${spec.shape}), ${buffer.byteLength} came`,
  );
  return { dims: spec.dims, shape: spec.shape, data: typed(spec.dtype, buffer) };
}

/** Length of the axis called `dim`. */
export function size(array: LabelledArray, dim: string): number {
  const length = array.shape[array.dims.indexOf(dim)];
  assert(length !== undefined, `axis ${dim} expected, the array has (${array.dims.join(", ")})`);
  return length;
}

const sameOrder = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((dim, axis) => dim === b[axis]);

/** Copies `source`, read from `start` with `strides`, into `target` of the given shape. */
function gather(source: Data, start: number, shape: number[], strides: number[], target: Data): void {
  const inner = shape.length - 1;
  const length = shape[inner] ?? 1;
  const stride = strides[inner] ?? 1;
  const index = new Array<number>(Math.max(0, inner)).fill(0);
  let row = start;
  for (let to = 0; to < target.length; to += length) {
    for (let item = 0; item < length; item++) target[to + item] = source[row + item * stride] ?? 0;
    for (let axis = inner - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      row += strides[axis] ?? 0;
      index[axis] = next;
      if (next < (shape[axis] ?? 0)) break;
      row -= next * (strides[axis] ?? 0);
      index[axis] = 0;
    }
  }
}

function layout(array: LabelledArray, dims: readonly string[]): { shape: number[]; strides: number[] } {
  const known = dims.length === array.dims.length && dims.every((dim) => array.dims.includes(dim));
  assert(known, `axes (${dims}) expected, the array has (${array.dims})`);
  return {
    shape: dims.map((dim) => size(array, dim)),
    strides: dims.map((dim) => product(array.shape.slice(array.dims.indexOf(dim) + 1))),
  };
}

/** The same array with its axes in the order of `dims`; itself when they already are. */
export function inOrder(array: LabelledArray, dims: readonly string[]): LabelledArray {
  if (sameOrder(array.dims, dims)) return array;
  const { shape, strides } = layout(array, dims);
  const data = array.data.slice();
  gather(array.data, 0, shape, strides, data);
  return { dims: [...dims], shape, data };
}

/** Item `index` along the first of `dims`, the rest in their order: one frame of a chunk, without copying others. */
export function take(array: LabelledArray, dims: readonly string[], index: number): Data | null {
  const { shape, strides } = layout(array, dims);
  const [count = 0, ...rest] = shape;
  if (index < 0 || index >= count) return null;
  const length = product(rest);
  if (sameOrder(array.dims, dims)) return array.data.subarray(index * length, (index + 1) * length);
  const data = array.data.slice(0, length);
  gather(array.data, index * (strides[0] ?? 0), rest, strides.slice(1), data);
  return data;
}
