
// The mailbox of the development inbox. Text of mails is put into the page as text, never as markup; their HTML is
// shown in a frame of its own, in which no script runs.
"use strict";

/** Mails that are listed at most, and seconds for which a request waits for the next. */
const LISTED = 100, WAIT = 25;

const at = (id) => document.getElementById(id);
const to = new URLSearchParams(location.search).get("to") || "";
let mails = [], shown = null, view = "html";

function el(name, className, text) {
  const node = document.createElement(name);
  node.className = className;
  node.textContent = text;
  return node;
}

const time = (mail) => new Date(mail.createdAt).toLocaleString();

function row(mail) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(el("span", "to", mail.to), el("span", "subject", mail.subject || mail.text.split("\n")[0]));
  if (mail.code) button.append(el("span", "code", mail.code));
  button.append(el("span", "when", `${time(mail)}, ${mail.channel}`));
  if (shown && mail.id === shown.id) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => { show(mail); at("mail").focus(); });
  const item = document.createElement("li");
  item.append(button);
  return item;
}

function list() {
  const box = at("list"), focused = box.contains(document.activeElement);
  box.replaceChildren(...mails.map(row));
  if (focused) box.querySelector("[aria-current]")?.focus();
  at("nothing").hidden = mails.length > 0;
}

function show(mail) {
  const isOther = !shown || shown.id !== mail.id;
  shown = mail;
  at("mail").hidden = false;
  at("subject").textContent = mail.subject || "Text message";
  at("about").textContent = `to ${mail.to}, ${time(mail)}, template ${mail.template}`;
  at("code-box").hidden = !mail.code;
  at("code").textContent = mail.code || "";
  at("copy").textContent = "Copy the code";
  at("link-box").hidden = !mail.link;
  if (mail.link) at("link").href = mail.link;
  at("views").hidden = !mail.html;
  at("text").textContent = mail.text;
  // A new frame instead of another address for the old one: no step of the browser's history.
  if (isOther && mail.html) {
    const frame = at("html").cloneNode(false);
    frame.src = `/dev/inbox/${encodeURIComponent(mail.id)}/html`;
    at("html").replaceWith(frame);
  }
  look();
  list();
}

/** Shows the mail as HTML or as text; a text message has no HTML. */
function look() {
  const asHtml = view === "html" && Boolean(shown.html);
  at("html").hidden = !asHtml;
  at("text").hidden = asHtml;
  at("as-html").setAttribute("aria-pressed", String(asHtml));
  at("as-text").setAttribute("aria-pressed", String(!asHtml));
}

function state(text, isLost) {
  at("state").textContent = text;
  at("state").classList.toggle("lost", Boolean(isLost));
}

async function load(wait) {
  const query = new URLSearchParams({ limit: String(LISTED), wait: String(wait) });
  if (to) query.set("to", to);
  if (mails.length) query.set("after", mails[0].id);
  const answer = await fetch(`/dev/inbox?${query}`, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return (await answer.json()).data;
}

const pause = (seconds) => new Promise((go) => setTimeout(go, seconds * 1000));

/** Shows new mails as they arrive, for as long as the page is open. */
async function live() {
  for (let wait = 0; ; wait = WAIT) {
    try {
      const fresh = await load(wait);
      // The newest mail is opened unless the reader has opened an older one.
      const follows = !shown || (mails.length > 0 && shown.id === mails[0].id);
      mails = [...fresh, ...mails].slice(0, LISTED);
      const count = mails.length === 1 ? "1 mail" : `${mails.length} mails`;
      state(`${count}${to ? ` to ${to}` : ""}. New mail appears by itself.`);
      if (fresh.length && follows) show(mails[0]); else list();
    } catch (error) {
      state(`New mail does not arrive: ${error.message}. Trying again.`, true);
      await pause(2);
    }
  }
}

at("to").value = to;
at("filter").addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = at("to").value.trim();
  location.search = wanted ? `?${new URLSearchParams({ to: wanted })}` : "";
});
at("as-html").addEventListener("click", () => { view = "html"; look(); });
at("as-text").addEventListener("click", () => { view = "text"; look(); });
at("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(shown.code);
    at("copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(at("code"));
    at("copy").textContent = "Selected: press Ctrl+C";
  }
});
live();
