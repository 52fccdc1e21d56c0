/** Limits of the contract; characters are code points. */
export const MAX_ROOM_LENGTH = 194;
export const MAX_SESSION_ID = 128;
export const MAX_ROOMS_A_STREAM = 10_000;
/** Members of a room that others are told of; more are counted only. */
export const MAX_LISTED_MEMBERS = 1_000;
export const MAX_STATE_KEY = 64;
export const MAX_STATE_VALUE_BYTES = 64 * 1024;
export const MAX_STATE_TTL = { min: 0n, max: 3_600n };

/** What live state may take in memory: keys of one member in a room, bytes of a room, and of the process. */
export const MAX_STATE_KEYS = 100;
export const MAX_ROOM_STATE_BYTES = 4 * 1024 * 1024;
export const MAX_STATE_BYTES = 256 * 1024 * 1024;
