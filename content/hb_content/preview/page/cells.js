// Values as people read them: numbers, dates, thresholds with icon and text, bars, sparklines, links, Markdown.
/** @type {Record<string, string>} */
const COLORS = {
  blue: "#0078d4", lightBlue: "#69afe5", blueDark: "#004e8c", green: "#57a300", greenDark: "#0b6a0b", lightgreen: "#9bc53d",
  red: "#d13438", redBright: "#e81123", redDark: "#a4262c", orange: "#f7630c", yellow: "#eaa300", gray: "#8a8886", grayBlue: "#7a8ba3",
  purple: "#8764b8", turquoise: "#00b7c3", pink: "#e3008c", magenta: "#b4009e", brown: "#8e562e", seafoam: "#2fae9b", violet: "#6b69d6",
};
const SERIES = ["#0078d4", "#e3008c", "#f7630c", "#00b7c3", "#8764b8", "#57a300", "#eaa300", "#004e8c", "#b4009e", "#8e562e", "#69afe5", "#7a8ba3"];

/**
 * Shape and colour (of page.css, by theme) of an icon, by the name that a threshold gives it. The shape alone tells what it means.
 * @type {Record<string, [shape: string, color: string]>}
 */
const ICONS = {
  success: ["check", "good"], 1: ["check", "good"], Available: ["check", "good"], Resolved: ["check", "good"], complete: ["check", "good"],
  failed: ["cross", "bad"], error: ["cross", "bad"], 4: ["cross", "bad"], critical: ["cross", "bad"], Unavailable: ["cross", "bad"],
  warning: ["alert", "warn"], 2: ["alert", "warn"], Degraded: ["alert", "warn"], Fired: ["alert", "bad"],
  info: ["info", "blue"], Informational: ["info", "blue"], unknown: ["question", "dim"], question: ["question", "dim"],
  up: ["up", "blue"], down: ["down", "blue"], left: ["left", "blue"], right: ["right", "blue"],
  trendup: ["trendup", "dim"], trenddown: ["trenddown", "dim"],
  stopped: ["pause", "dim"], paused: ["pause", "dim"], 3: ["dash", "dim"], disabled: ["dash", "dim"], cancelled: ["dash", "dim"],
  pending: ["clock", "dim"], Clock: ["clock", "dim"], running: ["clock", "blue"], more: ["dot", "dim"],
  Sev0: ["sev0", "worst"], Sev1: ["sev1", "high"], Sev2: ["sev2", "warn"], Sev3: ["sev3", "low"], Sev4: ["sev4", "dim"],
};
/** @param {string} inner */
const disc = (inner) => `<circle cx="8" cy="8" r="7" fill="currentColor"/><g fill="none" stroke="var(--back)" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round">${inner}</g>`;
/** @param {string} path */
const line = (path) => `<path d="${path}" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round"/>`;
/** @type {Record<string, string>} */
const SHAPES = {
  check: disc('<path d="M4.8 8.2l2.2 2.2 4.2-4.6"/>'), cross: disc('<path d="M5.4 5.4l5.2 5.2M10.6 5.4l-5.2 5.2"/>'), info: disc('<path d="M8 7.4v4M8 4.6v.1"/>'),
  alert: '<path d="M8 1.2L15.4 14.4H.6z" fill="currentColor" stroke="currentColor" stroke-linejoin="round"/><path d="M8 6v4M8 12v.2" stroke="var(--back)" stroke-width="1.6" stroke-linecap="round"/>',
  question: disc('<path d="M6 6.2a2 2 0 1 1 2.6 2c-.5.2-.6.5-.6 1M8 11.4v.1"/>'), pause: disc('<path d="M6.3 5.3v5.4M9.7 5.3v5.4"/>'), dash: disc('<path d="M5 8h6"/>'),
  clock: disc('<path d="M8 4.2V8l2.6 1.6"/>'), dot: '<circle cx="8" cy="8" r="4" fill="currentColor"/>',
  up: line("M8 13V3M4 7l4-4 4 4"), down: line("M8 3v10M4 9l4 4 4-4"), left: line("M13 8H3M7 4L3 8l4 4"), right: line("M3 8h10M9 4l4 4-4 4"),
  trendup: line("M3 12l9-8M6.5 4H12v5.5"), trenddown: line("M3 4l9 8M6.5 12H12V6.5"),
  sev0: line("M3 8l5-5 5 5M3 13l5-5 5 5"), sev1: line("M3 10.5l5-5 5 5"), sev2: line("M3 5.8h10M3 10.2h10"), sev3: line("M3 5.5l5 5 5-5"), sev4: '<circle cx="8" cy="8" r="3" fill="currentColor"/>',
};

