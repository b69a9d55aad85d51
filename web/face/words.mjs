// What the editor says, in the languages of the front end.

const KEYS = [
  "left_brow", "right_brow", "left_eye", "right_eye", "mouth_left", "lip_top", "lip_line",
  "lip_bottom", "mouth_right", "chin", "oval_top", "oval_side", "all",
  "undo", "reset", "larger", "smaller", "whole", "place",
  "found", "yours", "none", "looking", "unknown", "eyes_crossed", "mouth_crossed", "mouth_above", "face", "editor",
];

/** @type {Record<string, string[]>} */
const TABLE = {
  en: [
    "left brow", "right brow", "left eye", "right eye", "left corner of the mouth", "top of the upper lip", "where the lips meet",
    "bottom of the lower lip", "right corner of the mouth", "chin", "top of the face", "side of the face", "move all points",
    "Undo", "Back to automatic", "Zoom in", "Zoom out", "Show all", "Place the points",
    "Found by itself. Drag a point to correct it.", "Your points.", "No face found.", "Looking for faces …", "The picture cannot be read.",
    "The eyes are crossed.", "The mouth's corners are crossed.", "The mouth is not below the eyes.", "Choose face", "Points of the face",
  ],
  zh: [
    "左眉", "右眉", "左眼", "右眼", "左嘴角", "上唇上缘", "唇线", "下唇下缘", "右嘴角", "下巴", "脸部顶端", "脸部侧边", "移动所有点",
    "撤销", "恢复自动", "放大", "缩小", "显示全部", "放置标记点",
    "自动识别。拖动点即可修正。", "使用您的标记点。", "未找到人脸。", "正在查找人脸……", "无法读取图片。",
    "左右眼颠倒了。", "左右嘴角颠倒了。", "嘴不在眼睛下方。", "选择人脸", "人脸标记点",
  ],
  "zh-TW": [
    "左眉", "右眉", "左眼", "右眼", "左嘴角", "上唇上緣", "唇線", "下唇下緣", "右嘴角", "下巴", "臉部頂端", "臉部側邊", "移動所有點",
    "復原", "恢復自動", "放大", "縮小", "顯示全部", "放置標記點",
    "自動辨識。拖曳點即可修正。", "使用您的標記點。", "找不到人臉。", "正在尋找人臉……", "無法讀取圖片。",
    "左右眼顛倒了。", "左右嘴角顛倒了。", "嘴不在眼睛下方。", "選擇人臉", "人臉標記點",
  ],
  ja: [
    "左の眉", "右の眉", "左目", "右目", "口の左端", "上唇の上端", "唇の合わせ目", "下唇の下端", "口の右端", "あご", "顔の上端", "顔の横", "すべての点を動かす",
    "元に戻す", "自動に戻す", "拡大", "縮小", "全体を表示", "点を置く",
    "自動検出。点をドラッグして直せます。", "手動の点を使用中。", "顔が見つかりません。", "顔を探しています…", "画像を読み込めません。",
    "左右の目が逆です。", "口の左右が逆です。", "口が目より下にありません。", "顔を選ぶ", "顔の点",
  ],
  ko: [
    "왼쪽 눈썹", "오른쪽 눈썹", "왼쪽 눈", "오른쪽 눈", "왼쪽 입꼬리", "윗입술 위쪽", "입술이 만나는 곳", "아랫입술 아래쪽", "오른쪽 입꼬리", "턱", "얼굴 위쪽", "얼굴 옆", "모든 점 이동",
    "실행 취소", "자동으로 되돌리기", "확대", "축소", "전체 보기", "점 놓기",
    "자동으로 찾았습니다. 점을 끌어 고치세요.", "직접 놓은 점입니다.", "얼굴을 찾지 못했습니다.", "얼굴을 찾는 중…", "그림을 읽을 수 없습니다.",
    "두 눈이 바뀌었습니다.", "입꼬리가 바뀌었습니다.", "입이 눈 아래에 있지 않습니다.", "얼굴 선택", "얼굴의 점",
  ],
  fr: [
    "sourcil gauche", "sourcil droit", "œil gauche", "œil droit", "coin gauche de la bouche", "haut de la lèvre supérieure", "jonction des lèvres",
    "bas de la lèvre inférieure", "coin droit de la bouche", "menton", "haut du visage", "côté du visage", "déplacer tous les points",
    "Annuler", "Revenir à l’automatique", "Agrandir", "Réduire", "Tout afficher", "Placer les points",
    "Trouvé automatiquement. Faites glisser un point pour corriger.", "Vos points.", "Aucun visage trouvé.", "Recherche de visages…", "L’image est illisible.",
    "Les yeux sont inversés.", "Les coins de la bouche sont inversés.", "La bouche n’est pas sous les yeux.", "Choisir le visage", "Points du visage",
  ],
  es: [
    "ceja izquierda", "ceja derecha", "ojo izquierdo", "ojo derecho", "comisura izquierda", "borde del labio superior", "unión de los labios",
    "borde del labio inferior", "comisura derecha", "barbilla", "parte superior de la cara", "lado de la cara", "mover todos los puntos",
    "Deshacer", "Volver a automático", "Acercar", "Alejar", "Mostrar todo", "Colocar los puntos",
    "Detectado automáticamente. Arrastra un punto para corregirlo.", "Tus puntos.", "No se encontró ninguna cara.", "Buscando caras…", "No se puede leer la imagen.",
    "Los ojos están cruzados.", "Las comisuras están cruzadas.", "La boca no está debajo de los ojos.", "Elegir cara", "Puntos de la cara",
  ],
  "pt-BR": [
    "sobrancelha esquerda", "sobrancelha direita", "olho esquerdo", "olho direito", "canto esquerdo da boca", "topo do lábio superior", "encontro dos lábios",
    "base do lábio inferior", "canto direito da boca", "queixo", "topo do rosto", "lado do rosto", "mover todos os pontos",
    "Desfazer", "Voltar ao automático", "Ampliar", "Reduzir", "Mostrar tudo", "Colocar os pontos",
    "Encontrado automaticamente. Arraste um ponto para corrigir.", "Seus pontos.", "Nenhum rosto encontrado.", "Procurando rostos…", "Não foi possível ler a imagem.",
    "Os olhos estão trocados.", "Os cantos da boca estão trocados.", "A boca não está abaixo dos olhos.", "Escolher rosto", "Pontos do rosto",
  ],
  ru: [
    "левая бровь", "правая бровь", "левый глаз", "правый глаз", "левый угол рта", "верх верхней губы", "линия губ",
    "низ нижней губы", "правый угол рта", "подбородок", "верх лица", "край лица", "двигать все точки",
    "Отменить", "Вернуть автоматику", "Увеличить", "Уменьшить", "Показать всё", "Расставить точки",
    "Найдено автоматически. Перетащите точку, чтобы исправить.", "Ваши точки.", "Лицо не найдено.", "Поиск лиц…", "Не удалось прочитать картинку.",
    "Глаза перепутаны.", "Углы рта перепутаны.", "Рот не под глазами.", "Выбрать лицо", "Точки лица",
  ],
};

/**
 * The words of a language, English where there are none.
 * @param {string} [locale] as the setting Comfy.Locale says it
 * @returns {Record<string, string>}
 */
export function words(locale) {
  const row = TABLE[locale ?? ""] ?? TABLE[(locale ?? "").split("-")[0]] ?? TABLE.en;
  return Object.fromEntries(KEYS.map((key, i) => [key, row[i]]));
}
