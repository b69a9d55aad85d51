// What a node says about its result ("text" of its ui output), shown as text in the node.

import { app } from "../../scripts/app.js";

const NODES = new Set(["ImgSyncMuxVideo", "ImgSyncAudioDrivenAnimate"]);
const NAME = "imgsync_report";
const LINE = 17; // px

/**
 * @typedef {object} Widget
 * @property {string} name
 * @property {HTMLElement} [element]
 *
 * @typedef {object} Node
 * @property {string} [type]
 * @property {Widget[]} [widgets]
 * @property {[number, number]} size
 * @property {() => [number, number]} computeSize
 * @property {(size: [number, number]) => void} setSize
 * @property {(name: string, type: string, element: HTMLElement, options: object) => Widget} addDOMWidget
 *
 * @typedef {{text?: string[]}} Output
 */

/**
 * The element that holds the text, made when there is something to say.
 * @param {Node} node
 * @returns {HTMLElement}
 */
function place(node) {
  const known = node.widgets?.find((widget) => widget.name === NAME);
  if (known?.element) return known.element;
  const element = document.createElement("div");
  element.className = "imgsync-report";
  element.style.cssText =
    "overflow: auto; padding: 2px 6px; box-sizing: border-box; user-select: text; " +
    `font: 12px/${LINE}px sans-serif; color: var(--input-text, #ccc); white-space: pre-wrap;`;
  node.addDOMWidget(NAME, "imgsync-report", element, {
    serialize: false, // it is no input: nothing of it belongs into the workflow
    getMinHeight: () => 3 * LINE + 4,
    getMaxHeight: () => 5 * LINE + 4,
  });
  return element;
}

/**
 * @param {Node} node
 * @param {Output | undefined} output
 */
function show(node, output) {
  const text = (output?.text ?? []).join("\n");
  if (!text && !node.widgets?.some((widget) => widget.name === NAME)) return;
  place(node).textContent = text;
  const [width, height] = node.size;
  const least = node.computeSize();
  node.setSize([Math.max(width, least[0]), Math.max(height, least[1])]);
}

app.registerExtension({
  name: "imgsync.report",

  /** @param {{prototype: {onExecuted?: (output: Output) => void}}} nodeType @param {{name: string}} nodeData */
  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!NODES.has(nodeData.name)) return;
    const before = nodeType.prototype.onExecuted;
    /** @this {any} @param {Output} output */
    nodeType.prototype.onExecuted = function (output) {
      before?.call(this, output);
      show(this, output);
    };
  },
});
