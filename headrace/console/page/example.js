// A request that a signature takes, made from the dtypes and shapes of its inputs.
import { indented } from "./jsontext.js";

const VALUES = [[/^(float|bfloat|double|half)/, "0.5"], [/^u?int/, "0"], [/^bool/, "false"], [/^string/, '"text"']];
export const LARGE = 20000;

function valueOf(dtype) {
  const found = VALUES.find(([pattern]) => pattern.test(dtype));
  return found ? found[1] : null;
}

// The shape with 1 for what may vary. Where the rank may vary, one dimension.
function sizes(shape) {
  return (shape || [1]).map((size) => (size < 0 ? 1 : size));
}

function nested(shape, value) {
  return shape.reduceRight((inner, size) => `[${new Array(size).fill(inner).join(",")}]`, value);
}

export function elements(inputs) {
  return Object.values(inputs).reduce((sum, { shape }) => sum + sizes(shape).reduce((a, b) => a * b, 1), 0);
}

// The names of inputs that JSON has no form for.
export function unsuited(inputs) {
  return Object.keys(inputs).filter((name) => valueOf(inputs[name].dtype) === null);
}

// True when a request can be a list of rows: each input and each output has a first dimension that may vary.
export function hasRows({ inputs, outputs }) {
  const shapes = [...Object.values(inputs), ...Object.values(outputs)].map(({ shape }) => shape);
  return shapes.length > 0 && shapes.every((shape) => shape === null || (shape.length > 0 && shape[0] < 0));
}

// The text of a request. `rows` gives it as `instances`, else each input is a whole.
export function example(signature, inputs, rows) {
  const parts = Object.entries(inputs).map(([name, { dtype, shape }]) => {
    const found = sizes(shape);
    return [JSON.stringify(name), nested(rows ? found.slice(1) : found, valueOf(dtype))];
  });
  const object = `{${parts.map(([name, value]) => `${name}:${value}`).join(",")}}`;
  const body = !rows ? `"inputs":${object}` : `"instances":[${parts.length === 1 ? parts[0][1] : object}]`;
  return indented(`{"signature_name":${JSON.stringify(signature)},${body}}`);
}

export function shapeText(shape) {
  return shape === null ? "any shape" : `[${shape.map((size) => (size < 0 ? "?" : size)).join(", ")}]`;
}
