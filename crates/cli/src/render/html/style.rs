//! How the page looks: in light, in the dark and on paper.

/// The style sheet. Colours tell apart what words and shapes tell apart as well.
pub(super) const CSS: &str = "\
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #5b6470; --ground: #ffffff; --line: #d5dae1; --panel: #f4f6f8;
  --bar: #3366aa; --waste: #c2571a; --good: #1a7f37; --warn: #8a5a00; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --faint: #9aa4b1; --ground: #14171b; --line: #343b45; --panel: #1d2229;
    --bar: #7aa7e8; --waste: #f0955a; --good: #5fc47b; --warn: #e0b050; --bad: #ff8a80; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif; }
main { max-width: 70rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
p { margin: .25rem 0 .75rem; }
.faint { color: var(--faint); }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.tiles { display: flex; flex-wrap: wrap; gap: .75rem; list-style: none; margin: 1rem 0; padding: 0; }
.tiles li { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .9rem; min-width: 8rem; }
.tiles b { display: block; font-size: 1.3rem; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; margin: .5rem 0 1rem; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: var(--faint); padding: .25rem 0; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
thead th { color: var(--faint); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
svg { display: block; max-width: 100%; height: auto; margin: .5rem 0 1rem; }
svg text { fill: var(--ink); font-size: 12px; }
svg .label { fill: var(--faint); }
svg .track { fill: var(--panel); stroke: var(--line); }
svg .bar { fill: var(--bar); } svg .part { fill: var(--waste); }
svg .axis { stroke: var(--line); fill: none; } svg .curve { stroke: var(--bar); fill: none; stroke-width: 2; }
svg .dot { fill: var(--bar); }
@media print {
  :root { color-scheme: light; --ink: #000; --faint: #444; --ground: #fff; --line: #bbb; --panel: #f2f2f2;
    --bar: #3366aa; --waste: #c2571a; --good: #1a7f37; --warn: #8a5a00; --bad: #b3261e; }
  body { font-size: 10pt; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  h2 { break-after: avoid; } tr, svg, .tiles li { break-inside: avoid; } .wide { overflow: visible; }
}
";
