// What a node says of its result ("text" of its ui output), as text in the node. And the result in
// the place of the last preview: the front end goes on showing that one until the next run.

import { addElement, api, app, nodeOf, vue, widgetOf } from "./host.mjs";

const REPORTING = new Set(["ImgSyncMuxVideo", "ImgSyncAudioDrivenAnimate"]);
const PREVIEWING = new Set([...REPORTING, "SaveVideo"]); // core's, when it saves one of our videos
const NAME = "report";
const MOST = 120; // px, longer texts scroll
const AROUND = 12; // px, margins and padding
const STYLE = "overflow: auto; padding: 2px 6px; box-sizing: border-box; user-select: text; font: 12px/17px sans-serif; color: var(--input-text, #ccc); white-space: pre-wrap;";
/** @typedef {any} Node  of LiteGraph */

/** Make room below for all that it shows; it stays as wide as it is. @param {Node} node */
const grow = (node) => (node.setSize([node.size[0], Math.max(node.size[1], node.computeSize()[1])]), node.setDirtyCanvas?.(true, true));

/** @param {Node} node @param {string} text */
function report(node, text) {
  const known = widgetOf(node, NAME)?.element?.firstChild;
  const place = known ?? document.createElement("div");
  place.textContent = text;
  if (known) return;
  const frame = Object.assign(document.createElement("div"), { className: "imgsync-report" });
  frame.style.cssText = STYLE;
  frame.append(place);
  let height = 34 + AROUND; // px, until it is laid out
  const tall = () => height;
  addElement(node, NAME, frame, { margin: 4, getMinHeight: tall, getMaxHeight: tall }).serialize = false; // neither prompt nor workflow
  new ResizeObserver(([entry]) => {
    const now = Math.min(entry.contentRect.height, MOST);
    if (!now) return; // hidden, as the canvas is zoomed out
    height = now + AROUND;
    grow(node);
  }).observe(/** @type {Element} */ (place));
}

/** Its name among outputs and previews. @param {Node} node */
const named = (node) => (node.graph?.isRootGraph === false ? `${node.graph.id}:${node.id}` : `${node.id}`);

/** @param {Node} node @param {boolean} plays it shows a video in the end */
function dropPreviews(node, plays) {
  const id = named(node);
  const store = vue()?.$pinia?._s.get("nodeOutput");
  if (store?.revokePreviewsByLocatorId) store.revokePreviewsByLocatorId(id);
  else delete app.nodePreviewImages?.[id];
  node.imgs = undefined; // the classic canvas draws these, in a widget of their own
  const place = node.widgets?.findIndex((/** @type {any} */ widget) => widget.name === "$$canvas-image-preview") ?? -1;
  if (plays && place >= 0) node.widgets?.splice(place, 1)[0].onRemove?.();
}

app.registerExtension({
  name: "imgsync.report",

  /** While it runs: how far it is, and how much time is left. */
  setup() {
    api.addEventListener("imgsync.pace", (/** @type {any} */ { detail }) => {
      const node = nodeOf(detail.node);
      if (REPORTING.has(node?.constructor.comfyClass)) report(node, detail.text);
    });
    for (const end of ["execution_error", "execution_interrupted"]) {
      api.addEventListener(end, (/** @type {any} */ { detail }) => widgetOf(nodeOf(detail.node_id), NAME) && report(nodeOf(detail.node_id), ""));
    }
  },

  /** After an undo of the graph its nodes are new ones, of which the old results are still known. @param {any} node */
  nodeCreated(node) {
    if (!REPORTING.has(node.constructor.comfyClass)) return;
    setTimeout(() => {
      const text = node.graph && app.nodeOutputs?.[named(node)]?.text;
      if (text) report(node, text.join("\n"));
    }, 100);
  },

  /** @param {{prototype: any}} nodeType @param {{name: string}} nodeData */
  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!PREVIEWING.has(nodeData.name)) return;
    const add = nodeType.prototype.addDOMWidget;
    /** The classic canvas' player would enter the prompt, and the next run make the file again. @this {Node} */
    nodeType.prototype.addDOMWidget = function (/** @type {any[]} */ ...[name, type, element, options]) {
      if (name !== "video-preview") return add.call(this, name, type, element, options);
      for (const later of [0, 500]) setTimeout(() => grow(this), later); // it is as high as the video only then
      return add.call(this, name, type, element, { ...options, serialize: false });
    };
    const before = nodeType.prototype.onExecuted;
    /** @this {Node} @param {{text?: string[], animated?: boolean[]}} output */
    nodeType.prototype.onExecuted = function (output) {
      before?.call(this, output);
      dropPreviews(this, Boolean(output?.animated)); // and once more: one that is still being loaded comes after the video
      for (const later of output?.animated ? [300, 1500] : []) setTimeout(() => dropPreviews(this, true), later);
      if (REPORTING.has(nodeData.name) && output?.text) report(this, output.text.join("\n"));
    };
  },
});
