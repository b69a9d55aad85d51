// The picture with the points of its face: an SVG that works with mouse, touch and keyboard.
// Knows nothing of ComfyUI: what it needs is handed in.

import { cuts, faceText, handles, HANDLES, inside, moved, problem, toText, viewOf } from "./points.mjs";

/** @typedef {import("./points.mjs").Points} Points */
/** @typedef {{box: number[], points: Points}} FoundFace */
/** @typedef {{size: number[], faces: FoundFace[], blank: Points, placed: Points | null, doubt?: string, error: string}} Looked  what the server says of a picture; doubt: why what was placed may be wrong */
/** @typedef {(event: WheelEvent | PointerEvent) => boolean} Pass  hand an event to the canvas; false: it is no business of the canvas */
/** @typedef {{write: (text: string) => void, pass: Pass, words: Record<string, string>}} Surroundings  write: keep a new value of the widget */

const SVG = "http://www.w3.org/2000/svg";
const MOST_ZOOM = 40;
const REACH = 11; // px around a point that belong to it
const STEPS = 200; // of undo
const ICONS = {
  undo: "M4 7h7a4 4 0 0 1 0 8H6M4 7l3-3M4 7l3 3",
  redo: "M16 7H9a4 4 0 0 0 0 8h5M16 7l-3-3M16 7l-3 3",
  reset: "M10 6a4 4 0 1 0 .01 0M10 2v4M10 14v4M2 10h4M14 10h4",
  smaller: "M4 10h12",
  larger: "M4 10h12M10 4v12",
  whole: "M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4",
};

/** @param {string} tag @param {Record<string, string | number>} attributes @param {Element} [parent] */
function svg(tag, attributes, parent) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  parent?.append(element);
  return element;
}

/** @param {string} tag @param {string} className @param {Element} [parent] */
function html(tag, className, parent) {
  const element = document.createElement(tag);
  element.className = className;
  parent?.append(element);
  return element;
}

/** A curve from a over m to b. @param {number[]} a @param {number[]} m @param {number[]} b */
const over = (a, m, b) => `M${a}Q${2 * m[0] - (a[0] + b[0]) / 2},${2 * m[1] - (a[1] + b[1]) / 2} ${b}`;

/** The lines of a face as [class, path]. @param {Points} p @returns {[string, string][]} */
function lines(p) {
  const half = [0, 1].map((i) => (p.right_eye[i] - p.left_eye[i]) * 0.22);
  const [x, y] = half;
  const found = /** @type {[string, string][]} */ ([]);
  for (const side of ["left", "right"]) {
    const [ex, ey] = p[`${side}_eye`];
    const [bx, by] = p[`${side}_brow`];
    const [a, b] = [[ex - x, ey - y], [ex + x, ey + y]];
    found.push(["eye", over(a, [ex + y * 0.5, ey - x * 0.5], b) + over(a, [ex - y * 0.4, ey + x * 0.4], b)]);
    const lift = side === "left" ? 0.25 : -0.25; // the outer end of a brow is lower
    found.push(["rest", over([bx - x - y * lift, by - y + x * lift], [bx, by], [bx + x + y * lift, by + y - x * lift])]);
  }
  for (const lip of ["lip_top", "lip_line", "lip_bottom"]) found.push(["mouth", over(p.mouth_left, p[lip], p.mouth_right)]);
  return found;
}

