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
h1 { font-size: 1.6rem; line-height: 1.25; border-left: .4rem solid var(--faint); padding-left: .8rem; }
h1.good { border-color: var(--good); } h1.bad { border-color: var(--bad); }
h1.warning { border-color: var(--warn); } h1.working { border-color: var(--work); }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.advice { font-size: 1.2rem; }
.causes { padding-left: 1.2rem; } small { color: var(--faint); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); }
code { background: var(--soft); padding: .1rem .4rem; }
svg { display: block; margin-bottom: 1rem; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .faint { fill: var(--faint); } svg .rule { stroke: var(--line); } svg .mark { stroke: var(--faint); }
svg .cell { fill: var(--soft); stroke: var(--line); }
svg .succeeded { stroke: var(--good); } svg .failed { stroke: var(--bad); }
svg .in-progress { stroke: var(--work); } svg .used { stroke-width: 3; }
svg .span { fill: var(--soft); stroke: var(--line); }
svg .span.good { stroke: var(--good); } svg .span.bad { stroke: var(--bad); } svg .span.warning { stroke: var(--warn); }
@media print { main { max-width: none; } h2 { break-after: avoid; } }
";
