// Shows a page in a headless browser at several widths.
//
//   node page_widths.mjs BROWSER FOLDER URL READY WIDTH...
//
// Waits until the selector READY is in the page, and prints a JSON list: for each width the width that the page takes,
// and the elements that are wider than the screen. FOLDER is for the browser's files.
import { spawn } from "node:child_process";

const [browser, folder, url, ready, ...widths] = process.argv.slice(2);
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe"];
// The browser reads commands from its descriptor 3 and writes answers to 4, each ended by a zero byte.
const stdio = ["ignore", "ignore", "inherit", "pipe", "pipe"];
const child = spawn(browser, [...flags, `--user-data-dir=${folder}`, "about:blank"], { stdio });
process.on("exit", () => child.kill());

let last = 0;
const waiting = new Map();
let unread = "";
child.stdio[4].setEncoding("utf8").on("data", (chunk) => {
  const messages = (unread + chunk).split("\0");
  unread = messages.pop();
  for (const message of messages.map((text) => JSON.parse(text))) {
    const reply = waiting.get(message.id);
    if (reply) message.error ? reply.reject(new Error(JSON.stringify(message.error))) : reply.resolve(message.result);
  }
});
const send = (method, params, sessionId) => new Promise((resolve, reject) => {
  last += 1;
  waiting.set(last, { resolve, reject });
  child.stdio[3].write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
});

const { targetId } = await send("Target.createTarget", { url: "about:blank" });
const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
const evaluate = async (expression) => {
  const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true }, sessionId);
  if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
  return result.value;
};
const shown = `new Promise((resolve, reject) => {
  const from = Date.now();
  const look = () => document.querySelector(${JSON.stringify(ready)}) ? resolve(true)
    : Date.now() - from > 20000 ? reject(new Error("not ready: " + document.body.innerText.slice(0, 300))) : setTimeout(look, 50);
  look();
})`;
const measure = `(() => {
  const wide = document.documentElement.clientWidth;
  const inside = (node) => node.closest(".scroll, pre, nav, .skip, .visually-hidden");
  const over = [...document.querySelectorAll("body *")]
    .filter((node) => !inside(node) && node.getBoundingClientRect().right > wide + 0.5)
    .map((node) => node.tagName + "." + node.className + " " + Math.round(node.getBoundingClientRect().right) + ": " + node.textContent.slice(0, 60));
  return { taken: document.documentElement.scrollWidth, over: over.slice(0, 5) };
})()`;

const found = [];
for (const width of widths.map(Number)) {
  await send("Emulation.setDeviceMetricsOverride", { width, height: 800, deviceScaleFactor: 1, mobile: true }, sessionId);
  await send("Page.navigate", { url }, sessionId);
  await evaluate(shown);
  found.push({ width, ...await evaluate(measure) });
}
console.log(JSON.stringify(found));
process.exit(0);
