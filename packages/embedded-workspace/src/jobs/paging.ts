// Pages of arrays, by opaque tokens.
import { ApiError } from "../route.ts";

export type Page<T> = { readonly page: readonly T[]; readonly next?: string };

/**
 * Elements from where the token says, at most `size`, and the token of the next page if there is
 * one.
 */
export function pageOf<T>(
  elements: readonly T[],
  token: string | undefined,
  size: number,
): Page<T> {
  const start = token === undefined || token === "" ? 0 : positionOf(token);
  const page = elements.slice(start, start + size);
  const end = start + size;
  return { page, ...(end < elements.length && { next: tokenOf(end) }) };
}

export const tokenOf = (position: number): string =>
  Buffer.from(`at=${position}`).toString("base64url");

/** @throws ApiError 400 for a token that this workspace did not make */
export function positionOf(token: string): number {
  const text = Buffer.from(token, "base64url").toString("latin1");
  const position = /^at=(\d{1,9})$/.exec(text)?.[1];
  if (position === undefined)
    throw new ApiError(400, "INVALID_PARAMETER_VALUE", `Invalid page token: ${token}`);
  return Number(position);
}
