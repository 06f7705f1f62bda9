// Shows /openapi.json. Everything is put into the page as text, never as markup.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];
/** An element with attributes and children; strings become text. */
function el(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** Text in which `...` is code and an empty line begins a paragraph. */
function prose(text) {
  return (text || "").split(/\n\s*\n/).filter(Boolean).map((paragraph) =>
    el("p", {}, paragraph.split("`").map((part, index) => (index % 2 ? el("code", {}, part) : part))));
}

/** The same within a line. */
const inline = (text) => prose(text).flatMap((paragraph) => [...paragraph.childNodes, " "]);

const resolve = (api, schema) => {
  const seen = new Set();
  while (schema && schema.$ref && !seen.has(schema.$ref)) {
    seen.add(schema.$ref);
    schema = schema.$ref.split("/").slice(1).reduce((at, key) => at && at[key], api);
  }
  return schema || {};
};

const nameOf = (schema) => (schema && schema.$ref ? schema.$ref.split("/").pop() : null);

/** Members of allOf together; of oneOf with null the other; of alternative objects the members of all. */
function settle(api, schema) {
  const resolved = resolve(api, schema);
  const several = resolved.oneOf || resolved.anyOf;
  if (several) {
    const others = several.filter((one) => one.type !== "null").map((one) => settle(api, one));
    if (others.length === 1) return others[0];
    if (!others.every((one) => one.properties)) return resolved;
    const forms = others.flatMap((one) => (one.forms || [[]]).map((form) => [...form, ...(one.required || [])]));
    const inAll = (name) => forms.every((form) => form.includes(name));
    return {
      ...resolved,
      properties: Object.assign({}, ...others.map((one) => one.properties)),
      required: forms[0].filter(inAll),
      forms: forms.map((form) => form.filter((name) => !inAll(name))),
    };
  }
  if (!resolved.allOf) return resolved;
  return resolved.allOf.map((part) => settle(api, part)).reduce((whole, part) => ({
    ...whole, ...part,
    properties: { ...whole.properties, ...part.properties },
    required: [...(whole.required || []), ...(part.required || [])],
  }), {});
}


function typeOf(api, schema) {
  const settled = settle(api, schema);
  const types = [].concat(settled.type || []).filter((type) => type !== "null");
  if (types.includes("array")) return `${typeOf(api, settled.items)}[]`;
  const words = types.length ? types.join(" or ") : nameOf(schema) || "any";
  return settled.format ? `${words}, ${settled.format}` : words;
}

function table(heads, rows) {
  return el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, rows)));
}

/** One row a member, nested ones indented. What is required stands first, and matters only to who sends. */
function members(api, schema, direction, depth = 0) {
  const settled = settle(api, schema);
  const required = direction === "sent" ? settled.required || [] : [];
  const forms = direction === "sent" ? settled.forms || [] : [];
  const either = forms.flat();
  const instead = (name) => forms.filter((form) => !form.includes(name)).map((form) => form.join(" and ")).join(", or ");
  const rank = (name) => (either.includes(name) ? 0 : required.includes(name) ? 1 : 2);
  const sorted = Object.entries(settled.properties || {}).sort(([a], [b]) => rank(a) - rank(b));
  return sorted.flatMap(([name, member]) => {
    const inner = settle(api, member);
    const below = inner.properties ? member : inner.items && settle(api, inner.items).properties ? inner.items : null;
    const description = member.description || inner.description;
    const values = inner.enum && inner.enum.length < 20 ? `One of ${inner.enum.join(", ")}. ` : "";
    const row = el("tr", {},
      el("td", { class: `depth-${depth}` }, el("code", {}, name),
        required.includes(name) ? el("span", { class: "required" }, " required") : null,
        either.includes(name) ? el("span", { class: "required" }, ` this or ${instead(name)}`) : null),
      el("td", { class: "soft" }, typeOf(api, member)),
      el("td", {}, values, inline(description)));
    return [row, ...(below && depth < 3 ? members(api, below, direction, depth + 1) : [])];
  });
}

