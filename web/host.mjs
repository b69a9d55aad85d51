// What the front end provides, in one place.

// @ts-expect-error ComfyUI serves it
import { app } from "../../scripts/app.js";
// @ts-expect-error ComfyUI serves it
import { api } from "../../scripts/api.js";
import { words } from "./face/words.mjs";

export { api, app };
/** What is said, in the user's language. */
export const said = () => words(app.extensionManager?.setting?.get("Comfy.Locale"));
/** Translations and stores of Nodes 2.0. */
export const vue = () => /** @type {any} */ (document.getElementById("vue-app"))?.__vue_app__?.config.globalProperties;
/** A widget of a node. @param {any} node @param {string} name */
export const widgetOf = (node, name) => node?.widgets?.find((/** @type {any} */ widget) => widget.name === name);
/** The node that the server means by "7", or in a subgraph by "5:7". @param {string | number} id */
export const nodeOf = (id) => String(id).split(":").reduce((/** @type {any} */ at, part) => (at?.subgraph ?? app.rootGraph).getNodeById(Number(part)), null);
/** An element as a widget that enters no prompt. The properties panel would leave its own width behind. @param {any} node @param {string} name @param {HTMLElement} element @param {object} options */
export function addElement(node, name, element, options) {
  const widget = node.addDOMWidget(name, `imgsync_${name}`, element, { serialize: false, ...options });
  return Object.defineProperty(widget, "width", { configurable: true, get: () => undefined, set() {} });
}
