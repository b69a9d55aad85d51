// Files: the weights of the engines, which come when a button is pressed; and the picture and the
// voices of the example workflows, which are made when one of them is opened.

import { api, app, nodeOf, said, widgetOf } from "./host.mjs";

const DEMO = /imgsync_demo_\w{1,40}\.(?:png|wav|mp4)/g;
let made = "";
const NODE = "ImgSyncAudioDrivenAnimate";
/** @param {any} node @returns {string} */
const engineOf = (node) => widgetOf(node, "engine")?.value ?? "";

/** @param {string} tag @param {string} text @param {Element} parent */
const put = (tag, text, parent) => parent.appendChild(Object.assign(document.createElement(tag), { textContent: text }));
/** @param {string} to @param {object} [body] */
const post = (to, body) => api.fetchApi(`/imgsync/models/${to}`, { method: "POST", body: JSON.stringify(body ?? {}) });

/** Show the weights of an engine, or all. @param {string} engine */
async function open(engine) {
  const [say, dialog] = [said(), Object.assign(document.createElement("dialog"), { className: "imgsync-models" })];
  const draw = async () => {
    const { folder, models, job } = await (await api.fetchApi("/imgsync/models")).json();
    const busy = job && !job.ended;
    dialog.replaceChildren();
    put("h3", say.weights, dialog);
    put("p", folder, dialog);
    const ours = models.filter((/** @type {any} */ model) => model.name.startsWith(engine));
    for (const model of ours.length ? ours : models) {
      const row = put("section", "", dialog);
      put("b", model.title, row);
      put("p", `${say.licence}: ${model.licence}; ${say.commercial}: ${model.commercial}`, row);
      if (busy && job.name === model.name) {
        Object.assign(put("progress", "", row), job.total ? { max: job.total, value: job.done } : {});
        put("span", `${job.file}: ${(job.done / 1e9).toFixed(2)} / ${job.total ? (job.total / 1e9).toFixed(2) : "?"} GB`, row);
        put("button", say.cancel, row).onclick = () => post("cancel");
      } else if (model.here) put("span", `✓ ${say.here}`, row);
      else Object.assign(put("button", say.fetch, row), { disabled: busy, onclick: () => post("fetch", { name: model.name }).then(draw) });
      if (job?.error && job.name === model.name) put("em", job.error, row);
    }
    put("button", say.close, dialog).onclick = () => dialog.close();
  };
  dialog.onclose = () => (api.removeEventListener("imgsync.fetch", draw), dialog.remove());
  api.addEventListener("imgsync.fetch", draw);
  document.querySelector("dialog.imgsync-models")?.remove();
  document.body.append(dialog);
  await draw();
  dialog.showModal();
}

app.registerExtension({
  name: "imgsync.files",
  commands: [{ id: "ImgSync.Weights", label: "ImgSync: weights", icon: "pi pi-download", function: () => open("") }],
  /** @param {any} node */
  getNodeMenuItems: (node) => (node.constructor.comfyClass === NODE ? [{ content: `${said().weights} …`, callback: () => open(engineOf(node)) }] : []),
  /** @param {unknown} graph */
  async beforeConfigureGraph(graph) {
    const names = [...new Set(JSON.stringify(graph).match(DEMO))].sort();
    if (!names.length || made.includes(names.join())) return;
    const answer = await api.fetchApi("/imgsync/demo", { method: "POST", body: JSON.stringify(names) });
    if (!answer.ok) return; // the node will say which file is missing
    made += names.join();
    if ((await answer.json()).made) await app.refreshComboInNodes?.();
  },
  setup() {
    api.addEventListener("execution_error", (/** @type {any} */ { detail }) => {
      if (detail.exception_type === "imgsync.WeightsError") open(engineOf(nodeOf(detail.node_id)));
    });
  },
});
