// The supervisor's answers. The browser sends the session's cookie by itself.

/** Nobody is logged in, or the session is over. */
export class Refused extends Error {}
/** Nobody answers. */
export class Unreachable extends Error {}
/** The supervisor says what is wrong. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || "the supervisor answered " + status);
    this.status = status;
    this.field = body.field;
  }
}

const PATIENCE_MS = 20000;

async function ask(method, path, body, patience = PATIENCE_MS) {
  let answer;
  try {
    answer = await fetch(path, {
      method, cache: "no-store", signal: AbortSignal.timeout(patience),
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
  } catch (error) {
    throw new Unreachable(error.name === "TimeoutError" ? "no answer within " + patience / 1000 + " s" : "nobody answers");
  }
  const found = answer.status === 204 ? null : await answer.json().catch(() => ({}));
  if (answer.status === 401) throw new Refused(found.detail);
  if (!answer.ok) throw new Problem(answer.status, found);
  return found;
}

export const get = path => ask("GET", path);
export const send = (method, path, body, patience) => ask(method, path, body, patience);

/** The address of a list, narrowed by what is given. */
export function query(path, narrowed) {
  const given = Object.entries(narrowed).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return path + "?" + new URLSearchParams(given);
}
