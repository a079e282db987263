/** An export statement; in what is CommonJS there is none. */
const EXPORTS = /(?:^|[;}])\s*export\s*(?:[{*]|(?:const|let|var|async|function|default)\b)/m;

const EXPORTS_SUMMARY = [
  /(?:^|[;}])\s*export\s*\{[^}]*\bhandleSummary\b/m, // by name, as bundlers write it
  /(?:^|[;}])\s*export\s+(?:const|let|var)\s*\{[^}]*\bhandleSummary\b/m, // taken out of what a builder gives
  /(?:^|[;}])\s*export\s+(?:async\s+)?(?:function|const|let|var)\s+handleSummary\b/m,
  /(?:^|[;}])\s*export\s*\*/m,
];

/** Whether a script has exports and its summary is not among them. k6 tells no script what it exports: its text does. */
export const exportsNoSummary = (source: string): boolean =>
  EXPORTS.test(source) && !EXPORTS_SUMMARY.some((pattern) => pattern.test(source));
