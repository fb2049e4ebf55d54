/**
 * Numbers of zstd's public interface (zstd.h), by the names they have there: `node:zlib` gives the same, but would have
 * to be loaded for it.
 */
export const ZSTD_c_compressionLevel = 100;
/** A parameter of an encoder. */
export const ZSTD_c_windowLog = 101;
/** A parameter of an encoder. */
export const ZSTD_c_hashLog = 102;
/** A parameter of an encoder. */
export const ZSTD_c_chainLog = 103;
/** A parameter of an encoder. */
export const ZSTD_c_minMatch = 105;
/** A parameter of an encoder. */
export const ZSTD_c_strategy = 107;
/** A parameter of a decoder. */
export const ZSTD_d_windowLogMax = 100;
/** A strategy. */
export const ZSTD_fast = 1;
/** A strategy. */
export const ZSTD_dfast = 2;
/** What a call has to do: end the frame. */
export const ZSTD_e_end = 2;
