/** Elements in one line each. Text always goes in as text, never as markup. */

type Attributes = Record<string, string | number | boolean | undefined>;

const FOCUSABLE = new Set(["button", "input", "select"]);

function apply(element: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : String(value));
}

/** An element with attributes and children. Focusable ones keep JupyterLab's shortcuts away from their keys. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  apply(element, attributes);
  // On the element itself: on an ancestor the attribute has no effect.
  if (FOCUSABLE.has(tag) || "tabindex" in attributes)
    element.setAttribute("data-lm-suppress-shortcuts", "true");
  if (tag === "button") element.setAttribute("type", "button");
  element.append(...children);
  return element;
}

/** A 16 × 16 icon drawn by one path. */
export function icon(path: string, rotate = 0): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  apply(svg, { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" });
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  apply(shape, { d: path, fill: "currentColor", transform: rotate ? `rotate(${rotate} 8 8)` : undefined });
  svg.append(shape);
  return svg;
}

/** Sets the text if it differs: an unchanged text costs no layout. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets, or with `false` removes, an attribute if it differs. */
export function setAttribute(element: Element, name: string, value: string | number | boolean): void {
  if (value === false) element.removeAttribute(name);
  else {
    const text = value === true ? "" : String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/** The drawing context of a canvas; every browser that runs this has one. */
export function context2d(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser gives no 2D canvas: the view cannot draw");
  return context;
}
