// The contract of every store of hints.
import { expect, test } from "vitest";
import type { HintsPort } from "../../shared/ports.ts";

export function hintsContract(open: () => Promise<HintsPort>): void {
  test("what nobody has hinted at is nothing", async () => {
    const { hints } = await open();
    expect(await hints.read("pace/nobody")).toBeUndefined();
  });

  test("a hint is overwritten by the next", async () => {
    const { hints } = await open();
    await hints.write("pace/weather-model", { n: 1 });
    await hints.write("pace/weather-model", { n: 2 });
    expect(await hints.read("pace/weather-model")).toEqual({ n: 2 });
    expect(await hints.read("pace/weather")).toBeUndefined();
  });
}
