// The public exports of the package.
export { type CallAdmin, createAdminClient } from "./admin-client.ts";
export { type Certificates, issueCertificates } from "./certificates.ts";
export { startWorkspace, type Workspace, type WorkspaceOptions } from "./workspace.ts";
