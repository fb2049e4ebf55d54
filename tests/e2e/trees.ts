/** Trees of files: made from a description, and described again to be compared. */
import { dirname } from "@std/path";

/** A tree by its paths: text or bytes for a file, `null` for a folder, `{ link }` for a symlink. */
export type Tree = Readonly<Record<string, string | Uint8Array | null | { readonly link: string }>>;

/** Writes a tree below a folder; folders above its entries are made. */
export function writeTree(folder: string, tree: Tree): void {
  for (const [path, content] of Object.entries(tree)) {
    const location = `${folder}/${path}`;
    Deno.mkdirSync(content === null ? location : dirname(location), { recursive: true });
    if (typeof content === "string") Deno.writeTextFileSync(location, content);
    else if (content instanceof Uint8Array) Deno.writeFileSync(location, content);
    else if (content !== null) Deno.symlinkSync(content.link, location);
  }
}

/** Random bytes, which do not compress. */
export function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

function kindOf(info: Deno.FileInfo): string {
  if (info.isFile) return "file";
  if (info.isDirectory) return "folder";
  if (info.isSymlink) return "symlink";
  return info.isFifo ? "fifo" : "other";
}

async function describe(location: string, info: Deno.FileInfo): Promise<string> {
  const mode = ((info.mode ?? 0) & 0o7777).toString(8);
  const parts = [kindOf(info), mode, `${info.uid}:${info.gid}`, `modified ${info.mtime?.getTime()}`];
  if (info.isSymlink) parts.push(`to ${JSON.stringify(Deno.readLinkSync(location))}`);
  if (info.isFile) {
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", Deno.readFileSync(location)));
    parts.push(`links ${info.nlink}`, `size ${info.size}`, hash.toHex().slice(0, 16));
  }
  return parts.join(", ");
}

/**
 * Everything that is kept about the entries below a folder, by path: kind, mode, owner, time, target, names, size and
 * content.
 */
export async function describeTree(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = { ".": await describe(folder, Deno.lstatSync(folder)) };
  const visit = async (prefix: string): Promise<void> => {
    for (const { name } of [...Deno.readDirSync(`${folder}/${prefix}`)].sort((a, b) => a.name < b.name ? -1 : 1)) {
      const path = prefix + name;
      const info = Deno.lstatSync(`${folder}/${path}`);
      found[path] = await describe(`${folder}/${path}`, info);
      if (info.isDirectory) await visit(`${path}/`);
    }
  };
  await visit("");
  return found;
}

/** Names of this program's temporary files and folders anywhere below a folder. */
export function leftovers(folder: string): string[] {
  const found: string[] = [];
  const visit = (location: string): void => {
    for (const { name, isDirectory } of Deno.readDirSync(location)) {
      if (name.endsWith(".coffer-tmp")) found.push(`${location}/${name}`);
      if (isDirectory) visit(`${location}/${name}`);
    }
  };
  visit(folder);
  return found;
}

/** Whether anything has a path, be it a symlink that leads nowhere. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}