function sample(text) {
  const button = el("button", { type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return el("div", { class: "sample" }, el("pre", { tabindex: "0" }, el("code", {}, text)), navigator.clipboard ? button : null);
}

/** A word of a shell's command line. */
const quoted = (text) => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** An example of a parameter's value. */
function valueOf(api, parameter) {
  if (parameter.example !== undefined) return String(parameter.example);
  const settled = settle(api, parameter.schema);
  return String(settled.example ?? (settled.enum || [""])[0]);
}

/** The request with what is required, as a command for a shell. */
function curl(api, operation) {
  const path = operation.parameters.filter((parameter) => parameter.in === "path").reduce((at, parameter) =>
    at.replace(`{${parameter.name}}`, encodeURIComponent(valueOf(api, parameter))), operation.path);
  const method = operation.method === "get" ? "" : `-X ${operation.method.toUpperCase()} `;
  const lines = [`curl ${method}${quoted(operation.server + path)}`];
  if (operation.secured) lines.push(`  -H "Authorization: Bearer $TOKEN"`);
  if (operation.sample !== undefined) {
    lines.push(`  -H ${quoted("Content-Type: application/json")}`);
    lines.push(`  -d ${quoted(JSON.stringify(operation.sample))}`);
  }
  return lines.join(" \\\n");
}

function operations(api) {
  return Object.entries(api.paths).flatMap(([path, item]) => METHODS.filter((method) => item[method]).map((method) => {
    const spec = item[method];
    const content = spec.requestBody && Object.values(spec.requestBody.content || {})[0];
    return {
      path, method, spec,
      id: spec.operationId || `${method}-${path}`,
      group: (spec.tags || ["other"])[0],
      demands: spec["x-majordomo"] || {},
      secured: (spec.security || []).length > 0 && spec.security.every((one) => Object.keys(one).length),
      server: (spec.servers || api.servers || [{ url: "" }])[0].url.replace(/\/$/, ""),
      place: (spec["x-majordomo"] || {}).place || 0,
      parameters: (spec.parameters || []).map((parameter) => resolve(api, parameter)),
      body: content && content.schema,
      sample: content && content.example,
    };
  })).sort((a, b) => a.place - b.place);
}

function response(api, status, answer) {
  answer = resolve(api, answer);
  const content = Object.entries(answer.content || {})[0];
  const schema = content && content[1].schema;
  const isProblem = content && content[0] === "application/problem+json";
  return el("tr", {}, el("td", {}, el("code", {}, status)),
    el("td", {}, inline(answer.description)),
    el("td", { class: "soft" }, isProblem ? el("a", { href: "#errors" }, "problem") : (schema && (nameOf(schema) || typeOf(api, schema))) || ""));
}

function article(api, operation) {
  const { spec, method, path, demands } = operation;
  const parts = [el("h3", {}, spec.summary || operation.id),
    el("div", { class: "where" }, el("span", { class: `method ${method}` }, method.toUpperCase()), el("span", {}, path)),
    ...prose(spec.description)];
  const facts = [["Needs", demands.permission], ["Listener", demands.listener], ["Limit", demands.limit]];
  parts.push(el("ul", { class: "tags" }, facts.filter(([, value]) => value).map(([name, value]) => el("li", {}, `${name}: ${value}`))));
  parts.push(sample(curl(api, operation)));
  if (operation.parameters.length) {
    parts.push(el("h4", {}, "Parameters"), table(["Name", "Where", "Type", "Meaning"], operation.parameters.map((parameter) =>
      el("tr", {}, el("td", {}, el("code", {}, parameter.name), parameter.required ? el("span", { class: "required" }, " required") : null),
        el("td", { class: "soft" }, parameter.in), el("td", { class: "soft" }, typeOf(api, parameter.schema)),
        el("td", {}, inline(parameter.description))))));
  }
  if (operation.body) {
    parts.push(el("h4", {}, "Body"), table(["Field", "Type", "Meaning"], members(api, operation.body, "sent")));
  }
  const answers = Object.entries(spec.responses || {});
  const success = answers.find(([status]) => status.startsWith("2"));
  const content = success && Object.values(resolve(api, success[1]).content || {})[0];
  const rows = content && content.schema ? members(api, content.schema, "answered") : [];
  if (rows.length) parts.push(el("h4", {}, `Answer ${success[0]}`), table(["Field", "Type", "Meaning"], rows));
  parts.push(el("details", {}, el("summary", {}, "Statuses"),
    table(["Status", "When", "What"], answers.map(([status, answer]) => response(api, status, answer)))));
  return el("article", { class: "operation", id: operation.id }, parts);
}

function errors(api) {
  const rows = (api["x-problem-codes"] || []).map((row) => el("tr", { class: "error-row", id: `error-${row.code}` },
    el("td", {}, el("code", {}, row.code)), el("td", { class: "soft" }, String(row.status)),
    el("td", {}, el("strong", {}, row.title), ". ", inline(row.meaning))));
  return [el("h2", { class: "group", id: "errors" }, "Errors"),
    el("p", {}, "Every refusal is a problem document (RFC 9457, application/problem+json). Programs branch on ",
      el("code", {}, "code"), "; ", el("code", {}, "errors"), " names fields by JSON pointer; ", el("code", {}, "outcome"),
      " says whether anything was changed."),
    el("div", { class: "operation" }, table(["Code", "Status", "Meaning"], rows))];
}

function index(groups, filter) {
  const wanted = filter.trim().toLowerCase();
  const matches = (operation) => !wanted ||
    `${operation.method} ${operation.path} ${operation.id} ${operation.spec.summary || ""}`.toLowerCase().includes(wanted);
  const parts = groups.flatMap(([group, list]) => {
    const shown = list.filter(matches);
    if (!shown.length) return [];
    return [el("h2", {}, group), el("ul", {}, shown.map((operation) => el("li", {}, el("a", { href: `#${operation.id}` },
      el("span", { class: `method ${operation.method}` }, operation.method.toUpperCase()),
      el("span", {}, operation.spec.summary || operation.id)))))];
  });
  if (!wanted || "errors".includes(wanted)) parts.push(el("h2", {}, "reference"), el("ul", {}, el("li", {}, el("a", { href: "#errors" }, "Errors"))));
  return parts.length ? parts : [el("p", { class: "none" }, "Nothing matches.")];
}

function follow(nav) {
  const mark = () => {
    const links = [...nav.querySelectorAll("a")];
    const above = links.filter((link) => {
      const target = document.getElementById(link.hash.slice(1));
      return target && target.getBoundingClientRect().top < 120;
    });
    links.forEach((link) => link.removeAttribute("aria-current"));
    if (above.length) above[above.length - 1].setAttribute("aria-current", "true");
  };
  let waiting = false;
  addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; mark(); });
  }, { passive: true });
  mark();
}

