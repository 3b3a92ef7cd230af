// The CDK app with the behaviour that CDK recommends. Its feature flags come with the library that
// package-lock.json pins, and the golden template shows what another version would change.
import { App } from "aws-cdk-lib";
import recommended from "aws-cdk-lib/recommended-feature-flags.json" with { type: "json" };

export const createApp = (): App => new App({ analyticsReporting: false, context: recommended });
