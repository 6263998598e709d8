// The page: load the model card, build the form from it, send rows, show answers.

import { remarkOf, showAnswer, showProblem } from "./answer.js";
import { showCard } from "./card.js";
import { Refused, send } from "./client.js";
import { byId } from "./elements.js";
import { buildForm } from "./form.js";
import { recentTable } from "./recent.js";
import { showCalls } from "./snippets.js";
import { withToken } from "./token.js";
import { enableUpload } from "./upload.js";
import { whyPanel } from "./why.js";

withToken(async () => start(await (await send("model")).json()));

function start(card) {
  showCard(card);
  byId("loading").hidden = true;
  byId("model").hidden = false;
  let asked = 0;
  const form = buildForm(card, () => predict());
  const recent = recentTable((row) => { form.write(row); predict({ noted: false }); });
  const why = whyPanel(card, { onColumn: form.reveal });
  enableUpload(card);

  async function predict({ moving = true, noted = true } = {}) {
    asked += 1;
    const mine = asked;
    const row = form.read();
    const body = { rows: [row] };
    const changes = form.changes();
    const onColumn = form.reveal;
    showCalls(byId("calls"), body);
    byId("answer").setAttribute("aria-busy", "true");
    const before = performance.now();
    try {
      const response = await send("predict", { method: "POST", type: "application/json", body: JSON.stringify(body) });
      const answer = await response.json();
      if (mine !== asked) return; // a later row is on its way
      form.clearMarks();
      for (const warning of answer.warnings ?? []) form.field(warning.column)?.remark(remarkOf(warning.kind));
      showAnswer(card, answer, { seconds: (performance.now() - before) / 1000, onColumn });
      why.about(row);
      if (noted) recent.add(entryOf(row, changes, answer));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (mine !== asked) return;
      form.clearMarks();
      for (const cell of error.cells) form.field(cell.column)?.refuse(cell.rule);
      showProblem(error, { onColumn });
      why.none();
      if (moving && error.cells.length) onColumn(error.cells[0].column);
    } finally {
      byId("answer").removeAttribute("aria-busy");
    }
    if (moving) intoView();
  }

  predict({ moving: false });
}

function entryOf(row, changes, answer) {
  const prediction = answer.predictions[0];
  const share = answer.probabilities?.[String(prediction)]?.[0] ?? null;
  const picker = byId("example");
  const unusual = [...new Set((answer.warnings ?? []).map((warning) => warning.column))];
  return { row, changes, prediction, share, unusual, start: picker.selectedOptions[0]?.textContent ?? "" };
}

// On a phone the answer stands below the form.
function intoView() {
  const box = byId("answer").getBoundingClientRect();
  if (document.querySelector("[aria-invalid]")) return;
  if (box.top < 0 || box.top > window.innerHeight - 120) {
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    byId("answer").scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
  }
}
