// Puts the face editor into Load Portrait. State is the one widget `face_points`, as JSON.

import { FaceEditor } from "./face/editor.mjs";
import { addElement, api, app, said, widgetOf } from "./host.mjs";

const NODE = "ImgSyncLoadPortrait";
const LOWEST = 260;

/** The address of a picture from the value of an upload widget. @param {string} value @param {string} stamp */
function address(value, stamp) {
  const [, name, type] = /** @type {RegExpMatchArray} */ (value.match(/^(.*?)(?: ?\[(input|output|temp)\])?$/s));
  const cut = name.lastIndexOf("/");
  const query = new URLSearchParams({ filename: name.slice(cut + 1), subfolder: name.slice(0, Math.max(cut, 0)), type: type ?? "input", rand: stamp });
  return api.apiURL(`/view?${query}`);
}

/** Give an event to the classic canvas, as its own text widgets do. @param {WheelEvent | PointerEvent} event */
function pass(event) {
  if (/** @type {any} */ (globalThis).LiteGraph?.vueNodesMode) return false; // it takes what it wants by itself
  if (event instanceof WheelEvent) app.canvas.processMouseWheel(event);
  else if (event.type === "pointerdown") app.canvas.processMouseDown(event);
  else if (event.type === "pointermove") app.canvas.processMouseMove(event);
  else app.canvas.processMouseUp(event);
  return true;
}

/** Let the front end note the change for its own undo. */
function noteChange() {
  const tracker = app.extensionManager?.workflow?.activeWorkflow?.changeTracker;
  (tracker?.captureCanvasState ?? tracker?.checkState)?.call(tracker);
}

/** Whether a widget's value comes through a link. @param {any} node @param {string} name */
function linked(node, name) {
  const slot = node.inputs?.findIndex((/** @type {any} */ input) => input.widget?.name === name) ?? -1;
  return slot >= 0 && node.isInputConnected(slot);
}

/** @type {Map<string, HTMLElement | undefined>} */
const editors = new Map();
/** Nodes 2.0 goes on showing the elements of the node that the graph's undo has replaced. @param {any} node @param {HTMLElement | undefined} element */
function takePlace(node, element) {
  const id = `${node.graph?.id} ${node.id}`;
  const before = editors.get(id);
  if (element && before !== element && before?.isConnected && !element.isConnected) before.replaceWith(element);
  if (node.graph) editors.set(id, element);
}

/** @param {any} node */
function attach(node) {
  const find = (/** @type {string} */ name) => widgetOf(node, name);
  const [image, points] = [find("image"), find("face_points")];
  if (!image || !points) return;

  let noting = 0;
  const write = (/** @type {string} */ text) => {
    points.value = text;
    node.setDirtyCanvas?.(true);
    clearTimeout(noting);
    noting = setTimeout(noteChange, 300);
  };
  const editor = new FaceEditor({ write, pass, words: said() });
  // the editor shows the picture already: no second one below, in Nodes 2.0 and on the classic canvas
  node.hideOutputImages = true;
  Object.defineProperty(node, "imgs", { configurable: true, get: () => undefined, set() {} });
  points.hidden = points.options.hidden = true;
  const shownIn = addElement(node, "face_editor", editor.element, { hideOnZoom: false, getMinHeight: () => LOWEST, getValue: () => undefined });
  shownIn.label = said().editor; // where it stands in a form
  const frame = () => {
    const [mode, width, height] = ["fit", "width", "height"].map((name) => (linked(node, name) ? 0 : find(name)?.value));
    editor.fit = { mode: String(mode), width: Number(width), height: Number(height) };
    editor.draw();
  };
  for (const widget of ["fit", "width", "height"].map(find)) {
    const before = widget?.callback;
    if (widget) widget.callback = (/** @type {any[]} */ ...values) => (before?.apply(widget, values), frame());
  }
  const grow = (/** @type {number} */ wide, /** @type {number} */ high) => {
    const [w, h] = node.computeSize?.() ?? [0, 0]; // a graph saved before there was an editor is too small for it
    node.setSize?.([Math.max(node.size[0], wide, w), Math.max(node.size[1], high, h)]);
  };
  grow(360, 620);

  let shown = "";
  let asked = 0;
  const load = async () => {
    frame();
    takePlace(node, editor.element);
    const [name, text, mine] = [String(image.value ?? ""), String(points.value ?? ""), ++asked];
    if (!name) return;
    if (name !== shown) editor.open(address(name, String(Date.now())));
    shown = name;
    try {
      const answer = await api.fetchApi(`/imgsync/faces?${new URLSearchParams({ image: name, points: text })}`);
      const found = await answer.json();
      if (mine !== asked) return; // another picture was chosen meanwhile
      if (answer.ok) editor.show(found, text);
      else editor.fail(found.error);
    } catch {
      if (mine === asked) editor.fail("");
    }
  };

  const chosen = image.callback;
  image.callback = function (/** @type {any[]} */ ...values) {
    const result = chosen?.apply(this, values);
    if (shown && image.value !== shown) points.value = ""; // they belong to the other picture
    queueMicrotask(load);
    return result;
  };
  const configured = node.onConfigure;
  node.onConfigure = function (/** @type {any[]} */ ...values) {
    const result = configured?.apply(this, values);
    grow(0, 0);
    // in a graph from before there were points, the upload button's value stands in their place
    if (points.value === "image") points.value = "";
    queueMicrotask(load);
    return result;
  };
  setTimeout(load);
}

app.registerExtension({
  name: "imgsync.face_editor",
  init() {
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = new URL("./face/editor.css", import.meta.url).href;
    document.head.append(sheet);
    // two fingers on an editor must not zoom the graph too, which the canvas does on the way down
    const keep = (/** @type {Event} */ e) => e.target instanceof Element && e.target.closest(".imgsync-face") && e.stopPropagation();
    window.addEventListener("touchmove", keep, { capture: true, passive: true });
  },
  /** @param {any} node */
  nodeCreated(node) {
    if (node.constructor.comfyClass === NODE) attach(node);
  },
});
