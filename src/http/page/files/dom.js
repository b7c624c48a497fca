// Elements. Whatever comes from outside goes in as text: there is no way here to make markup of it.

const SVG = "http://www.w3.org/2000/svg";

function fill(made, properties, children) {
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat(3).filter(child => child !== null && child !== undefined && child !== false)
    .map(child => child instanceof Node ? child : document.createTextNode(String(child))));
  return made;
}

/** An HTML element; `on...` properties are listeners. */
export const h = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);

/** An SVG element. */
export const s = (tag, properties, ...children) => fill(document.createElementNS(SVG, tag), properties, children);

export const at = id => document.getElementById(id);

/** Says something to those who do not see the page; the same twice in a row is said once. */
export function announce(text) {
  if (at("announcer").textContent !== text) at("announcer").textContent = text;
}

/** A table with a caption for those who do not see what it belongs to. */
export function table(caption, heads, rows, kind) {
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", { class: kind || "plain" }, h("caption", { class: "hidden" }, caption),
      h("thead", {}, h("tr", {}, heads.map(head => h("th", { scope: "col" }, head)))),
      h("tbody", {}, rows.map(row => h("tr", {}, row.map((cell, index) =>
        index === 0 ? h("th", { scope: "row" }, cell) : h("td", { "data-label": heads[index] }, cell)))))));
}

/** Something that is missing, and what to do about it. */
export const notice = (kind, title, ...rest) =>
  h("div", { class: "notice " + kind, role: kind === "bad" ? "alert" : null }, h("h2", {}, title), ...rest);
