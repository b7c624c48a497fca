// A job's events, as far as they are loaded: its first ones, and the newest without a hole. Versions count from 1 without gaps, so that what
// is missing is known, and is told.

import { get, query } from "./api.js";

const PAGE = 1000;
const FIRST = 20;
const NEWEST = 4000;

export class Events {
  constructor(uuid) {
    this.path = "/api/v1/jobs/" + uuid + "/events";
    this.first = [];
    this.newest = [];
  }

  /** The version of the last event that is loaded. */
  get last() {
    const events = this.newest.length ? this.newest : this.first;
    return events.length ? events[events.length - 1].version : 0;
  }

  /** The versions that are not loaded, from and to; null when there are none. */
  get gap() {
    const from = this.first.length + 1, to = this.newest.length ? this.newest[0].version - 1 : 0;
    return to >= from ? { from, to } : null;
  }

  get count() {
    return this.first.length + this.newest.length;
  }

  /** Reads the newest, and the first where those are not among them. */
  async begin() {
    await this.earlier(NEWEST);
    if (!this.gap) return;
    const page = await get(query(this.path, { limit: FIRST }));
    this.first = page.items.filter(event => event.version < this.newest[0].version);
  }

  /** Reads so many events before the newest that are loaded, or as many as there are; back to `version` at least, where one is given. */
  async earlier(count, version = Infinity) {
    const found = [];
    let oldest = this.newest.length ? this.newest[0].version : null;
    while (oldest !== this.first.length + 1 && (found.length < count || oldest > version)) {
      const page = await get(query(this.path, { order: "desc", limit: PAGE, after: oldest }));
      found.push(...page.items.filter(event => event.version > this.first.length));
      if (page.next === null || page.items.length === 0) break;
      oldest = page.items[page.items.length - 1].version;
      if (oldest <= this.first.length + 1) break;
    }
    this.newest = [...found.reverse(), ...this.newest];
  }

  /** Takes an event that came by itself: "next", "known", or "ahead" of others that have to be read first. */
  take(event) {
    if (event.version <= this.last) return "known";
    if (event.version > this.last + 1) return "ahead";
    this.newest.push(event);
    return "next";
  }

  /** Reads what has come since, and returns it. */
  async catchUp() {
    const found = [];
    for (let next = ""; next !== null;) {
      const page = await get(query(this.path, { limit: PAGE, after: this.last || "" }));
      for (const event of page.items) if (this.take(event) === "next") found.push(event);
      next = page.next;
    }
    return found;
  }
}
