// One chart: axes, regions, lines, bars, and marks that can be reached by keyboard. Drawn to the width that it has.

import { h, s, table } from "./dom.js";

const HEIGHT = 230;
const PAD = { top: 14, right: 14, bottom: 34, left: 62 };

/** Round steps for `count` marks or so between two figures. */
function ticks(low, high, count, steps) {
  const rough = (high - low) / count || 1;
  const base = 10 ** Math.floor(Math.log10(rough));
  const step = (steps || []).find(one => one >= rough) || [1, 2, 5, 10].map(one => one * base).find(one => one >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-9; value += step) found.push(Math.abs(value) < step * 1e-9 ? 0 : value);
  return found;
}

/** Steps that are round in time, in seconds. */
export const TIME_STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800];

export function extent(values, ...more) {
  let low = Infinity, high = -Infinity;
  for (const value of [...values, ...more]) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low > high ? [0, 1] : low === high ? [low - Math.abs(low || 1) * 0.1, high + Math.abs(high || 1) * 0.1] : [low, high];
}

/** A scale that shows `values` and all of `bounds`; but for a few values that are so far beyond all others that these could not be told apart. */
export function robust(values, bounds) {
  const sorted = values.filter(Number.isFinite).sort((one, other) => one - other), last = sorted.length - 1;
  // A quarter of them at either end may be spikes; whatever rises or falls steadily is within reach.
  const [low, high] = extent([sorted[Math.ceil(last / 4)], sorted[Math.floor(last * 3 / 4)]], ...bounds), reach = (high - low) * 1.5;
  const [least, most] = extent(values.filter(value => value >= low - reach && value <= high + reach), low, high), room = (most - least) * 0.15;
  return [least - room, most + room];
}

/**
 * A chart as a figure. `draw()` returns what is to be seen now:
 * x, y: { domain, label, format, steps }; regions: [{ kind, pieces: [{ x0, x1, from, to }], label }]; lines: [{ kind, points, step, label, dots }];
 * bars: [{ kind, x0, x1, y, title }]; rules: [{ x | y, label }]; marks: [{ x, y, kind, label, open }]; gap: [x0, x1] of which nothing is loaded;
 * a mark that has a `value`, and lies beyond the scale, is a triangle at the edge with its value; said: a text of the legend; rows, heads: the table; empty: a text. A point that is null ends its line; the next begins another.
 */
