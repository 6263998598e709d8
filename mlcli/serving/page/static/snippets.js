// The call that was just made, for a shell and for Python.

import { address, hasToken } from "./client.js";
import { copyButton, element } from "./elements.js";

export function curlCall(body) {
  const text = JSON.stringify(body, null, 2).replaceAll("'", `'\\''`);
  const token = hasToken() ? ` \\\n  -H "Authorization: Bearer $TOKEN"` : "";
  return `curl -sS '${address("predict").replaceAll("'", "%27")}' \\\n  -H 'Content-Type: application/json'${token} \\\n  -d '${text}'`;
}

export function pythonCall(body) {
  const token = hasToken() ? `, "Authorization": f"Bearer {os.environ['TOKEN']}"` : "";
  return [
    "import json",
    ...(hasToken() ? ["import os"] : []),
    "from urllib.request import Request, urlopen",
    "",
    `body = ${pythonLiteral(body, "")}`,
    "request = Request(",
    `    ${JSON.stringify(address("predict"))},`,
    "    data=json.dumps(body).encode(),",
    `    headers={"Content-Type": "application/json"${token}},`,
    ")",
    "with urlopen(request) as response:",
    "    print(json.load(response))",
  ].join("\n");
}

function pythonLiteral(value, indent) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const deeper = `${indent}    `;
  const parts = Array.isArray(value)
    ? value.map((item) => `${deeper}${pythonLiteral(item, deeper)},`)
    : Object.entries(value).map(([key, item]) => `${deeper}${JSON.stringify(key)}: ${pythonLiteral(item, deeper)},`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return parts.length ? `${open}\n${parts.join("\n")}\n${indent}${close}` : `${open}${close}`;
}

export function showCalls(place, body) {
  const wasOpen = new Set([...place.querySelectorAll("details[open]")].map((one) => one.dataset.kind));
  const one = (kind, text) => {
    const details = element(
      "details", { class: "call", "data-kind": kind, open: wasOpen.has(kind) },
      element("summary", {}, kind),
      copyButton(() => text, `${kind} call`),
      element("pre", { tabindex: "0", "aria-label": `${kind} call` }, element("code", {}, text)),
    );
    return details;
  };
  place.replaceChildren(element("h2", {}, "The same call"), one("curl", curlCall(body)), one("Python", pythonCall(body)));
  place.hidden = false;
}
