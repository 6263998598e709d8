// The one place that speaks to the service. The token lives in this module's memory and nowhere else.

let token = "";

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || `The service answered ${status}.`);
    this.status = status;
    this.hint = problem.hint || "";
    this.cells = Array.isArray(problem.cells) ? problem.cells : [];
    this.requestId = problem.request_id || "";
  }
}

export function setToken(text) {
  token = text.trim();
}

export function hasToken() {
  return token !== "";
}

// Addresses are relative to the page, so that the service may stand under any prefix.
export function address(path) {
  return new URL(path, document.baseURI).href;
}

export async function send(path, { method = "GET", type, accept = "application/json", body } = {}) {
  const headers = { Accept: accept };
  if (type) headers["Content-Type"] = type;
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(address(path), { method, headers, body, credentials: "same-origin", redirect: "error" });
  } catch {
    throw new Refused(0, { detail: "The service does not answer.", hint: "Is it still running?" });
  }
  if (response.ok) return response;
  let problem = {};
  try {
    problem = await response.json();
  } catch { /* an answer of something between here and the service, in a form of its own */ }
  throw new Refused(response.status, problem ?? {});
}
