/** What the pages of conformance and of fuzzing share: entries that open, each with the log of a wire. Pure. */

/** Beside the style of all pages. */
export const DETAILS_STYLE = `
details { border-top: 1px solid var(--grid); padding: 4px 0; }
details:target { background: var(--card); }
summary { cursor: pointer; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 12px; margin: 8px 0; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
.broken { color: var(--broken); font-weight: 600; }
.wire td { vertical-align: top; text-align: left; white-space: pre-wrap; overflow-wrap: anywhere; }
.wire code { font-size: 12px; }
`;

/** Opens the entry that the address names. */
export const DETAILS_SCRIPT = `
const open = () => {
  const at = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (at instanceof HTMLDetailsElement) { at.open = true; at.scrollIntoView(); }
};
addEventListener("hashchange", open);
open();
`;
