/**
 * Every limit of FORMAT.md's table, in its order. Readers refuse what exceeds them; writers never make it.
 * A limit is inclusive: the value itself is allowed.
 */

/** Bytes of one header page. */
export const HEADER_PAGE_BYTES = 4096;
/** Page counts a header copy may have. */
export const HEADER_PAGE_COUNTS: readonly number[] = [1, 4, 16];
/** Key slots of one header. */
export const MAX_SLOTS = 32;
/** Key slots with a passphrase of one header. */
export const MAX_PASSPHRASE_SLOTS = 8;
/** Largest generation of a header. */
export const MAX_GENERATION = 2 ** 32 - 1;
/** scrypt: smallest logN a reader takes. */
export const MIN_LOG_N = 10;
/** scrypt: largest logN a reader takes. */
export const MAX_LOG_N = 24;
/** scrypt: smallest logN a writer uses. */
export const MIN_WRITER_LOG_N = 15;
/** scrypt: logN a writer uses unless told otherwise. */
export const DEFAULT_LOG_N = 17;
/** scrypt: largest r. */
export const MAX_R = 32;
/** scrypt: largest p. */
export const MAX_P = 16;
/** scrypt: largest N·r·p summed over the slots tried, unless the caller raises it. */
export const DEFAULT_KDF_WORK = 2 ** 25;
/** scrypt: most memory (128·N·r bytes) for one slot, unless the caller raises it. */
export const DEFAULT_KDF_MEMORY = 2 ** 30;
/** Bytes of a passphrase in NFC and UTF-8. */
export const MAX_PASSPHRASE_BYTES = 1024;

/** Plaintext bytes of one chunk. */
export const MAX_CHUNK_BYTES = 65_520;
/** Bytes an AEAD tag adds. */
export const TAG_BYTES = 16;
/** Raw and stored bytes of one frame. */
export const MAX_FRAME_BYTES = 2 ** 24;
/** Frames of one segment. */
export const MAX_FRAMES = 2 ** 32 - 1;
/** Total bytes of an archive's body. */
export const MAX_BODY_BYTES = 2 ** 53 - 2 ** 24;
/** Segment lengths are multiples of this many bytes. */
export const SEGMENT_ALIGNMENT = 4096;
/** How far back a reader looks for a locator behind trailing bytes. */
export const MAX_LOCATOR_SCAN = 2 ** 24;
/** zstd: largest window. */
export const MAX_WINDOW_BYTES = 2 ** 24;

/** Largest inode number: what a signed variable-length integer holds. */
export const MAX_INODE = 2 ** 52 - 1;
/** UTF-8 bytes of a path. */
export const MAX_PATH_BYTES = 4096;
/** UTF-8 bytes of one part of a path. */
export const MAX_PART_BYTES = 255;
/** UTF-8 bytes of a symlink's target. */
export const MAX_LINK_BYTES = 4096;
/** UTF-8 bytes of a user's or group's name. */
export const MAX_OWNER_NAME_BYTES = 255;
/** Rows of one block. */
export const MAX_BLOCK_ROWS = 65_536;
/** Slices of one block. */
export const MAX_BLOCK_SLICES = 65_536;
/** Rows of one catalog page. */
export const MAX_PAGE_ROWS = 2048;
/** Raw bytes of one catalog page. */
export const MAX_PAGE_BYTES = 2 ** 18;
/** Sum of the UTF-8 lengths of all strings that one set of rows, or one index, decodes to. */
export const MAX_DECODED_STRING_BYTES = 2 ** 24;
/** Chunks of one chunk table. */
export const MAX_TABLE_CHUNKS = 131_072;
/** Bytes of a content hash. */
export const CONTENT_HASH_BYTES = 32;
/** UTF-8 bytes of a snapshot's label. */
export const MAX_LABEL_BYTES = 1024;
/** Segments of one archive. */
export const MAX_SEGMENTS = 65_536;
/** Rows of one page of the segment table and of the snapshot table. */
export const TABLE_PAGE_ROWS = 256;
/** Runs of one snapshot's catalog. */
export const MAX_RUNS = 8;

/** Largest number a variable-length integer may hold. */
export const MAX_VARINT = Number.MAX_SAFE_INTEGER;
/** Smallest and largest second of a time, in seconds since 1970: years 0000 to 9999, roughly. */
export const MIN_TIME_SECONDS = -62_167_219_200;
/** See {@linkcode MIN_TIME_SECONDS}. */
export const MAX_TIME_SECONDS = 253_402_300_799;

/** Restored bytes allowed for each archive byte, unless the caller says otherwise. */
export const DEFAULT_MAX_EXPANSION = 1000;
/** Restored bytes that are always allowed on top of the expansion factor. */
export const FREE_EXPANSION_BYTES = 2 ** 30;

/** Smallest percentage of a recovery layer. */
export const MIN_RECOVERY_PERCENT = 1;
/** Largest percentage of a recovery layer. */
export const MAX_RECOVERY_PERCENT = 50;
/** Bytes of a cell of the recovery layer. */
export const RECOVERY_CELL_BYTES = 4096;
/** Codewords of a region, unless it has fewer data cells. */
export const RECOVERY_CODEWORDS = 64;
/** Checksums in one table page of the recovery layer. */
export const RECOVERY_TABLE_ENTRIES = 1008;
