// Answers about what is over and does not change any more, each asked for once: what a decision has weighed, and who shared the cluster.

import { get, Problem } from "./api.js";

const AGAIN_MS = 10000;

export class Answers {
  /** `arrived` is called when there is one more. */
  constructor(arrived) {
    this.known = new Map();
    this.arrived = arrived;
    this.count = 0;
  }

  /** The answer; null where there is none, or none yet. */
  of(path) {
    if (!this.known.has(path)) this.ask(path);
    return this.known.get(path);
  }

  async ask(path) {
    this.known.set(path, null);
    try {
      this.known.set(path, await get(path));
      this.count += 1;
      this.arrived();
    } catch (error) {
      // What is not there stays so; what could not be asked is asked again.
      if (!(error instanceof Problem && error.status === 404)) setTimeout(() => this.known.delete(path), AGAIN_MS);
    }
  }

  /** What the decision of this event has weighed. */
  weighed(uuid, version) { return this.of("/api/v1/jobs/" + uuid + "/decisions/" + version); }

  /** How the cluster was shared in this round. */
  round(number) { return this.of("/api/v1/rounds/" + number); }
}
