// The account and the region that the embedded AWS pretends to be.

/** No real account has this id. */
export const ACCOUNT_ID = "000000000000";
export const REGION = "us-east-1";
