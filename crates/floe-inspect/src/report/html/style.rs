//! The look of the page: shapes and letters carry the meaning, colours only help.

/// The whole style sheet.
pub(super) const STYLE: &str = "\
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1d2430; --faint: #667085; --line: #d0d5dd; --soft: #f2f4f7;
  --good: #1a7f4b; --bad: #b42318; --warn: #9a6700; --work: #175cd3; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #14181f; --ink: #e6e9ef; --faint: #98a2b3; --line: #344054; --soft: #1d2430;
    --good: #4cc38a; --bad: #ff8a80; --warn: #e5b567; --work: #84b6ff; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem; border-left: .4rem solid var(--faint); padding-left: .8rem; }
h1.good { border-color: var(--good); } h1.bad { border-color: var(--bad); }
h1.warning { border-color: var(--warn); } h1.working { border-color: var(--work); }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; } h3 { font-size: .95rem; margin: 1rem 0 .3rem; color: var(--faint); }
.advice { font-size: 1.2rem; margin: 0 0 1rem; overflow-wrap: anywhere; }
.causes { padding-left: 1.2rem; overflow-wrap: anywhere; } small { color: var(--faint); }
.wide { overflow-x: auto; }
.grids { display: flex; flex-wrap: wrap; align-items: flex-start; gap: 1rem 2.5rem; }
.grids svg { flex: none; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
td:last-child { white-space: normal; min-width: 14rem; padding-right: 0; overflow-wrap: anywhere; }
th { color: var(--faint); font-weight: 600; }
.facts td:first-child { color: var(--faint); }
code { background: var(--soft); padding: .1rem .4rem; border-radius: .3rem; }
svg { display: block; margin-bottom: .5rem; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg.timeline { min-width: 46rem; }
svg .faint { fill: var(--faint); } svg .mark { stroke: var(--faint); stroke-dasharray: 2 3; stroke-opacity: .6; }
svg .cell { fill: var(--soft); stroke: var(--line); }
svg .succeeded { stroke: var(--good); } svg .failed { stroke: var(--bad); }
svg .in-progress { stroke: var(--work); } svg .used { stroke-width: 3; }
svg .span { fill: var(--soft); stroke: var(--line); }
svg .span.good { stroke: var(--good); } svg .span.bad { stroke: var(--bad); } svg .span.warning { stroke: var(--warn); }
@media (max-width: 40rem) { main { padding: 1rem; } h1 { font-size: 1.3rem; } .advice { font-size: 1.05rem; } }
@page { margin: 12mm; }
@media print {
  :root { --paper: #ffffff; --ink: #000000; --faint: #475467; --line: #98a2b3; --soft: #ffffff;
    --good: #1a7f4b; --bad: #b42318; --warn: #9a6700; --work: #175cd3; }
  body, .advice { font-size: 11px; } h1 { font-size: 18px; }
  h2 { font-size: 13px; margin-top: 1.2rem; } main { max-width: none; padding: 0; }
  .wide { overflow: visible; } .grids svg { max-width: 100%; height: auto; } svg.timeline { min-width: 0; }
  table { font-size: 9.5px; } th, td { padding: .1rem .5rem .1rem 0; }
  td:last-child { min-width: 6rem; overflow-wrap: break-word; }
  h2, h3 { break-after: avoid; } tr, svg, li { break-inside: avoid; } thead { display: table-header-group; }
}
";

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed tables are small enough for paper, so that only sentences are broken and neither addresses nor words.
    #[test]
    fn on_paper_nothing_is_broken_inside_a_word() {
        let (_, print) = STYLE.split_once("@media print").expect("there is a printed form");
        assert!(!print.contains("overflow-wrap: anywhere") && !print.contains("td { white-space: normal"), "{print}");
        assert!(print.contains("table { font-size: 9.5px; }") && STYLE.contains("@page"), "{print}");
    }
}
