/**
 * Opens the system's libraries before the tests of a file begin; `tasks/test.ts` has the runner load this first. They
 * are opened when they are first needed, function by function, and stay until the process ends: the test runner would
 * take that for a leak of the test that came first.
 */
import { C_FUNCTIONS } from "../src/disk/libc.ts";
import { CRYPTO_FUNCTIONS } from "../src/engine/native/libcrypto.ts";
import { Z_FUNCTIONS } from "../src/engine/native/libz.ts";
import { ZSTD_FUNCTIONS } from "../src/engine/native/libzstd.ts";
import { openSystemLibrary } from "../src/foreign/system_library.ts";

// Looking at a function compiles it.
Object.values(openSystemLibrary("libc.so.6", C_FUNCTIONS) ?? {});
Object.values(openSystemLibrary("libcrypto.so.3", CRYPTO_FUNCTIONS) ?? {});
Object.values(openSystemLibrary("libz.so.1", Z_FUNCTIONS) ?? {});
Object.values(openSystemLibrary("libzstd.so.1", ZSTD_FUNCTIONS) ?? {});
