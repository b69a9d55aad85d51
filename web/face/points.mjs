// The points of a face as the editor moves them. No DOM here.
// The same names and the same JSON as imgsync_core/face/points.py; px of the upright picture.

/** @typedef {[number, number]} XY */
/** @typedef {Record<string, number[]>} Points  names -> [x, y]; "oval" -> [x, y, a, b, roll] */

export const VERSION = 1;
/** What can be dragged, in the order of the Tab key. */
export const HANDLES = [
  "left_brow", "right_brow", "left_eye", "right_eye", "mouth_left", "lip_top", "lip_line",
  "lip_bottom", "mouth_right", "chin", "oval_top", "oval_side", "all",
];
const LIPS = ["lip_top", "lip_line", "lip_bottom"];

/** @param {number[]} a @param {number[]} b @returns {XY} */
const plus = (a, b) => [a[0] + b[0], a[1] + b[1]];
/** @param {number[]} a @param {number[]} b @returns {XY} */
const minus = (a, b) => [a[0] - b[0], a[1] - b[1]];
/** Complex product. @param {number[]} a @param {number[]} b @returns {XY} */
const times = (a, b) => [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]];
/** @param {number[]} a @param {number[]} b @returns {XY} */
const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];

/** The similarity that takes a, b to c, d: z -> by * z + add, with its scale and angle. @param {number[]} a @param {number[]} b @param {number[]} c @param {number[]} d */
function similarity(a, b, c, d) {
  const [x, y] = minus(b, a);
  const long = Math.max(x * x + y * y, 1e-9);
  const by = times(minus(d, c), [x / long, -y / long]);
  const add = minus(c, times(by, a));
  const scale = Math.max(Math.hypot(...by), 1e-3);
  const of = (/** @type {number[]} */ p) => plus(times(by, p), add);
  return { scale, angle: Math.atan2(by[1], by[0]), of };
}

/** The tip of the oval's upper axis (-1), or of its lower (1). @param {number[]} oval @param {number} end @returns {XY} */
function tip([x, y, , b, roll], end) {
  return [x - end * b * Math.sin(roll), y + end * b * Math.cos(roll)];
}

/** Where each handle is. @param {Points} p @returns {Record<string, number[]>} */
export function handles(p) {
  const [x, y, a, , roll] = p.oval;
  const side = [x + a * Math.cos(roll), y + a * Math.sin(roll)];
  return { ...p, oval_top: tip(p.oval, -1), oval_side: side, all: [x, y] };
}

/** The oval with its top where it is and its other end as low as the chin. @param {Points} p */
function endAtChin(p) {
  const [, , a, b, roll] = p.oval;
  const down = [-Math.sin(roll), Math.cos(roll)];
  const top = tip(p.oval, -1);
  const [x, y] = minus(p.chin, top);
  const half = Math.max((x * down[0] + y * down[1]) / 2, b / 4);
  return [...plus(top, [half * down[0], half * down[1]]), a, half, roll];
}

/**
 * The points after one handle was moved. What belongs to it goes along, unless the user has placed
 * that by hand: lips and chin with the mouth's corners, brows and oval with the eyes.
 * @param {Points} old @param {string} name @param {number[]} to @param {Set<string>} placed
 * @returns {Points}
 */
export function moved(old, name, to, placed) {
  const free = (/** @type {string} */ other) => !placed.has(other);
  const [x, y, a, b, roll] = old.oval;
  if (name === "all") {
    const step = minus(to, [x, y]);
    return Object.fromEntries(Object.entries(old).map(([key, p]) => [key, [...plus(p, step), ...p.slice(2)]]));
  }
  if (name === "oval_side") {
    return { ...old, oval: [x, y, Math.max(Math.hypot(to[0] - x, to[1] - y), 2), b, roll] };
  }
  if (name === "oval_top") {
    const foot = tip(old.oval, 1);
    const [dx, dy] = minus(foot, to);
    return { ...old, oval: [...middle(foot, to), a, Math.max(Math.hypot(dx, dy) / 2, 2), Math.atan2(-dx, dy)] };
  }
  const now = { ...old, [name]: to };
  if (name.endsWith("_eye")) {
    const turn = similarity(old.left_eye, old.right_eye, now.left_eye, now.right_eye);
    for (const brow of ["left_brow", "right_brow"].filter(free)) now[brow] = turn.of(old[brow]);
    if (free("oval_top") && free("oval_side")) {
      now.oval = [...turn.of([x, y]), a * turn.scale, b * turn.scale, roll + turn.angle];
    }
  }
  if (name.startsWith("mouth_")) {
    const turn = similarity(old.mouth_left, old.mouth_right, now.mouth_left, now.mouth_right);
    for (const lip of LIPS.filter(free)) now[lip] = turn.of(old[lip]);
    const step = minus(middle(now.mouth_left, now.mouth_right), middle(old.mouth_left, old.mouth_right));
    if (free("chin")) now.chin = plus(old.chin, step);
  }
  if (name === "lip_line") {
    for (const lip of LIPS.filter((other) => other !== name && free(other))) now[lip] = plus(old[lip], minus(to, old[name]));
  }
  if (/_eye|mouth_|chin/.test(name) && free("oval_top") && free("oval_side")) now.oval = endAtChin(now);
  return now;
}

