// The two parts of undici that a client of one host needs. Its index would add 250 KB to each
// bundle (proxies, mocks, caches, WebSocket); these paths are inside an exactly pinned version, and
// the contract tests fail if they move.
declare module "undici/lib/dispatcher/pool.js" {
  import { Pool } from "undici";

  export = Pool;
}

declare module "undici/lib/api/api-request.js" {
  import type { Dispatcher } from "undici";

  /** `this` is the dispatcher that carries the request. */
  function request(
    this: Dispatcher,
    options: Dispatcher.RequestOptions,
  ): Promise<Dispatcher.ResponseData>;
  export = request;
}
