/** Colours and font for text and lines on canvases, taken from the page's theme and read again when it changes. */

export interface Theme {
  text: string;
  muted: string;
  line: string;
  faint: string;
  accent: string;
  surface: string;
  font: string;
}

export function readTheme(element: Element): Theme {
  const style = getComputedStyle(element);
  const read = (name: string) => style.getPropertyValue(`--rlv-${name}`).trim();
  const probe = document.createElement("span");
  element.append(probe);
  // A variable may hold light-dark(…) or another variable; only a used colour is what a canvas understands.
  const colour = (name: string) => {
    probe.style.color = `var(--rlv-${name})`;
    return getComputedStyle(probe).color;
  };
  const theme: Theme = {
    text: colour("text"),
    muted: colour("muted"),
    line: colour("line"),
    faint: colour("faint"),
    accent: colour("accent"),
    surface: colour("surface"),
    font: `${read("small")} ${style.fontFamily}`,
  };
  probe.remove();
  return theme;
}

const SIGNS = ["data-jp-theme-name", "data-jp-theme-light", "data-theme", "data-vscode-theme-id", "class"];

/** Calls `changed` when the page or the system switches its theme, until `signal` aborts. */
export function watchTheme(changed: () => void, signal: AbortSignal): void {
  const observer = new MutationObserver(changed);
  for (const element of [document.documentElement, document.body])
    observer.observe(element, { attributes: true, attributeFilter: SIGNS });
  signal.addEventListener("abort", () => observer.disconnect(), { once: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed, { signal });
}
