// The keys that a schema knows at a place, for suggestions. They come from the schema itself.
import * as z from "zod";

type Node = Readonly<Record<string, unknown>>;

/** The keys of the object at a path; empty where anything may stand. */
export function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  const root = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as Node;
  let nodes = branchesOf(root);
  for (const step of path)
    nodes = nodes.flatMap((node) => {
      const inner =
        typeof step === "number"
          ? node["items"]
          : (node["properties"] as Node | undefined)?.[String(step)];
      return isNode(inner) ? branchesOf(inner) : [];
    });
  return [
    ...new Set(
      nodes.flatMap(({ properties }) => (isNode(properties) ? Object.keys(properties) : [])),
    ),
  ];
}

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null;

/** A union is all of its branches. */
const branchesOf = (node: Node): readonly Node[] => {
  const inner = [node["anyOf"], node["oneOf"], node["allOf"]].flatMap((each) =>
    Array.isArray(each) ? each.filter(isNode).flatMap(branchesOf) : [],
  );
  return [node, ...inner];
};