export class FaceEditor {
  /** @param {Surroundings} around */
  constructor(around) {
    this.around = around;
    this.text = "";
    /** @type {Looked | null} */
    this.looked = null;
    /** @type {Points | null} */
    this.points = null;
    /** @type {{text: string, points: Points | null, placed: Set<string>}[]} */
    this.past = [];
    /** @type {typeof this.past} */
    this.future = [];
    /** @type {import("./points.mjs").Fit} */
    this.fit = { mode: "", width: 0, height: 0 };
    /** @type {Set<string>} */
    this.placed = new Set();
    this.view = { x: 0.5, y: 0.5, zoom: 1 }; // the middle in parts of the picture
    this.selected = "";
    this.message = "";
    /** @type {Map<number, number[]>} */
    this.pointers = new Map();
    /** @type {{name: string, grip: number[], before: ReturnType<FaceEditor["state"]>, went: boolean} | null} */
    this.drag = null;
    const { words } = around;
    this.element = html("div", "imgsync-face");
    this.element.dataset.captureWheel = "true"; // Nodes 2.0: the wheel is ours while we have the focus
    this.stage = /** @type {SVGSVGElement} */ (svg("svg", { class: "stage", tabindex: 0, role: "group", "aria-label": words.editor }, this.element));
    this.picture = svg("image", { x: 0, y: 0, preserveAspectRatio: "none" }, this.stage);
    this.shade = svg("path", { class: "shade" }, this.stage);
    this.frames = svg("g", {}, this.stage);
    this.lines = svg("g", { class: "lines" }, this.stage);
    this.knobs = svg("g", {}, this.stage);
    this.place = /** @type {HTMLButtonElement} */ (html("button", "place", this.element));
    this.place.textContent = words.place;
    this.place.onclick = () => this.looked && this.edit(this.looked.blank, "all");
    const bar = html("div", "bar", this.element);
    this.status = html("span", "status", bar);
    this.status.setAttribute("role", "status");
    /** @type {Record<string, HTMLButtonElement>} */
    this.buttons = {};
    const does = { undo: () => this.step(this.past, this.future), redo: () => this.step(this.future, this.past), reset: () => this.change("", null), smaller: () => this.zoom(1 / 1.5), larger: () => this.zoom(1.5), whole: () => this.zoom(0) };
    for (const [name, act] of Object.entries(does)) {
      const button = /** @type {HTMLButtonElement} */ (html("button", name, bar));
      button.title = words[name];
      button.setAttribute("aria-label", words[name]);
      svg("path", { d: ICONS[/** @type {keyof typeof ICONS} */ (name)] }, svg("svg", { viewBox: "0 0 20 20" }, button));
      button.onclick = act;
      this.buttons[name] = button;
    }
    /** @type {Record<string, SVGElement>} */
    this.handles = {};
    for (const name of HANDLES) this.handles[name] = this.knob(name);
    this.listen();
  }

  /** One thing to drag. @param {string} name */
  knob(name) {
    const kind = name.endsWith("eye") ? "eye" : /mouth|lip/.test(name) ? "mouth" : "rest";
    const label = this.around.words[name];
    const group = svg("g", { class: `knob ${kind} ${name}`, tabindex: 0, role: "button", "aria-label": label, "data-name": name }, this.knobs);
    svg("title", {}, group).textContent = label;
    svg("circle", { class: "hit", r: REACH }, group);
    if (name === "all") svg("path", { class: "dot", d: "M-7 0H7M0-7V7" }, group);
    else if (name.startsWith("oval")) svg("rect", { class: "dot", x: -3.5, y: -3.5, width: 7, height: 7 }, group);
    else svg("circle", { class: "dot", r: name.startsWith("lip") ? 2.8 : 3.6 }, group);
    return group;
  }

