// The account and the region that the embedded AWS pretends to be.

/** What fauxqs uses; no real account has it. */
export const ACCOUNT_ID = "000000000000";
export const REGION = "us-east-1";