/** Every point inside the picture. @param {Points} p @param {number[]} size @returns {Points} */
export function inside(p, size) {
  const clip = (/** @type {number[]} */ v) => v.map((n, i) => (i < 2 ? Math.min(Math.max(n, 0), size[i]) : n));
  return Object.fromEntries(Object.entries(p).map(([key, v]) => [key, key === "oval" ? v : clip(v)]));
}

/** Why the points make no face, or "". @param {Points} p */
export function problem(p) {
  const across = minus(p.right_eye, p.left_eye);
  const mouth = minus(middle(p.mouth_left, p.mouth_right), middle(p.left_eye, p.right_eye));
  if (across[0] <= 0) return "eyes_crossed";
  if (p.mouth_right[0] <= p.mouth_left[0]) return "mouth_crossed";
  const below = (/** @type {number[]} */ [x, y]) => (across[0] * y - across[1] * x) / (across[0] ** 2 + across[1] ** 2);
  if (below(mouth) < 0.2) return "mouth_above";
  return below(minus(p.lip_line, p.chin)) >= 0 ? "lips_low" : "";
}

/** @typedef {{mode: string, width: number, height: number}} Fit  as the widgets say it */

/** From where to where an oval, made this much larger, reaches in x and in y. @param {number[]} oval @param {number} [by] */
function extent([x, y, a, b, roll], by = 1) {
  const [wide, high] = [Math.hypot(a * Math.cos(roll), b * Math.sin(roll)) * by, Math.hypot(a * Math.sin(roll), b * Math.cos(roll)) * by];
  return [[x - wide, x + wide], [y - high, y + high]];
}

/** The part of a picture that the fit shows, as imgsync_core/face/view.py has it; null: all of it. @param {Fit} fit @param {number[]} size @param {Points | null} points @returns {number[] | null} */
export function viewOf({ mode, width, height }, size, points) {
  const asked = width && height ? [width, height] : mode === "face" ? [1, 1] : null;
  if (!asked || !["crop", "face", "auto"].includes(mode) || (mode !== "crop" && !points)) return null;
  let scale = Math.min(size[0] / asked[0], size[1] / asked[1]);
  const face = mode === "crop" || !points ? null : extent(points.oval, mode === "face" ? 1.8 : 1.15);
  if (mode === "face" && face) scale = Math.min(scale, Math.max(...face.map(([low, high], i) => (high - low) / asked[i])));
  const part = asked.map((side, i) => Math.max(1, Math.min(size[i], Math.round(side * scale))));
  const corner = part.map((side, i) => {
    const [low, high] = face ? face[i] : [size[i] / 2, size[i] / 2];
    if (mode !== "auto") return Math.round((low + high - side) / 2);
    const [first, last] = [Math.max(0, low), Math.min(size[i], high)];
    return last - first > side ? NaN : Math.round(Math.min(Math.max((size[i] - side) / 2, last - side), first));
  });
  if (corner.some(Number.isNaN)) return null;
  return [...corner.map((at, i) => Math.min(Math.max(at, 0), size[i] - part[i])), ...part];
}

/** Whether a view cuts the face that is in the picture. @param {number[]} view @param {number[]} size @param {Points} points */
export function cuts(view, size, points) {
  return extent(points.oval).some(([low, high], i) => Math.max(low, 0) < view[i] - 1 || Math.min(high, size[i]) > view[i] + view[i + 2] + 1);
}

/** The widget's value for these points. @param {Points} points @param {number[]} size */
export function toText(points, size) {
  const round = (/** @type {number} */ v, /** @type {number} */ i) => (i < 4 ? Math.round(v * 10) / 10 : Math.round(v * 1e4) / 1e4);
  const rounded = Object.fromEntries(Object.entries(points).map(([name, p]) => [name, p.map(round)]));
  return JSON.stringify({ version: VERSION, size, points: rounded });
}

/** The widget's value for one of several faces. @param {number[]} box @param {number[]} size */
export function faceText([x, y, w, h], size) {
  return JSON.stringify({ version: VERSION, size, face: [Math.round(x + w / 2), Math.round(y + h / 2)] });
}
