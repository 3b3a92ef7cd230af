// The variables that the template gives a function, with its references filled in.
import type { ServiceName } from "../../shared/topology.ts";
import { resourcesOf, templateOf } from "./support.ts";

export function functionEnvironment(service: ServiceName): Record<string, string> {
  const functions = Object.values(resourcesOf(templateOf(), "AWS::Lambda::Function"));
  const own = functions.find(
    ({ Properties }) => Properties["FunctionName"] === `signalbox-test-${service}`,
  );
  const environment = own?.Properties["Environment"] ?? { Variables: {} };
  const { Variables } = environment as { Variables: Record<string, unknown> };
  return {
    ...Object.fromEntries(
      Object.entries(Variables).map(([name, value]) => [
        name,
        typeof value === "string" ? value : `https://sqs.example.com/111122223333/${name}`,
      ]),
    ),
    AWS_REGION: "eu-central-1",
  };
}
