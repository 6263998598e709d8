// A reader of the OpenAPI document: operations by dialect, with their parameters, bodies and answers.

import { send } from "./client.js";
import { breakable, byId, copyButton, element } from "./elements.js";
import { showSchema } from "./schema.js";
import { withToken } from "./token.js";

const METHODS = ["get", "post", "put", "patch", "delete", "head", "options"];

withToken(async () => show(await (await send("openapi.json")).json()));

function show(document_) {
  byId("loading").hidden = true;
  byId("api").hidden = false;
  document.title = `${document_.info.title} API · mlcli`;
  byId("about").replaceChildren(
    element("h1", {}, `${document_.info.title} API`),
    prose(document_.info.description, { class: "lead" }),
    document_.security ? element("p", {}, "Every request carries a token: ", element("code", {}, "Authorization: Bearer TOKEN"), ". Where none is needed, the operation says so.") : "",
  );
  const groups = (document_.tags ?? []).map((tag) => ({ ...tag, operations: operationsOf(document_, tag.name) }));
  byId("contents").replaceChildren(...groups.map((group) => element(
    "div", {},
    element("h2", {}, group.name),
    element("ul", {}, ...group.operations.map((operation) => element(
      "li", {}, element("a", { href: `#${operation.id}` }, element("span", { class: `method ${operation.method}` }, operation.method), pathOf(operation.path)),
    ))),
  )));
  byId("operations").replaceChildren(...groups.map((group) => element(
    "section", { class: "group", "aria-labelledby": `group-${group.name}` },
    element("h2", { id: `group-${group.name}` }, group.name),
    prose(group.description, { class: "muted" }),
    ...group.operations.map((operation) => showOperation(operation, document_)),
  )));
  const wanted = window.location.hash.slice(1);
  if (wanted) document.getElementById(wanted)?.scrollIntoView();
}

function operationsOf(document_, tag) {
  return Object.entries(document_.paths).flatMap(([path, item]) => METHODS
    .filter((method) => item[method]?.tags?.includes(tag))
    .map((method) => ({ path, method, id: item[method].operationId, ...item[method] })));
}

function pathOf(path) {
  return element("span", { class: "path" }, breakable(path, /(?<=\/)/));
}

// What stands between backticks is code.
function prose(text, attributes) {
  return element("p", attributes, ...(text ?? "").split("`").map((part, i) => (i % 2 ? element("code", {}, part) : part)));
}

function showOperation(operation, document_) {
  return element(
    "article", { class: "operation", id: operation.id, "aria-labelledby": `${operation.id}-title` },
    element("h3", { id: `${operation.id}-title` }, element("span", { class: `method ${operation.method}` }, operation.method), pathOf(operation.path)),
    element("p", { class: "summary" }, operation.summary ?? ""),
    operation.description && operation.description !== operation.summary ? prose(operation.description, { class: "muted" }) : null,
    document_.security && operation.security?.length === 0 ? element("p", { class: "hint" }, "No token is needed.") : null,
    parameters(operation.parameters ?? [], document_),
    operation.requestBody ? bodies("Body", operation.requestBody.content, document_) : null,
    responses(operation.responses ?? {}, document_),
  );
}

function parameters(list, document_) {
  if (!list.length) return null;
  return element("div", { class: "part" }, element("h4", {}, "Parameters"), element("dl", { class: "properties" }, ...list.flatMap((parameter) => [
    element("dt", {}, element("code", {}, parameter.name), element("span", { class: "hint" }, ` ${parameter.in}${parameter.required ? "" : ", optional"}`)),
    element("dd", {}, parameter.description ? element("p", {}, parameter.description) : null, showSchema(parameter.schema ?? {}, document_)),
  ])));
}

function bodies(title, content, document_) {
  return element("div", { class: "part" }, element("h4", {}, title), ...Object.entries(content).map(([type, media], i) => element(
    "details", { open: i === 0 },
    element("summary", {}, element("code", {}, type)),
    ...examples(media),
    showSchema(media.schema ?? {}, document_),
  )));
}

function examples(media) {
  const all = { ...media.examples };
  if (media["x-example"]) all.text = { summary: "One row", value: media["x-example"] };
  return Object.entries(all).map(([name, example]) => {
    const text = typeof example.value === "string" ? example.value : JSON.stringify(example.value, null, 2);
    const title = example.summary ?? name;
    return element(
      "details", { class: "call" },
      element("summary", {}, `Example: ${title.toLowerCase()}`),
      copyButton(() => text, `example ${title}`),
      element("pre", { tabindex: "0", "aria-label": title }, element("code", {}, text)),
    );
  });
}

function responses(all, document_) {
  return element("div", { class: "part" }, element("h4", {}, "Answers"), ...Object.entries(all).map(([status, response]) => element(
    "details", { class: "response" },
    element("summary", {}, element("code", { class: status < "300" ? "good" : null }, status), ` ${response.description ?? ""}`),
    ...headers(response.headers),
    ...Object.entries(response.content ?? {}).map(([type, media]) => element("div", {}, element("p", { class: "hint" }, type), showSchema(media.schema ?? {}, document_))),
  )));
}

function headers(all) {
  return Object.entries(all ?? {}).map(([name, header]) => element("p", { class: "hint" }, element("code", {}, name), `: ${header.description ?? ""}`));
}
