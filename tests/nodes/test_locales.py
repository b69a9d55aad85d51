"""The translations and the Chinese help pages, beside the schemas that they translate."""

import json
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from . import help_pages

ROOT = Path(__file__).parents[2]
LANGUAGES = ["es", "fr", "ja", "ko", "pt-BR", "ru", "zh", "zh-TW"]  # English: the schema itself
NODES = [
    "ImgSyncAudioDrivenAnimate",
    "ImgSyncAudioDuration",
    "ImgSyncExtendFrames",
    "ImgSyncLoadPortrait",
    "ImgSyncMuxVideo",
]
NAMES = {"crf", "deepcache", "fps", "vae"}  # the same in every language
COGNATES = {
    "es": {"audio"},
    "fr": {"audio", "image", "mode", "source"},
}
# What a text names exactly: files, %parts% of file names, colours, presets, numbers.
LITERAL = re.compile(
    r"%[^%]+%|#[0-9a-f]{6}|\w+\.pt\b|[a-z]+-[a-z]*\d+|[a-z]+-vae-[a-z-]+|-?\d+(?:[.,]\d+)*k?(?:\+\d+)?",
    re.ASCII | re.IGNORECASE,
)
SYNTAX = "@{}|"  # has a meaning in the front end's message format


def read(lang, name):
    def no_doubles(pairs):
        assert len(dict(pairs)) == len(pairs), f"{lang}/{name} has a key twice"
        return dict(pairs)

    text = (ROOT / "locales" / lang / name).read_text(encoding="utf-8")
    return json.loads(text, object_pairs_hook=no_doubles)


def ports(inputs, above=""):
    """(id, input) of all inputs; what an option of a combo brings is `combo.input`."""
    for port in inputs:
        yield above + port.id, port
        for option in getattr(port, "options", None) or ():
            yield from ports(getattr(option, "inputs", ()), f"{above}{port.id}.")


def english(schema):
    """The schema as a translation: the front end writes _ for the dots of an id.

    It knows one text for options of the same name of several engines, which has to serve them all.
    """
    inputs, ids = {}, {}
    for full, port in ports(schema.inputs):
        key = full.replace(".", "_")
        assert ids.setdefault(key, full) == full, f"{full} and {ids[key]} share the key {key}"
        before = inputs.get(key, {}).get("tooltip", "")  # of another engine, under the same key
        own = "" if port.tooltip in before else port.tooltip
        inputs[key] = {"name": port.id, "tooltip": f"{before} {own}".strip()}
    outputs = {
        str(i): {"name": port.display_name, "tooltip": port.tooltip}
        for i, port in enumerate(schema.outputs)
    }
    heading = {"display_name": schema.display_name, "description": schema.description}
    return {**heading, "inputs": inputs, "outputs": outputs}


def leaves(tree, path=()):
    """((key, key, ...), text) of all texts, in order."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def literals(text):
    text = text.replace("hallo2", "")  # the engine's name is no number
    return Counter(found.lower() for found in LITERAL.findall(text))


def test_languages():
    assert sorted(path.name for path in (ROOT / "locales").iterdir()) == LANGUAGES


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_text_of_the_schemas_is_translated_and_nothing_else(pack, lang):
    translated = read(lang, "nodeDefs.json")
    assert sorted(translated) == NODES == sorted(pack.nodes)
    for node_id in NODES:
        wanted = [path for path, _ in leaves(english(pack.nodes[node_id].GET_SCHEMA()))]
        assert [path for path, _ in leaves(translated[node_id])] == wanted, node_id


@pytest.mark.parametrize("lang", LANGUAGES)
def test_texts_are_translated_and_name_what_the_english_names(pack, lang):
    translated = read(lang, "nodeDefs.json")
    same = NAMES | COGNATES.get(lang, set())
    for node_id in NODES:
        ours = dict(leaves(translated[node_id]))
        for path, text in leaves(english(pack.nodes[node_id].GET_SCHEMA())):
            own, where = ours[path], f"{lang} {node_id} {'.'.join(path)}: {ours[path]}"
            assert own and own == own.strip() and not set(own) & set(SYNTAX), where
            assert literals(own) == literals(text), where
            if own.casefold() == text.casefold():
                assert path[-1] == "name" and text in same, f"not translated: {where}"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_category_of_ours_and_none_of_others(pack, lang):
    parts = {part for node in pack.nodes.values() for part in node.GET_SCHEMA().category.split("/")}
    assert parts == {"video", "imgsync"}  # video is translated by the front end
    assert read(lang, "main.json") == {"nodeCategories": {"imgsync": "ImgSync"}}


@pytest.mark.parametrize("node_id", NODES)
def test_chinese_help_page(pack, node_id):
    """It gives each id with the name that the node shows, in full-width brackets."""
    page = ROOT / "web" / "docs" / node_id / "zh.md"
    text, schema = page.read_text(encoding="utf-8"), pack.nodes[node_id].GET_SCHEMA()
    names = read("zh", "nodeDefs.json")[node_id]
    assert text.startswith(f"# {schema.display_name}\uff08{names['display_name']}\uff09\n")
    for full, port in ports(schema.inputs):
        name = names["inputs"][full.replace(".", "_")]["name"]
        assert f"`{port.id}`\uff08{name}\uff09" in text, f"{node_id}/zh.md: {full}"
    for i, port in enumerate(schema.outputs):
        name = names["outputs"][str(i)]["name"]
        assert f"{port.display_name}\uff08{name}\uff09" in text, f"{node_id}/zh.md: output {i}"


@pytest.mark.parametrize("lang", help_pages.WORDS)
@pytest.mark.parametrize("node_id", NODES)
def test_first_screen_in_other_languages(pack, node_id, lang):
    """Every language has one; it says what the node itself does, and names all of its inputs."""
    assert {*help_pages.WORDS, "zh"} == set(LANGUAGES)
    text = help_pages.place(node_id, lang).read_text(encoding="utf-8")
    assert text == help_pages.page(node_id, lang), "run python tests/nodes/help_pages.py"
    schema = pack.nodes[node_id].GET_SCHEMA()
    for port in schema.inputs:
        assert f"| `{port.id}`: " in text
    assert text.count("\n| ") == len(schema.inputs) + len(schema.outputs) + 4


def test_help_and_translations_are_in_the_package():
    """.comfyignore has the syntax of .gitignore, so git itself is asked."""
    names = ["locales/zh/nodeDefs.json", "web/docs/ImgSyncMuxVideo.md", "web/face_editor.js"]
    out = [".ci/run", "docs/graph.jpg", "tests/nodes/test_locales.py"]
    command = ["git", "-c", f"core.excludesFile={ROOT / '.comfyignore'}", "check-ignore"]
    found = subprocess.run(
        [*command, "--no-index", *names, *out], cwd=ROOT, capture_output=True, text=True
    )
    assert found.stdout.split() == out, found.stderr
