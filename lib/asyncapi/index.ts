/** Documents of AsyncAPI: reading them, and who sends what. */
export type { ReadText } from "./files.ts";
export { INSIDE } from "./files.ts";
export { isAsyncApi, loadAsyncApi } from "./load.ts";
export type * from "./model.ts";
export { AsyncApiError } from "./problem.ts";
export { describedBy, type Exchange, type Side, type Sides, sidesOf } from "./sides.ts";
export { MOST } from "./text.ts";
