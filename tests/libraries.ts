/**
 * Opens the system's libraries when this is imported, before any test begins. They are opened when they are first
 * needed, and stay until the process ends: the test runner would take that for a leak of the test that came first.
 */
import { systemAead } from "../src/engine/native/libcrypto.ts";
import { systemZstd } from "../src/engine/native/libzstd.ts";

systemAead(1, new Uint8Array(32));
systemZstd();
