// Prints the commands that the API page shows for a description: one line of JSON for each operation.
import { readFileSync } from "node:fs";
import vm from "node:vm";

const [viewer, description] = process.argv.slice(2).map((file) => readFileSync(file, "utf8"));
const context = vm.createContext({
  // The page itself is not built here: its start waits for the description for ever.
  fetch: () => new Promise(() => {}),
  document: { getElementById: () => ({}) },
  api: JSON.parse(description),
});
vm.runInContext(viewer, context);
const samples = vm.runInContext("operations(api).map((one) => ({ id: one.id, command: curl(api, one) }))", context);
process.stdout.write(JSON.stringify(samples));