/** @param {string} tag @param {Record<string, any>} [attributes] @param {(Node | string | null | undefined)[]} inner */
function element(tag, attributes = {}, ...inner) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") made.textContent = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false && value !== null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...inner.filter((one) => one !== undefined && one !== null));
  return made;
}

/** @param {string} name */
function icon(name) {
  const [shape, color] = ICONS[name] || [];
  if (!shape) return undefined;
  const made = element("span", { class: "icon", style: `color:var(--${color})`, "aria-hidden": "true" });
  made.innerHTML = `<svg viewBox="0 0 16 16" width="16" height="16">${SHAPES[shape]}</svg>`;
  return made;
}

/** The names of the portal's units that stand for something else than a bare number. @type {Record<string, string>} */
const UNITS = { 1: " %", 23: " ms", 24: " s", 25: " min", 26: " h", 27: " d" };

/** @param {number} value @param {Format} [format] */
function number(value, format) {
  const options = format?.options || {};
  const digits = options.maximumFractionDigits ?? (Number.isInteger(value) ? 0 : 1);
  const settings = { maximumFractionDigits: digits, minimumFractionDigits: Math.min(options.minimumFractionDigits ?? 0, digits), useGrouping: options.useGrouping ?? true };
  const isShort = format?.unit === 17 && Math.abs(value) >= 1000 && options.useGrouping === undefined;
  const text = isShort ? `${(value / 1000).toFixed(1)}K` : value.toLocaleString("en-US", settings).replace(/^-(0(?:\.0+)?)$/, "$1");
  return text + (UNITS[format?.unit] ?? "");
}

