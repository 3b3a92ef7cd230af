import { startBenchPlane } from "./bench-plane.ts";
import { freshMarker } from "../../shared/domain/marker.ts";
import { recordOf } from "../../shared/domain/messages.ts";
await using plane = await startBenchPlane();
const N = 5;
const run = await plane.start("LIKE", N);
await run.line("outcome.announced", () => true);
const ids = Array.from({ length: 100 }, (_, i) => `B-${i}`);
const names = ["ticket.json","outcome_1.json", ...Array.from({length:N},(_,i)=>["manifest","submission","decision"].map(k=>`iter_00${i+1}.attempt_001.${k}.json`)).flat()];
for (const name of names) { const p=(r:string)=>`/api/2.0/fs/files${plane.factsVolume}/run_${r}/${name}`;
 const t = await plane.workspace.call("GET", p("LIKE")); await Promise.all(ids.map(id=>plane.workspace.call("PUT", p(id), t.replaceAll("LIKE", id)))); }
await Promise.all(ids.map(run_id=>plane.markers.write(freshMarker({run_id,chapter:1}, Date.now()))));
const from = plane.lines.length; const t0=performance.now();
try { await plane.hand("records", ids.map(run_id=>recordOf({run_id,chapter:1,iter_n:N,attempt:1},"outcome"))); } catch (e) { console.log("invoke failed", e); }
console.log("took", performance.now()-t0);
const c: Record<string,number> = {}; for (const l of plane.lines.slice(from)) c[l.event]=(c[l.event]??0)+1; console.log(c);
console.log(plane.lines.slice(from).filter(l=>l.event==="message.failed"||l.event==="message.waited").slice(0,2));
console.log((await plane.query("SELECT run_id FROM run_state WHERE run_id LIKE 'B-%'")).length, "in the ledger");
