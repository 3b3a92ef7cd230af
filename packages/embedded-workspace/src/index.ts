// What a program that uses the package may import.
export { type CallAdmin, createAdminClient } from "./admin-client.ts";
export { type Certificates, issueCertificates } from "./certificates.ts";
export { startWorkspace, type Workspace, type WorkspaceOptions } from "./workspace.ts";
