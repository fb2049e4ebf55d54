/** A worker that takes tasks and then fails, outside of any handler that could answer them. */
globalThis.addEventListener("message", (event) => {
  const { data } = event as MessageEvent<{ readonly kind: string }>;
  if (data.kind === "task") throw new Error("it is out of order");
});
