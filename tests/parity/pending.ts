/**
 * Cases that are not as they ought to be yet: name of the case, then mode, to what comes at the first
 * difference. A case that passes must be taken out of here. To be empty in the end.
 */
export const PENDING: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {};
