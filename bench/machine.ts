/** Describes the machine of a measurement, without saying whose it is. */
import { cpus, totalmem } from "node:os";

/** What a reader needs to judge a figure by. */
export interface Machine {
  /** Model of the first processor, as the system names it. */
  readonly cpu: string;
  /** Logical processors. */
  readonly cores: number;
  /** Memory, in GiB, rounded. */
  readonly memoryGiB: number;
  /** Operating system and architecture, such as `linux x86_64`. */
  readonly system: string;
  /** Version of Deno that measured. */
  readonly deno: string;
}

/** Describes this machine. */
export function describeMachine(): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() || "unknown processor",
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${Deno.build.os} ${Deno.build.arch}`,
    deno: Deno.version.deno,
  };
}

/** A machine's name in file names: `intel-xeon-e5-2680-v4-2-cores`. Never a host name. */
export function machineSlug({ cpu, cores }: Pick<Machine, "cpu" | "cores">): string {
  const model = cpu
    .toLowerCase()
    .replace(/\((?:r|tm|c)\)/g, " ")
    .replace(/@.*$/, "")
    .replace(/\b(?:cpu|processor)\b/g, " ")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return `${model === "" ? "unknown" : model}-${cores}-core${cores === 1 ? "" : "s"}`;
}
