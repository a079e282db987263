/**
 * Your own strategies: --strategies examples/fuzzing/strategies.mjs
 *
 * @type {import("k6-realtime/node").StrategiesModule}
 */
const strategies = ({ register, fc }) => {
  register(
    "/ws/chat",
    "json",
    fc.record({
      type: fc.constantFrom("subscribe", "echo", "presence"),
      channel: fc.string({ minLength: 1, maxLength: 20, unit: "binary" }),
      id: fc.integer({ min: 0 }),
    }),
  );
  register("/ws/echo", "bytes", fc.uint8Array({ minLength: 4, maxLength: 4 }));
};

export default strategies;