export function chart(title, about, draw) {
  const picture = s("svg", { class: "chart" });
  const under = h("p", { class: "hint", "aria-live": "polite" });
  const legend = h("ul", { class: "legend" });
  const figures = h("div", {});
  const asTable = h("details", { ontoggle: () => redraw() }, h("summary", {}, "As a table"), figures);
  const element = h("figure", { class: "card" }, h("figcaption", {}, h("h3", {}, title), h("p", { class: "soft" }, about)), legend, picture, under, asTable);
  let width = 0, focused = null;

  function redraw() {
    const seen = draw();
    if (asTable.open) figures.replaceChildren(seen.rows && seen.rows.length ? table(title, seen.heads, seen.rows) : h("p", { class: "soft" }, seen.empty));
    legend.replaceChildren();
    picture.replaceChildren();
    if (!width) return;
    picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    picture.setAttribute("height", HEIGHT);
    if (seen.empty) {
      picture.setAttribute("role", "img");
      picture.setAttribute("aria-label", title + ": " + seen.empty);
      picture.append(s("text", { x: width / 2, y: HEIGHT / 2, class: "empty" }, seen.empty));
      return;
    }
    picture.setAttribute("role", "group");
    picture.setAttribute("aria-label", title + ". " + (seen.summary || "") + " The same as a table is below.");
    paint(seen);
    for (const one of [...(seen.regions || []), ...(seen.lines || []), ...(seen.bars && seen.bars.length ? [seen.bars[0]] : [])]) {
      if (one.label) legend.append(h("li", {}, h("span", { class: "swatch " + (one.shape || (one.points && !one.from ? "line " : "")) + one.kind }), one.label));
    }
    if (seen.said) legend.append(h("li", {}, seen.said));
    if (focused !== null) {
      const again = picture.querySelector(`[data-mark="${focused}"]`);
      if (again) again.focus({ preventScroll: true });
    }
  }

  function paint(seen) {
    const inner = { left: PAD.left, right: width - PAD.right, top: PAD.top, bottom: HEIGHT - PAD.bottom };
    const [x0, x1] = seen.x.domain, [y0, y1] = seen.y.domain;
    const x = value => inner.left + (value - x0) / (x1 - x0 || 1) * (inner.right - inner.left);
    const y = value => inner.bottom - (Math.min(y1, Math.max(y0, value)) - y0) / (y1 - y0 || 1) * (inner.bottom - inner.top);
    const back = s("g", { "aria-hidden": "true" });
    for (const region of seen.regions || []) {
      // Regions may change from decision to decision: a strip for each piece.
      for (const piece of region.pieces) {
        const top = y(piece.to), bottom = y(piece.from), left = x(Math.max(x0, piece.x0)), right = x(Math.min(x1, piece.x1));
        if (bottom > top && right > left) back.append(s("rect", { class: "region " + region.kind, x: left, y: top, width: right - left, height: bottom - top }));
      }
    }
    if (seen.gap) {
      const [left, right] = seen.gap.map(at => x(Math.max(x0, Math.min(x1, at))));
      if (right > left) back.append(s("rect", { class: "gap", x: left, y: inner.top, width: right - left, height: inner.bottom - inner.top }),
        right - left > 60 ? s("text", { class: "tick", x: (left + right) / 2, y: inner.bottom - 8 }, "not loaded") : "");
    }
    for (const value of ticks(y0, y1, 4, seen.y.steps)) {
      back.append(s("line", { class: "grid", x1: inner.left, x2: inner.right, y1: y(value), y2: y(value) }),
        s("text", { class: "tick left", x: inner.left - 8, y: y(value) + 4 }, seen.y.format(value)));
    }
    for (const value of ticks(x0, x1, Math.max(3, Math.floor(width / 110)), seen.x.steps)) {
      back.append(s("line", { class: "grid tickmark", x1: x(value), x2: x(value), y1: inner.bottom, y2: inner.bottom + 4 }),
        s("text", { class: "tick", x: x(value), y: inner.bottom + 16 }, seen.x.format(value)));
    }
    back.append(s("text", { class: "axis", x: inner.right, y: HEIGHT - 3 }, seen.x.label),
      s("line", { class: "base", x1: inner.left, x2: inner.right, y1: inner.bottom, y2: inner.bottom }));
    for (const bar of seen.bars || []) {
      const left = x(bar.x0), top = y(bar.y);
      back.append(s("rect", { class: "bar " + bar.kind, x: left + 1, y: top, width: Math.max(1.5, x(bar.x1) - left - 2), height: Math.max(0, inner.bottom - top) },
        s("title", {}, bar.title)));
    }
    for (const rule of seen.rules || []) {
      if (rule.x !== undefined) {
        if (rule.x < x0 || rule.x > x1) continue;
        const flip = x(rule.x) > width - 90;
        back.append(s("line", { class: "rule", x1: x(rule.x), x2: x(rule.x), y1: inner.top, y2: inner.bottom }),
          s("text", { class: "rulename" + (flip ? " flip" : ""), x: x(rule.x) + (flip ? -5 : 5), y: inner.top + 9 }, rule.label));
      } else if (rule.y >= y0 && rule.y <= y1) {
        back.append(s("line", { class: "rule", x1: inner.left, x2: inner.right, y1: y(rule.y), y2: y(rule.y) }),
          s("text", { class: "rulename middle", x: (inner.left + inner.right) / 2, y: y(rule.y) - 4 }, rule.label));
      }
    }
    for (const line of seen.lines || []) {
      const path = line.points.map((point, index) => {
        if (point === null) return "";
        const [px, py] = point, begins = index === 0 || line.points[index - 1] === null;
        if (line.step && !begins) return "H" + x(px).toFixed(1) + "V" + y(py).toFixed(1);
        return (begins ? "M" : "L") + x(px).toFixed(1) + " " + y(py).toFixed(1);
      }).join("");
      if (line.points.length > 1) back.append(s("path", { class: "line " + line.kind, d: path }));
      if (line.dots) back.append(...line.points.filter(point => point !== null)
        .map(([px, py]) => s("circle", { class: "dot " + line.kind, cx: x(px), cy: y(py), r: 2.5 })));
    }
    picture.append(back);
    const marks = s("g", {});
    for (const mark of seen.marks || []) {
      const cx = x(mark.x), cy = y(mark.y), beyond = mark.value !== undefined && (mark.y > y1 || mark.y < y0);
      const tell = () => { under.textContent = mark.label; focused = mark.id; };
      const forget = () => { under.textContent = ""; if (focused === mark.id) focused = null; };
      marks.append(s("a", { href: mark.href, class: "mark " + mark.kind + (mark.changed ? " changed" : ""), "data-mark": mark.id,
        "aria-label": mark.label, onfocus: tell, onblur: forget, onmouseenter: () => { under.textContent = mark.label; }, onmouseleave: () => { under.textContent = ""; } },
        s("circle", { class: "target", cx, cy, r: 12 }),
        beyond ? s("path", { class: "beyond", d: mark.y > y1 ? `M${cx} ${cy - 7}l7 12h-14Z` : `M${cx} ${cy + 7}l7 -12h-14Z` })
          : mark.changed ? s("path", { d: `M${cx} ${cy - 6.5}L${cx + 6.5} ${cy}L${cx} ${cy + 6.5}L${cx - 6.5} ${cy}Z` }) : s("circle", { cx, cy, r: 3.6 })));
    }
    picture.append(marks);
    edgeValues(seen.marks || [], x, y, seen.y.domain, inner);
  }

  /** The values beyond the scale beside their marks, below the names of rules, as far as they do not lie over each other. */
  function edgeValues(marks, x, y, [y0, y1], inner) {
    const right = { top: -Infinity, bottom: -Infinity };
    for (const mark of marks) {
      if (mark.value === undefined || (mark.y <= y1 && mark.y >= y0)) continue;
      const edge = mark.y > y1 ? "top" : "bottom", width = mark.value.length * 7.5, flip = x(mark.x) + width + 10 > inner.right, left = flip ? x(mark.x) - width - 10 : x(mark.x) + 10;
      if (left < right[edge]) continue;
      picture.append(s("text", { class: "beyondvalue" + (flip ? " flip" : ""), "aria-hidden": "true", x: x(mark.x) + (flip ? -10 : 10), y: y(mark.y) + (edge === "top" ? 21 : -2) }, mark.value));
      right[edge] = left + width;
    }
  }

  const observer = new ResizeObserver(entries => {
    const found = Math.floor(entries[0].contentRect.width);
    if (found && found !== width) {
      width = found;
      redraw();
    }
  });
  observer.observe(picture);
  return { element, redraw, leave: () => observer.disconnect() };
}
