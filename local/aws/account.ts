// The account and the region that the embedded AWS pretends to be.

/** The account of fauxqs; no real account has this id. */
export const ACCOUNT_ID = "000000000000";
export const REGION = "us-east-1";
