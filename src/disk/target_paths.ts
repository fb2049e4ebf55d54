/** Paths below a target that entries are restored into. */
import { pathFault, ROOT_PATH } from "../format/path.ts";
import { windowsNameFault } from "./windows_names.ts";

/** Why a path may not be created here, as the end of a sentence. */
export function nameFault(path: string): string | undefined {
  const fault = pathFault(path);
  if (fault !== undefined || Deno.build.os !== "windows") return fault;
  return path === ROOT_PATH ? undefined : path.split("/").map(windowsNameFault).find((found) => found !== undefined);
}

/** The path of the folder that something lies in. */
export function parentPath(path: string): string {
  const cut = path.lastIndexOf("/");
  return cut < 0 ? ROOT_PATH : path.slice(0, cut);
}

/** The name of something in its folder. */
export function lastPart(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
