// Checks access tokens (RFC 9068) with jose. usage: KEYS ISSUER AUDIENCE, tokens on standard input, one a line.
// KEYS is the URL of a JWKS, or a file with one. Prints for each token its claims, or {"refused": why}.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createLocalJWKSet, createRemoteJWKSet, jwtVerify } from "jose";

const [keys, issuer, audience] = process.argv.slice(1);
const found = keys.startsWith("http")
  ? createRemoteJWKSet(new URL(keys))
  : createLocalJWKSet(JSON.parse(readFileSync(keys, "utf8")));

for await (const token of createInterface({ input: process.stdin })) {
  const told = await jwtVerify(token, found, { issuer, audience, typ: "at+jwt", requiredClaims: ["sub", "exp", "jti"] })
    .then(({ payload }) => payload, (error) => ({ refused: String(error) }));
  console.log(JSON.stringify(told));
}
