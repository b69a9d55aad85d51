// What a widget of a chosen engine, mode or preset means: the classic canvas finds no text for it.

import { app, vue, widgetOf } from "./host.mjs";

/** The translation that Nodes 2.0 shows, or the schema's own text. @param {any} node @param {any} nodeData @param {string} name */
function meaning(node, nodeData, name) {
  const [top, own] = name.split(".");
  if (!own) return undefined;
  const words = vue();
  const key = `nodeDefs.${nodeData.name}.inputs.${top}_${own}.tooltip`;
  if (words?.$te?.(key)) return words.$t(key);
  const chosen = widgetOf(node, top)?.value;
  const options = { ...nodeData.input?.required, ...nodeData.input?.optional }[top]?.[1]?.options;
  const inputs = options?.find((/** @type {any} */ option) => option.key === chosen)?.inputs;
  return { ...inputs?.required, ...inputs?.optional }[own]?.[1]?.tooltip;
}

app.registerExtension({
  name: "imgsync.tooltips",
  /** @param {{prototype: any}} nodeType @param {any} nodeData */
  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!nodeData.name.startsWith("ImgSync")) return;
    const add = nodeType.prototype.addCustomWidget;
    nodeType.prototype.addCustomWidget = function (/** @type {any} */ widget) {
      const added = add.call(this, widget);
      Object.defineProperty(added, "tooltip", { configurable: true, get: () => meaning(this, nodeData, added.name), set() {} });
      return added;
    };
  },
});
