/**
 * The quantile of Student's t distribution: the value that is not exceeded with the given probability.
 *
 * @param probability 0.5 to 1, without 1.
 * @param degrees Degrees of freedom, at least 1; rounded down.
 */
export function studentQuantile(probability: number, degrees: number): number {
  const whole = Math.max(1, Math.floor(degrees));
  let [low, high] = [0, 1];
  while (studentCdf(high, whole) < probability) high *= 2;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (studentCdf(middle, whole) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** For t above 0 and whole degrees: Abramowitz and Stegun, 26.7.3 and 26.7.4. */
function studentCdf(t: number, degrees: number): number {
  const angle = Math.atan(t / Math.sqrt(degrees));
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const isOdd = degrees % 2 === 1;
  let term = isOdd ? cosine : 1;
  let sum = degrees === 1 ? 0 : term;
  for (let i = isOdd ? 3 : 2; i <= degrees - 2; i += 2) {
    term *= ((i - 1) / i) * cosine ** 2;
    sum += term;
  }
  const between = isOdd ? (2 / Math.PI) * (angle + sine * sum) : sine * sum;
  return (1 + between) / 2;
}
