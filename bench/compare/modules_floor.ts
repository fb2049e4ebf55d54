/**
 * Does nothing but load the modules of the runtime that do Coffer's work: what is left of a start when all else is
 * taken away.
 *
 * @module
 */
import "node:crypto";
import "node:fs";
import "node:zlib";
