/** Text of others as Markdown that shows it, and is never markup. */
export const inert = (text: string): string =>
  text.replace(/[\r\n]+/g, " ").replace(/[\\`*_{}[\]()#+!|<>~@&]/g, (char) => `&#${char.charCodeAt(0)};`);
