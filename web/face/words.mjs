// What the editor says, in the languages of the front end.

/** @type {Record<string, Record<string, string>>} */
const TABLE = await (await fetch(new URL("./words.json", import.meta.url))).json();

/** The words of a language, English where there are none. @param {string} [locale] as the setting Comfy.Locale says it */
export const words = (locale = "") => TABLE[locale] ?? TABLE[locale.split("-")[0]] ?? TABLE.en;
