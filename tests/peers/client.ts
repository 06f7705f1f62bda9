// What a user of the generated types writes; compiled by tests/e2e/description.rs.
import type { components, paths } from "./api";

type Schemas = components["schemas"];
type Answered<Operation, Status extends number> = Operation extends {
  responses: Record<Status, { content: { "application/json": infer Body } }>;
}
  ? Body
  : never;

export const subject = (answer: Answered<paths["/auth/validate"]["get"], 200>): string => answer.claims.sub;
export const isAdmin = (user: Schemas["User"]): boolean => user.roles.includes("admin");
export const pointers = (problem: Schemas["Problem"]): string[] => problem.errors.map((error) => error.pointer);
export const nickname = (user: Schemas["User"]): string => user.displayName ?? user.username ?? user.email;
export const next = (page: Answered<paths["/users"]["get"], 200>): string | null => page.nextCursor;
export const devices = (page: Answered<paths["/auth/sessions"]["get"], 200>): (string | null)[] =>
  page.data.map((session) => session.deviceName);

export function retry(problem: Schemas["Problem"]): boolean {
  switch (problem.code) {
    case "rate_limited":
    case "overloaded":
      return problem.retryable;
    default:
      return false;
  }
}

export const byName: Schemas["Login"] = { identifier: "ada", password: "correct horse battery staple" };
export const byAddress: Schemas["Login"] = { email: "ada@example.com", password: "correct horse battery staple" };
export const role: Schemas["Role"] = "support";
export const filter: NonNullable<paths["/users"]["get"]["parameters"]["query"]> = { role: "admin", limit: 50 };

// @ts-expect-error a login without an identifier
export const nobody: Schemas["Login"] = { password: "correct horse battery staple" };
// @ts-expect-error no such role
export const wrongRole: Schemas["Role"] = "root";
// @ts-expect-error no such status
export const wrongStatus: Schemas["NewUserStatus"] = "pending";
// @ts-expect-error the members of an answer are known
export const wrongMember = (user: Schemas["User"]): string => user.nickname;
