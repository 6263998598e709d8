// Why the model says so: what each column adds to the prediction, as signed bars. Asked for when it is opened.

import { Refused, send } from "./client.js";
import { breakable, byId, count, element, shownNumber, shownShare } from "./elements.js";
import { textOf } from "./fields.js";

const MOST = 8;

export function whyPanel(card, { onColumn }) {
  const panel = byId("why");
  const told = byId("why-told");
  let asked = null; // the row of the prediction that is shown, with its answer
  let shown = null;

  async function tell() {
    if (!panel.open || asked === null || shown === asked) return;
    const mine = asked;
    shown = mine;
    told.setAttribute("aria-busy", "true");
    try {
      const body = JSON.stringify({ rows: [mine.row] });
      const response = await send("predict?explain=true", { method: "POST", type: "application/json", body });
      const answer = await response.json();
      if (mine === asked) show(answer, mine.row);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (mine !== asked) return;
      shown = null;
      told.replaceChildren(element("p", { class: "refused" }, error.message), error.hint ? element("p", { class: "hint" }, error.hint) : "");
    } finally {
      told.removeAttribute("aria-busy");
    }
  }

  function show(answer, row) {
    const why = answer.explanations;
    const sizes = Object.entries(why.contributions).map(([name, values]) => ({
      name, size: values[0], error: why.errors?.[name][0] ?? null, cell: row[name],
    }));
    sizes.sort((a, b) => Math.abs(b.size) - Math.abs(a.size));
    const most = Math.abs(sizes[0]?.size ?? 0);
    const total = sizes.reduce((sum, one) => sum + one.size, why.base[0]);
    if (why.method === "constant" || most === 0) {
      told.replaceChildren(element("p", {}, "No column changes this prediction."));
      return;
    }
    const unit = unitOf(why.scale, most);
    const list = (part) => element("ul", { class: "signed" }, ...part.map((one) => bar(one, most, unit)));
    const rest = sizes.slice(MOST);
    told.replaceChildren(
      element("p", {}, sentenceOf(card, answer, why, unit(total), unit(why.base[0]))),
      list(sizes.slice(0, MOST)),
      rest.length ? element(
        "details", {},
        element("summary", {}, `${count(rest.length, "other column")}, together ${signed(rest.reduce((sum, one) => sum + one.size, 0), unit)}`),
        list(rest),
      ) : "",
      element("p", { class: "hint" }, methodOf(why)),
    );
  }

  function bar({ name, size, error, cell }, most, unit) {
    const fill = element("span", { class: "fill" });
    // Set through the object model: the page's policy allows no style attribute.
    fill.style.width = `${(50 * Math.abs(size)) / most}%`;
    fill.style[size < 0 ? "right" : "left"] = "50%";
    return element(
      "li", { class: size < 0 ? "against" : "for" },
      element(
        "span", { class: "name" },
        element("button", { type: "button", class: "link", onclick: () => onColumn(name) }, breakable(name, /(?<=[_.\-])/)),
        element("span", { class: "cell" }, cell === null || cell === undefined ? "missing" : textOf(cell)),
      ),
      element("span", { class: "size" }, signed(size, unit), error === null ? "" : element("span", { class: "cell" }, ` ± ${unit(error)}`)),
      element("span", { class: "track", "aria-hidden": "true" }, fill),
    );
  }

  panel.addEventListener("toggle", tell);
  return {
    // A new prediction stands above: what was told of the last one is forgotten.
    about(row) {
      asked = { row };
      panel.hidden = false;
      if (!panel.open) told.replaceChildren();
      tell();
    },
    none() {
      asked = null;
      shown = null;
      panel.hidden = true;
      told.replaceChildren();
    },
  };
}

// Numbers in one list have the same decimals: three digits of the largest.
function unitOf(scale, most) {
  if (scale === "probability") return (value) => shownShare(value).replace(" ", "\u00a0");
  const decimals = Math.min(12, Math.max(0, 2 - Math.floor(Math.log10(most))));
  return (value) => (decimals ? value.toFixed(decimals) : shownNumber(Math.round(value))).replace("-", "−");
}

function signed(value, unit) {
  // A share below a twentieth of a percent reads "< 0.1 %", which a sign would turn into nonsense.
  const text = unit(Math.abs(value));
  if (text.startsWith("<")) return `${value < 0 ? "−" : "+"} ${text}`;
  return value === 0 ? text : `${value < 0 ? "−" : "+"}${text}`;
}

function sentenceOf(card, answer, why, total, base) {
  const label = String(answer.predictions[0]);
  const what = {
    target: `The predicted ${card.target.name}`,
    log_target: `The logarithm of ${card.target.name}`,
    probability: `The probability of ${label}`,
    log_odds: `The log-odds of ${label}`,
    score: `The score of ${label}`,
  }[why.scale];
  const plural = why.scale === "log_odds";
  return `${what} ${plural ? "begin" : "begins"} at ${base}, where nothing is known of the row. Its columns bring ${plural ? "them" : "it"} to ${total}.`;
}

function methodOf(why) {
  const compared = `compared with ${why.background_rows} stored rows`;
  return {
    linear: "Exact: coefficient times distance from the average training row.",
    tree_shap: "Exact SHAP values of the trees.",
    enumerated: `Exact Shapley values, ${compared}.`,
    sampled: `Shapley values from a sample of orders, ${compared}; ± is one standard error.`,
  }[why.method];
}
