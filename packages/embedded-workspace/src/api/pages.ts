// Pages for browsers: where `run_page_url` leads (docs/facts/databricks.md#run-page-url). A browser
// signs in as clients with Basic do: user `token`, an access token as the password.
import { mayUseRun, requireUseRun } from "../jobs/access.ts";
import type { JobsService } from "../jobs/service.ts";
import { html, page } from "../pages/html.ts";
import { runPage, runsPage } from "../pages/run-page.ts";
import { ApiError, type ApiReply, type ApiRequest, type Route } from "../route.ts";

export function pageRoutes(jobs: JobsService): Route[] {
  const open = (path: string, reply: ApiReply): Route => ({
    method: "GET",
    path,
    open: true,
    page: true,
    handle: async () => reply,
  });
  const shown = (path: string, handle: Route["handle"]): Route => ({
    method: "GET",
    path,
    page: true,
    handle,
  });
  return [
    open("/", page("Embedded workspace", start)),
    open("/pages/style.css", asset("text/css", style)),
    open("/pages/run-link.js", asset("text/javascript", runLink)),
    shown("/jobs/runs", async ({ principal }) => {
      const runs = jobs.store.runs();
      return runsPage(
        jobs.context,
        runs.filter((run) => mayUseRun(jobs.context, principal, run, "view")),
      );
    }),
    shown("/jobs/:job/runs/:run", async (request) => oneRun(jobs, request)),
  ];
}

function oneRun({ context, store }: JobsService, { params, principal }: ApiRequest): ApiReply {
  const id = params["run"] ?? "";
  const run = store.run(id);
  const found = run === undefined ? store.attempt(id) : { run, attempt: undefined };
  if (found === undefined)
    throw new ApiError(404, "RESOURCE_DOES_NOT_EXIST", `There is no run ${id}.`);
  requireUseRun(context, principal, found.run, "view", id);
  return runPage(context, found.run, found.attempt);
}

const asset = (type: string, body: string): ApiReply => ({
  status: 200,
  headers: { "content-type": `${type}; charset=utf-8`, "x-content-type-options": "nosniff" },
  body,
});

const start = html`<h1>Embedded workspace</h1>
<p>This is an emulation of a Databricks workspace on this machine. It shows runs; everything else
answers to clients. A browser is asked to sign in: the user is <code>token</code>, the password an
access token.</p>`;

/** The address of a run names it behind `#`, which no server sees. */
const runLink = `const found = /^#job\\/(\\d+)\\/run\\/(\\d+)/.exec(location.hash);
if (location.pathname === "/" && found) location.replace("/jobs/" + found[1] + "/runs/" + found[2]);
`;

const style = `body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em }
table { border-collapse: collapse } td, th { padding: .2em 1em .2em 0; text-align: left }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2em 1em } dd { margin: 0 }
pre { background: #8882; overflow: auto; padding: 1em; white-space: pre-wrap }
@media (prefers-color-scheme: dark) { body { background: #111; color: #ddd } a { color: #8bf } }
`;
