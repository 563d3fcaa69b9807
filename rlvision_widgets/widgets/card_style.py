"""How an edit card looks: the same in a notebook and on a page, light and dark, on a screen and on paper."""

from rlvision_widgets.widgets.card_parts import LOOKS

__all__ = ["PAGE_STYLE", "STYLE"]

_LOOKS = "".join(
    f"  & svg .{name} {{ --look: light-dark({look.light}, {look.dark}); stroke: var(--look); fill: var(--look); }}\n"
    for name, look in LOOKS.items()
)
STYLE = (
    """
.rlv-card {
  --text: var(--jp-ui-font-color1, light-dark(#1f2328, #e6e6e6));
  --muted: var(--jp-ui-font-color2, light-dark(#59616a, #a6a6a6));
  --surface: var(--jp-layout-color1, light-dark(#ffffff, #1b1c1e));
  --line: color-mix(in srgb, var(--text) 22%, transparent);
  --faint: color-mix(in srgb, var(--text) 6%, transparent);
  color-scheme: light dark;
  box-sizing: border-box;
  color: var(--text);
  font: 14px/1.45 var(--jp-ui-font-family, system-ui, sans-serif);
  font-variant-numeric: tabular-nums;
  text-align: left;

  & h1 { margin: 0; font-size: 1.4rem; line-height: 1.25; overflow-wrap: anywhere; }
  & h2 { margin: 0 0 6px; font-size: 1.02rem; font-weight: 600; }
  & p { margin: 0 0 8px; max-width: 78ch; overflow-wrap: anywhere; }
  & .muted, & small, & caption, & summary { color: var(--muted); }
  & small { font-size: 11.5px; display: block; font-weight: 400; }
  & .headline { font-size: 1.08rem; line-height: 1.5; }
  & header { margin-bottom: 16px; }
  & .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; }
  & .figures { margin: 14px 0; padding: 0; list-style: none; }
  & li { margin: 0; padding: 10px 12px; border: 1px solid var(--line); border-radius: 6px; overflow-wrap: anywhere; }
  & li > * { display: block; color: var(--muted); font-size: 12px; }
  & li > strong { color: var(--text); font-size: 1.35rem; font-weight: 600; line-height: 1.4; }
  & section { padding: 16px 0 4px; border-top: 1px solid var(--line); break-inside: avoid; }
  & figure { margin: 0 0 16px; }
  & .words { margin-bottom: 6px; }
  & .words > p { break-inside: avoid; }
  & figcaption { margin-bottom: 4px; font-weight: 600; font-size: 12.5px; }
  & svg { display: block; width: 100%; max-width: 660px; height: auto; overflow: visible; }
  & svg text { fill: var(--text); font-size: 12px; }
  & svg text.muted { fill: var(--muted); }
  & svg .grid { stroke: var(--line); stroke-width: 1; }
  & svg .mark { stroke: var(--muted); stroke-width: 1.5; stroke-dasharray: 2 4; }
  & svg .interval { stroke-width: 2; }
  & svg .joined { fill: none; stroke-width: 1.5; }
"""
    + _LOOKS
    + """
  & svg .marker.control { fill: var(--faint); stroke-width: 1.2; }
  & svg .joined { fill: none; }
  & .scroll { overflow-x: auto; }
  & .scroll:focus-visible, & summary:focus-visible { outline: 2px solid var(--text); outline-offset: 2px; }
  & table { width: 100%; border-collapse: collapse; margin: 4px 0 12px; font-size: 13px; line-height: 1.35; }
  & caption { padding: 0 0 6px; text-align: left; font-size: 12px; }
  & th, & td { padding: 5px 10px 5px 0; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
  & th { font-weight: 600; }
  & thead th { color: var(--muted); font-size: 12px; vertical-align: bottom; }
  & tr > :first-child { text-align: left; overflow-wrap: break-word; }
  & td small { white-space: nowrap; }
  & tr > :last-child { padding-right: 0; }
  & .wordy td, & .wordy th { text-align: left; }
  & .wordy th:first-child { width: 12em; }
  & .wordy small { overflow-wrap: anywhere; white-space: normal; }
  & tr.strong { background: var(--faint); }
  & details { margin: 0 0 12px; }
  & summary { cursor: pointer; font-size: 12px; padding: 2px 0; }
  & .absent { color: var(--muted); font-style: italic; }
}
.rlv-card.whole { background: var(--surface); }
[data-jp-theme-light="true"] .rlv-card, [data-theme="light"] .rlv-card { color-scheme: light; }
[data-jp-theme-light="false"] .rlv-card, [data-theme="dark"] .rlv-card { color-scheme: dark; }
"""
)

PAGE_STYLE = """
:root { color-scheme: light dark; background: light-dark(#ffffff, #1b1c1e); }
body { margin: 0; }
.rlv-card { max-width: 1240px; margin: 0 auto; padding: 24px 16px; min-height: 100vh; }
@media (max-width: 820px) {
  .rlv-card table { font-size: 12px; }
  .rlv-card small { font-size: 11px; }
  .rlv-card th, .rlv-card td { padding-right: 6px; }
}
@media (min-width: 1080px) {
  .rlv-card section { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); column-gap: 40px; }
  .rlv-card section { grid-template-rows: auto auto 1fr; }
  .rlv-card h2 { grid-column: 1 / -1; }
  .rlv-card .words { grid-area: 2 / 1; }
  .rlv-card .charts { grid-area: 2 / 2 / span 2; }
  .rlv-card .tables { grid-area: 3 / 1; }
  .rlv-card .causes > div, .rlv-card .protocol > div { grid-area: auto / 1 / auto / span 2; }
  .rlv-card .causes .words { columns: 2; column-gap: 40px; }
  .rlv-card .causes .charts { display: grid; grid-template-columns: 1fr 1fr; column-gap: 40px; }
}
@media print {
  :root { color-scheme: light; }
  .rlv-card { --surface: #ffffff; max-width: none; padding: 0; font-size: 11pt; color-scheme: light; }
  .rlv-card details::details-content { content-visibility: visible; block-size: auto; }
  .rlv-card .scroll { overflow: visible; }
  .rlv-card svg { max-width: 15cm; }
  .rlv-card tr { break-inside: avoid; }
}
"""