async function start() {
  const content = document.getElementById("content");
  const nav = document.getElementById("nav");
  const filter = document.getElementById("filter");
  let api;
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    api = await answer.json();
  } catch (error) {
    content.replaceChildren(el("h1", {}, "The description could not be loaded"), el("p", {}, String(error)));
    return;
  }
  document.getElementById("version").textContent = api.info.version;
  const groups = [...operations(api).reduce((map, operation) =>
    map.set(operation.group, [...(map.get(operation.group) || []), operation]), new Map())];
  const tags = api.tags || [];
  const place = (group) => tags.findIndex((tag) => tag.name === group);
  groups.sort(([a], [b]) => place(a) - place(b));
  content.replaceChildren(el("h1", {}, `${api.info.title} API`), ...prose(api.info.description),
    ...groups.flatMap(([group, list]) => [el("h2", { class: "group" }, group), ...prose((tags[place(group)] || {}).description), ...list.map((operation) => article(api, operation))]),
    ...errors(api));
  const show = () => nav.replaceChildren(...index(groups, filter.value));
  filter.addEventListener("input", show);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== filter) { event.preventDefault(); filter.focus(); }
  });
  show();
  follow(nav);
  if (location.hash) {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target) { target.classList.add("found"); target.scrollIntoView({ behavior: "instant" }); }
  }
}

start();
