/** Whether Deno was given all permissions (`-A`): without each of them it keeps `/proc` and `/dev` to itself. */
export function hasAllPermissions(): boolean {
  const names = ["read", "write", "net", "env", "sys", "run", "ffi", "import"] as const;
  return names.every((name) => Deno.permissions.querySync({ name }).state === "granted");
}
