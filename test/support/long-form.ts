/** The long form (`LEAT_LONG=1`) takes counts and sizes that are too slow for every run. */
export const isLong = process.env.LEAT_LONG === '1';

/** A count or size of each form. The short one must be enough to reach the mechanism that is tested. */
export const inForm = <T>(short: T, long: T): T => (isLong ? long : short);
