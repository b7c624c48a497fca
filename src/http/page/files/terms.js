// What the page calls CPU and CPU time: one name for each, and what it means.

import { h } from "./dom.js";

/** CPU at one instant, and CPU over a time. */
export const TERMS = {
  reserved: { name: "Reserved CPU", about: "CPUs that the framework has set aside for the job; nobody else is promised them." },
  limit: { name: "CPU limit", about: "The most CPUs that the job may use at once. An agent can change it while the job runs." },
  reservedTime: { name: "Reserved CPU time", about: "Reserved CPU times how long it was reserved, whether the job used it or not, in CPU-seconds." },
  grantedTime: { name: "Granted CPU time", about: "The CPU limit in force times how long the job’s iterations ran under it: the most that it could use, in CPU-seconds." },
  usedTime: { name: "Used CPU time", about: "What the job’s programs really had of the processors, as its node measured it, in CPU-seconds." },
};

/** All of them, to be opened. */
export const glossary = () => h("details", { class: "glossary" }, h("summary", {}, "What the words mean"),
  h("dl", {}, Object.values(TERMS).map(({ name, about }) => [h("dt", {}, name), h("dd", {}, about)])));
