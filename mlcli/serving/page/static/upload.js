// A CSV to the service, and the scored file back.

import { send } from "./client.js";
import { joined, recordsOf } from "./csv.js";
import { byId, count, element } from "./elements.js";

const MOST_CELLS = 20;

export function enableUpload(card) {
  const form = byId("upload");
  const input = byId("upload-file");
  let address = null;
  const show = (...parts) => byId("upload-answer").replaceChildren(...parts.filter(Boolean));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (address) URL.revokeObjectURL(address);
    address = null;
    const file = input.files[0];
    if (!file) {
      show(element("p", { class: "refused" }, "Choose a file first."));
      input.focus();
      return;
    }
    if (file.size > card.limits.max_body) {
      show(element("p", { class: "refused" }, `The file is larger than this service reads (${count(card.limits.max_body, "byte")}).`));
      return;
    }
    show(element("p", { class: "muted" }, "Scoring…"));
    try {
      const scored = await score(file);
      address = URL.createObjectURL(new Blob([scored.text], { type: "text/csv" }));
      const name = `${file.name.replace(/\.csv$/i, "")}-scored.csv`;
      show(
        element("p", {}, `${count(scored.n_rows, "row")} scored.`, scored.whole ? "" : " The file holds the predictions alone, in the order of the rows."),
        element("p", {}, element("a", { href: address, download: name, class: "button" }, `Download ${name}`)),
      );
    } catch (error) {
      show(...problemOf(error));
    }
  });
}

async function score(file) {
  const body = await file.arrayBuffer();
  const response = await send("predict", { method: "POST", type: "text/csv", accept: "text/csv", body });
  const answer = await response.text();
  const text = readable(body);
  const whole = text === null ? null : joined(text, answer);
  return { text: whole ?? answer, whole: whole !== null, n_rows: Math.max(0, recordsOf(answer).length - 1) };
}

function readable(body) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    return null;
  }
}

function problemOf(error) {
  const shown = (error.cells ?? []).slice(0, MOST_CELLS);
  const more = (error.cells ?? []).length - shown.length;
  return [
    element("p", { class: "refused" }, error.message),
    shown.length ? element(
      "div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Bad cells" },
      element(
        "table", {},
        element("thead", {}, element("tr", {}, ...["Row", "Column", "Rule"].map((text) => element("th", { scope: "col" }, text)))),
        element("tbody", {}, ...shown.map((cell) => element(
          "tr", {}, element("td", {}, String(cell.row)), element("th", { scope: "row" }, cell.column), element("td", {}, cell.rule),
        ))),
      ),
    ) : null,
    more > 0 ? element("p", { class: "hint" }, `and ${count(more, "more cell")}.`) : null,
    error.hint ? element("p", { class: "hint" }, error.hint) : null,
  ];
}
