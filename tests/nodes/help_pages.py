"""The first screen of each help page in the languages that have no page written by hand.

It says what the node's texts in `locales` say, so that both are always of one mind:
`python tests/nodes/help_pages.py` writes the pages, test_locales.py looks whether that was done.
"""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
# inputs, outputs, name, meaning, and where the rest is
WORDS = {
    "zh-TW": ("輸入", "輸出", "名稱", "含義",
              "引擎的選項、檔案位置、授權和例子見英文說明頁。把語言設為 English 即可顯示。"),
    "ja": ("入力", "出力", "名前", "意味",
           "エンジンの設定、ファイルの置き場所、ライセンス、例は英語のページにあります。"
           "言語を English にすると表示されます。"),
    "ko": ("입력", "출력", "이름", "뜻",
           "엔진 설정, 파일 위치, 라이선스, 예제는 영어 도움말에 있습니다"
           "(언어를 English로 바꾸면 보입니다)."),
    "fr": ("Entrées", "Sorties", "nom", "sens",
           "Options des moteurs, emplacement des fichiers, licences et exemples : voir la page "
           "anglaise (langue réglée sur English)."),
    "es": ("Entradas", "Salidas", "nombre", "significado",
           "Opciones de los motores, lugar de los archivos, licencias y ejemplos: en la página en "
           "inglés (con el idioma en English)."),
    "pt-BR": ("Entradas", "Saídas", "nome", "significado",
              "Opções dos motores, lugar dos arquivos, licenças e exemplos: na página em inglês "
              "(com o idioma em English)."),
    "ru": ("Входы", "Выходы", "название", "значение",
           "Параметры движков, расположение файлов, лицензии и примеры — на английской странице "
           "(язык English)."),
}  # fmt: skip


def page(node_id: str, lang: str) -> str:
    """The page in Markdown: inputs without what an option of a choice brings, and outputs."""
    texts = json.loads((ROOT / "locales" / lang / "nodeDefs.json").read_text(encoding="utf-8"))
    node = texts[node_id]
    english = (ROOT / "web" / "docs" / f"{node_id}.md").read_text(encoding="utf-8")
    title = english.splitlines()[0].removeprefix("# ")
    inputs, outputs, name, meaning, rest = WORDS[lang]
    own = {
        key: port
        for key, port in node["inputs"].items()
        if not any(key.startswith(f"{other}_") for other in node["inputs"])
    }
    rows = [f"| `{key}`: {port['name']} | {port['tooltip']} |" for key, port in own.items()]
    made = [f"| {port['name']} | {port['tooltip']} |" for port in node["outputs"].values()]
    head = [f"| {name} | {meaning} |", "| --- | --- |"]
    parts = [
        f"# {title}: {node['display_name']}", node["description"], f"## {inputs}",
        "\n".join([*head, *rows]), f"## {outputs}", "\n".join([*head, *made]), rest,
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def place(node_id: str, lang: str) -> Path:
    return ROOT / "web" / "docs" / node_id / f"{lang}.md"


if __name__ == "__main__":
    for english in (ROOT / "web" / "docs").glob("*.md"):
        for lang in WORDS:
            place(english.stem, lang).write_text(page(english.stem, lang), encoding="utf-8")
