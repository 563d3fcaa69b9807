/** The focused element of the document or shadow tree that `element` lives in. */
export function focusedNear(element: Element): Element | null {
  const root = element.getRootNode();
  return root instanceof ShadowRoot || root instanceof Document ? root.activeElement : null;
}
