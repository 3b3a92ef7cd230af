// PlanePort: reads from plane.json whose volume this is; and writes it at a bootstrap.
import { messageOf } from "../domain/body.ts";
import { PlatformTroubleError, PoisonMessageError } from "../domain/errors.ts";
import { factRef, type Plane } from "../domain/facts.ts";
import type { FactsPort, PlanePort } from "../ports.ts";

/** Reads plane.json once, and keeps it, because it never changes. A failure is not kept. */
export function createPlanePort({ facts }: FactsPort, stack: string): PlanePort {
  let known: Promise<string> | undefined;
  return {
    plane: {
      id: () => {
        const asking = known ?? planeIdOf({ facts }, stack);
        known = asking;
        asking.catch(() => {
          if (known === asking) known = undefined;
        });
        return asking;
      },
    },
  };
}

async function planeIdOf(facts: FactsPort, stack: string): Promise<string> {
  const plane = await findPlane(facts, stack);
  if (plane === undefined)
    throw new PlatformTroubleError(
      `there is no plane.json in the facts volume: nobody has bootstrapped this stage; run \`signalbox bootstrap\` for stack "${stack}"`,
    );
  return plane.plane_id;
}

/**
 * The plane that holds the volume; undefined if nobody has bootstrapped it.
 * @throws PlatformTroubleError if it is another stack's
 */
export async function findPlane(facts: FactsPort, stack: string): Promise<Plane | undefined> {
  const plane = await readPlane(facts);
  return plane && ownPlane(plane, stack);
}

/**
 * Writes plane.json unless it is there, and returns the plane that holds the volume.
 * @throws PlatformTroubleError if that is another stack's
 */
export async function createPlane(facts: FactsPort, wanted: Omit<Plane, "v">): Promise<Plane> {
  const had = await findPlane(facts, wanted.stack);
  if (had !== undefined) return had;
  const { fact } = await facts.facts.create(factRef.plane(), { v: 1, ...wanted });
  return ownPlane(fact, wanted.stack);
}

async function readPlane({ facts }: FactsPort): Promise<Plane | undefined> {
  try {
    return (await facts.read(factRef.plane()))?.fact;
  } catch (error) {
    // Every message needs the plane. If it were poison, all of them would go to the dead letters.
    if (!(error instanceof PoisonMessageError)) throw error;
    throw new PlatformTroubleError(messageOf(error), { cause: error });
  }
}

function ownPlane(plane: Plane, stack: string): Plane {
  if (plane.stack === stack) return plane;
  throw new PlatformTroubleError(
    `the facts volume belongs to stack "${plane.stack}" (plane ${plane.plane_id}), and this is stack "${stack}": give each stack a schema of its own (databricks.schema of the stage; for a local plane SIGNALBOX_SCHEMA)`,
  );
}
