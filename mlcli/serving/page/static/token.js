// Asks for a token where the service wants one, and tries again with it.

import { Refused, setToken } from "./client.js";
import { byId } from "./elements.js";

export function withToken(load) {
  const form = byId("token");
  const attempt = async () => {
    try {
      await load();
      form.hidden = true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      byId("loading").hidden = error.status === 401;
      byId("loading").textContent = `${error.message} ${error.hint}`;
      if (error.status !== 401) return;
      const again = !form.hidden;
      form.hidden = false;
      byId("token-error").textContent = again ? "The service does not know this token." : "";
      byId("token-text").focus();
    }
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    setToken(byId("token-text").value);
    attempt();
  });
  return attempt();
}
