/** The part of jstat that the gate uses; the package has no types of its own. */
declare module "jstat" {
  /** Functions of a value or probability, and degrees of freedom that need not be whole. */
  interface Distribution {
    cdf(value: number, degrees: number): number;
    inv(probability: number, degrees: number): number;
  }
  const jstat: { readonly jStat: { readonly studentt: Distribution; readonly chisquare: Distribution } };
  export default jstat;
}