/** @param {Cell} value @param {string} [kind] @param {Format} [format] @returns {string} */
function plain(value, kind, format) {
  if (value === null || value === undefined || value === "") return "";
  if (kind === "datetime") return shortDate(value);
  if (kind === "bool") return value ? "Yes" : "No";
  if (typeof value === "number") return number(value, format);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** @param {Record<string, any>} threshold @param {Cell} value */
function matches(threshold, value) {
  const wanted = threshold.thresholdValue;
  const [left, right] = [Number(value), Number(wanted)];
  const isEmpty = value === null || value === undefined || value === "";
  switch (threshold.operator) {
    case "Default": return true;
    case "is Empty": return isEmpty;
    case "is not Empty": case "is Not Empty": return !isEmpty;
    case "==": return String(value) === String(wanted) || (!isEmpty && wanted !== "" && left === right);
    case "!=": return String(value) !== String(wanted);
    case ">": return !isEmpty && left > right;
    case ">=": return !isEmpty && left >= right;
    case "<": return !isEmpty && left < right;
    case "<=": return !isEmpty && left <= right;
    case "contains": return String(value).includes(wanted);
    case "startsWith": return String(value).startsWith(wanted);
    default: return false;
  }
}

/**
 * Icon, colour and text of a value by its thresholds.
 * @param {Record<string, any>} options
 * @param {Cell} value
 * @param {string} shown
 * @returns {{ text: string, color?: string, icon?: HTMLElement }}
 */
function thresholdOf(options, value, shown) {
  const kind = options.thresholdsOptions || "icons";
  const found = (options.thresholdsGrid || []).find((/** @type {Record<string, any>} */ threshold) => matches(threshold, value));
  if (!found) return { text: shown };
  const text = (found.text ?? "{0}{1}").replace("{0}", shown).replace("{1}", "");
  return kind === "colors" ? { text, color: COLORS[found.representation] ?? found.representation } : { text, icon: icon(found.representation) };
}

/** @param {Cell} values @param {number} kind */
function sparkline(values, kind) {
  const numbers = (Array.isArray(values) ? values : []).map(Number).filter(Number.isFinite);
  if (numbers.length < 2) return undefined;
  const [low, high] = [Math.min(0, ...numbers), Math.max(...numbers)];
  const x = (/** @type {number} */ at) => ((at / (numbers.length - 1)) * 100).toFixed(1);
  const y = (/** @type {number} */ value) => (22 - ((value - low) / (high - low || 1)) * 20).toFixed(1);
  const points = numbers.map((value, at) => `${x(at)},${y(value)}`).join(" ");
  const area = kind === 9 || kind === 10 ? `<polygon points="0,24 ${points} 100,24" fill="currentColor" opacity=".2"/>` : "";
  const made = element("span", { class: "spark" });
  made.innerHTML = `<svg viewBox="0 0 100 24" preserveAspectRatio="none">${area}<polyline points="${points}" fill="none" stroke="currentColor" stroke-width="1.5" vector-effect="non-scaling-stroke"/></svg>`;
  return made;
}

/** @type {Record<string, string>} */
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** @param {string} text */
function escaped(text) {
  return text.replace(/[&<>"]/g, (one) => ENTITIES[one] ?? one);
}

/** @param {string} text */
function inline(text) {
  return escaped(text)
    .replace(/`([^`]+)`/g, "<code>$1</code>")
    .replace(/\*\*([^*]+)\*\*/g, "<b>$1</b>")
    .replace(/(^|[^*\w])[*_]([^*_\s][^*_]*)[*_](?!\w)/g, "$1<i>$2</i>")
    .replace(/\[([^\]]+)\]\((https?:[^)\s]+)\)/g, '<a href="$2" target="_blank" rel="noopener">$1</a>');
}

/** The Markdown that texts of the workbook use; its highest heading is of `level`. @param {string} text */
function markdown(text, level = 2) {
  const out = [];
  const top = Math.min(...[...text.matchAll(/^(#{1,5})\s/gm)].map(([, marks]) => marks.length));
  for (const block of text.split(/\n\s*\n/)) {
    const lines = block.split("\n").filter((one) => one.trim());
    if (!lines.length) continue;
    const heading = lines[0].match(/^(#{1,5})\s+(.*)/);
    if (heading) {
      const tag = `h${Math.min(6, level + heading[1].length - top)}`;
      out.push(`<${tag}>${inline(heading[2])}</${tag}>`);
    }
    const rest = heading ? lines.slice(1) : lines;
    if (!rest.length) continue;
    if (rest.every((one) => /^\s*([-*]|\d+\.)\s/.test(one))) {
      const tag = /^\s*\d/.test(rest[0]) ? "ol" : "ul";
      out.push(`<${tag}>${rest.map((one) => `<li>${inline(one.replace(/^\s*([-*]|\d+\.)\s+/, ""))}</li>`).join("")}</${tag}>`);
    } else if (rest.length > 1 && /^\s*\|?[\s:|-]+\|?\s*$/.test(rest[1])) {
      const cells = (/** @type {string} */ one, /** @type {string} */ tag) => one.trim().replace(/^\||\|$/g, "").split("|").map((cell) => `<${tag}>${inline(cell.trim())}</${tag}>`).join("");
      out.push(`<table><thead><tr>${cells(rest[0], "th")}</tr></thead><tbody>${rest.slice(2).map((one) => `<tr>${cells(one, "td")}</tr>`).join("")}</tbody></table>`);
    } else out.push(`<p>${rest.map(inline).join("<br>").replaceAll("&lt;br&gt;", "<br>")}</p>`);
  }
  return out.join("");
}
