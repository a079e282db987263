/** The oldest versions that work of what a user installs. The README and package.json say them too. */

/** Node.js, major version. */
export const OLDEST_NODE = 20;

/** Go 1.x: older ones cannot fetch the tool chain that extension/go.mod names. */
export const OLDEST_GO_MINOR = 21;

/** k6, major version. */
export const OLDEST_K6 = 2;