  listen() {
    const { stage, element } = this;
    stage.addEventListener("pointerdown", (e) => this.down(e));
    stage.addEventListener("pointermove", (e) => this.move(e));
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (e) => this.up(/** @type {PointerEvent} */ (e)));
    element.addEventListener("pointerdown", (e) => e.button === 0 && e.stopPropagation());
    element.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    element.addEventListener("keydown", (e) => this.key(e));
    element.addEventListener("focusin", (e) => this.focus(e.target));
    element.addEventListener("focusout", () => this.focus(null));
    new ResizeObserver(() => this.draw()).observe(stage);
  }

  // -- what is shown --

  /** Another picture. @param {string} url */
  open(url) {
    this.looked = this.points = null;
    this.past = [];
    this.future = [];
    this.view = { x: 0.5, y: 0.5, zoom: 1 };
    this.message = this.around.words.looking;
    this.element.dataset.state = "looking"; // for tests
    this.picture.setAttribute("href", url);
    this.draw();
  }

  /** What the server found for a value of the widget. @param {Looked} looked @param {string} text */
  show(looked, text) {
    this.looked = looked;
    this.text = text;
    this.placed = new Set();
    this.points = looked.placed;
    this.message = looked.error && text ? looked.error : "";
    this.picture.setAttribute("width", String(looked.size[0]));
    this.picture.setAttribute("height", String(looked.size[1]));
    this.element.dataset.state = "ready";
    this.draw();
  }

  /** No answer. @param {string} why */
  fail(why) {
    this.message = why || this.around.words.unknown;
    this.element.dataset.state = "failed";
    this.draw();
  }

  /** Px of the picture for one px of the page before the canvas is zoomed, and the view's corner. */
  measure() {
    const [w, h] = this.looked?.size ?? [1, 1];
    const wide = Math.max(this.stage.clientWidth, 1);
    const high = Math.max(this.stage.clientHeight, 1);
    const px = Math.max(w / wide, h / high) / this.view.zoom;
    return { px, wide: wide * px, high: high * px, x: this.view.x * w - (wide * px) / 2, y: this.view.y * h - (high * px) / 2 };
  }

  draw() {
    const { px, x, y, wide, high } = this.measure();
    this.stage.setAttribute("viewBox", `${x} ${y} ${wide} ${high}`);
    this.stage.style.setProperty("--px", String(px));
    this.drawFrames();
    const seen = this.looked && viewOf(this.fit, this.looked.size, this.points);
    this.cut = Boolean(seen && this.looked && this.points && cuts(seen, this.looked.size, this.points));
    const [w, h] = this.looked?.size ?? [0, 0];
    this.shade.setAttribute("d", seen ? `M0 0H${w}V${h}H0ZM${seen[0]} ${seen[1]}v${seen[3]}h${seen[2]}v${-seen[3]}Z` : "");
    this.lines.replaceChildren();
    this.knobs.style.display = this.points ? "" : "none";
    if (this.points) {
      const [cx, cy, a, b, roll] = this.points.oval;
      const oval = { cx, cy, rx: a, ry: b, transform: `rotate(${(roll * 180) / Math.PI} ${cx} ${cy})` };
      for (const layer of ["under", "upper"]) {
        svg("ellipse", { ...oval, class: `oval ${layer}` }, this.lines);
        for (const [kind, d] of lines(this.points)) svg("path", { d, class: `${kind} ${layer}` }, this.lines);
      }
      for (const [name, at] of Object.entries(handles(this.points))) {
        this.handles[name]?.setAttribute("transform", `translate(${at[0]} ${at[1]}) scale(${px})`);
      }
    }
    const wrong = this.points ? problem(this.points) : "";
    this.status.textContent = this.sentence(wrong);
    this.status.title = this.status.textContent;
    this.element.classList.toggle("unsure", Boolean(!wrong && (this.cut || this.doubt())));
    this.status.classList.toggle("wrong", Boolean(wrong) || (this.message !== "" && this.message !== this.around.words.looking));
    this.place.hidden = !this.looked || Boolean(this.points);
    this.buttons.undo.disabled = !this.past.length;
    this.buttons.redo.disabled = !this.future.length;
    this.buttons.reset.disabled = !this.text;
  }

  /** What the server is not sure of in these very points. */
  doubt() {
    return (this.points && this.points === this.looked?.placed && this.looked.doubt) || "";
  }

  /** @param {string} wrong */
  sentence(wrong) {
    const { words } = this.around;
    if (wrong) return words[wrong];
    if (this.message) return this.message;
    if (this.selected) return words[this.selected];
    if (!this.points) return words.none;
    if (this.cut) return words.leaves;
    if (this.doubt()) return this.doubt();
    return this.text ? words.yours : words.found;
  }

  /** Frames of the faces that can be chosen, made anew only where others are wanted: one may have the focus. */
  drawFrames() {
    const faces = this.looked?.faces ?? [];
    const others = faces.length < 2 ? [] : faces.filter((face) => !this.points || !holds(face.box, this.points.oval));
    const wanted = others.map((face) => `${face.box}`).join(";");
    if (this.frames.getAttribute("data-of") === wanted) return;
    const focused = this.frames.contains(document.activeElement);
    this.frames.setAttribute("data-of", wanted);
    this.frames.replaceChildren();
    for (const face of others) {
      const [x, y, width, height] = face.box;
      const number = faces.indexOf(face); // as which_face and the command line count
      const label = `${this.around.words.face} ${number}`;
      const group = svg("g", { class: "frame", role: "button", tabindex: 0, "aria-label": label, "data-face": number }, this.frames);
      svg("title", {}, group).textContent = label;
      svg("rect", { x, y, width, height }, group);
      svg("text", { x, y }, group).textContent = String(number);
    }
    if (focused) this.stage.focus();
  }

  // -- changes --

  state() {
    return { text: this.text, points: this.points, placed: new Set(this.placed) };
  }

  /** @param {ReturnType<FaceEditor["state"]>} before */
  remember(before) {
    this.past.push(before);
    this.future = [];
    if (this.past.length > STEPS) this.past.shift();
  }

  /** New points by hand. @param {Points} points @param {string} name @param {boolean} [more] part of the last step */
  edit(points, name, more = false) {
    if (!more) this.remember(this.state());
    this.placed.add(name);
    this.keep(points);
  }

  /** @param {Points} points */
  keep(points) {
    if (this.looked) this.restore({ text: toText(points, this.looked.size), points, placed: this.placed });
  }

  /** Another value altogether. @param {string} text @param {Points | null} points */
  change(text, points) {
    if (!this.looked) return;
    this.remember(this.state());
    this.restore({ text, points: points ?? this.looked.faces[0]?.points ?? null, placed: new Set() });
  }

  /** @param {ReturnType<FaceEditor["state"]>} state */
  restore(state) {
    Object.assign(this, state, { message: "" });
    this.around.write(this.text);
    this.draw();
  }

  /** @param {FaceEditor["past"]} from @param {FaceEditor["past"]} to */
  step(from, to) {
    const next = from.pop();
    if (next) to.push(this.state());
    if (next) this.restore(next);
  }

  /** One of several faces. @param {number} index */
  choose(index) {
    const face = this.looked?.faces[index];
    if (face && this.looked) this.change(index ? faceText(face.box, this.looked.size) : "", face.points);
  }

  /** Move a handle to a place. @param {string} name @param {number[]} to @returns {Points | null} */
  tried(name, to) {
    if (!this.points || !this.looked) return null;
    const raw = moved(this.points, name, to, this.placed);
    const points = inside(raw, this.looked.size);
    // all of them keep their shape at the picture's edge
    return name === "all" && JSON.stringify(points) !== JSON.stringify(raw) ? null : points;
  }

  // -- looking around --

  /** @param {number} factor 0 = all of the picture @param {number[]} [about] px of the picture */
  zoom(factor, about) {
    const [w, h] = this.looked?.size ?? [1, 1];
    const old = this.view.zoom;
    const zoom = factor ? Math.min(Math.max(old * factor, 1), MOST_ZOOM) : 1;
    const focus = about ?? (this.points && old === 1 ? this.points.lip_line : [this.view.x * w, this.view.y * h]);
    const part = old / zoom;
    this.look(focus[0] + (this.view.x * w - focus[0]) * part, focus[1] + (this.view.y * h - focus[1]) * part, zoom);
  }

  /** Put px x, y of the picture into the middle, as far as there is picture. @param {number} x @param {number} y @param {number} [zoom] */
  look(x, y, zoom = this.view.zoom) {
    const [w, h] = this.looked?.size ?? [1, 1];
    this.view.zoom = zoom;
    const { wide, high } = this.measure();
    const clip = (/** @type {number} */ at, /** @type {number} */ seen, /** @type {number} */ all) =>
      seen >= all ? 0.5 : Math.min(Math.max(at, seen / 2), all - seen / 2) / all;
    this.view = { x: clip(x, wide, w), y: clip(y, high, h), zoom };
    this.draw();
  }

  /** Px of the picture under the pointer, whatever the canvas is scaled by. @param {{clientX: number, clientY: number}} event */
  at(event) {
    const box = this.stage.getBoundingClientRect();
    const { x, y, wide, high } = this.measure();
    return [x + ((event.clientX - box.left) / box.width) * wide, y + ((event.clientY - box.top) / box.height) * high];
  }

  // -- pointer, wheel, keys --

  /** The handle next to the pointer: where they are close, the upper one would hide the others. @param {PointerEvent} event */
  nearest(event) {
    if (!this.points) return null;
    const [x, y] = this.at(event);
    const apart = Object.entries(handles(this.points))
      .filter(([name]) => this.handles[name])
      .map(([name, at]) => /** @type {[number, string]} */ ([Math.hypot(at[0] - x, at[1] - y), name]));
    const [distance, name] = apart.reduce((a, b) => (b[0] < a[0] ? b : a));
    return distance <= REACH * this.measure().px ? this.handles[name] : null;
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.button === 1) this.around.pass(event);
    if (event.button !== 0) return;
    event.preventDefault();
    const frame = /** @type {Element} */ (event.target).closest(".frame");
    const held = /** @type {SVGElement} */ (this.nearest(event) ?? frame ?? this.stage);
    held.focus({ preventScroll: true });
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    this.stage.setPointerCapture(event.pointerId);
    if (held.dataset.face) return this.choose(Number(held.dataset.face));
    const name = held.dataset.name ?? "";
    const at = this.at(event);
    const place = this.points && name ? handles(this.points)[name] : at;
    if (this.pointers.size === 1) this.drag = { name, grip: [place[0] - at[0], place[1] - at[1]], before: this.state(), went: false };
  }

  /** @param {PointerEvent} event */
  move(event) {
    if (event.buttons === 4) return void this.around.pass(event);
    const last = this.pointers.get(event.pointerId);
    if (!last || (event.clientX === last[0] && event.clientY === last[1])) return; // pressing a point is no change
    if (this.pointers.size === 2) this.pinch(event, last);
    else if (this.drag?.name) this.pull(event, this.drag);
    else if (this.drag) this.slide(event, last);
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
  }

  /** Pull a point. @param {PointerEvent} event @param {NonNullable<FaceEditor["drag"]>} drag */
  pull(event, drag) {
    const at = this.at(event);
    const points = this.tried(drag.name, [at[0] + drag.grip[0], at[1] + drag.grip[1]]);
    if (!points) return;
    if (!drag.went) this.remember(drag.before);
    drag.went = true;
    this.placed.add(drag.name);
    this.keep(points);
  }

  /** Slide the picture. @param {PointerEvent} event @param {number[]} last */
  slide(event, last) {
    const [w, h] = this.looked?.size ?? [1, 1];
    const [from, to] = [this.at({ clientX: last[0], clientY: last[1] }), this.at(event)];
    this.look(this.view.x * w + from[0] - to[0], this.view.y * h + from[1] - to[1]);
  }

  /** Two fingers. @param {PointerEvent} event @param {number[]} last */
  pinch(event, last) {
    this.drag = null;
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1] ?? last;
    const apart = (/** @type {number[]} */ p) => Math.max(Math.hypot(p[0] - other[0], p[1] - other[1]), 1);
    const now = [event.clientX, event.clientY];
    const middle = this.at({ clientX: (now[0] + other[0]) / 2, clientY: (now[1] + other[1]) / 2 });
    this.zoom(apart(now) / apart(last), middle);
  }

  /** @param {PointerEvent} event */
  up(event) {
    if (event.button === 1) this.around.pass(event);
    this.pointers.delete(event.pointerId);
    this.drag = null;
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    const ours = this.element.contains(document.activeElement) && !event.ctrlKey && this.looked;
    if (!ours && !this.around.pass(event)) return;
    event.preventDefault();
    event.stopPropagation();
    if (ours) this.zoom(Math.exp(-Math.max(-200, Math.min(200, event.deltaY)) / 400), this.at(event));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const command = event.ctrlKey || event.metaKey;
    if (event.key === "Tab" || (command && event.key === "Enter")) return;
    if (command && event.target instanceof HTMLButtonElement) return; // the graph's undo is as good
    event.stopPropagation(); // Delete and the like are meant for no node here
    const at = /** @type {HTMLElement} */ (event.target);
    const letter = command ? event.key.toLowerCase() : "";
    if (letter === "y" || (letter === "z" && event.shiftKey)) this.step(this.future, this.past);
    else if (letter === "z") this.step(this.past, this.future);
    else if (event.key === "+" || event.key === "=") this.zoom(1.5);
    else if (event.key === "-") this.zoom(1 / 1.5);
    else if (event.key === "0") this.zoom(0);
    else if (event.key === "Escape") at.blur();
    else if (at.dataset.face && (event.key === "Enter" || event.key === " ")) this.choose(Number(at.dataset.face));
    else if (!event.key.startsWith("Arrow") || !this.arrow(event, at.dataset.name ?? "")) return;
    event.preventDefault();
    // the front end looks at the keys a frame later, and would undo the graph too
    if (letter) for (const name of ["ctrlKey", "metaKey"]) Object.defineProperty(event, name, { value: false });
  }

  /** @param {KeyboardEvent} event @param {string} name */
  arrow(event, name) {
    const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
    const step = this.measure().px * (event.shiftKey ? 10 : 1);
    if (!name) {
      const [w, h] = this.looked?.size ?? [1, 1];
      this.look(this.view.x * w + 30 * x * step, this.view.y * h + 30 * y * step);
    } else if (this.points) {
      const place = handles(this.points)[name];
      const points = this.tried(name, [place[0] + x * step, place[1] + y * step]);
      if (points) this.edit(points, name, event.repeat);
    }
    return true;
  }

  /** @param {EventTarget | null} target */
  focus(target) {
    this.selected = (target instanceof SVGElement && target.dataset.name) || "";
    if (this.selected && this.points) {
      const [x, y] = handles(this.points)[this.selected];
      const view = this.measure();
      const out = x < view.x || y < view.y || x > view.x + view.wide || y > view.y + view.high;
      if (out) return this.look(x, y); // Tab went to a point that is not in view
    }
    this.draw();
  }
}

/** Whether the middle of an oval is in a box. @param {number[]} box @param {number[]} oval */
function holds([x, y, w, h], oval) {
  return oval[0] >= x && oval[1] >= y && oval[0] <= x + w && oval[1] <= y + h;
}
