"""Sentences to train on, written for this project; a line is said by a synthesiser as it stands.

Keys are voice names of espeak-ng. ``HELD_OUT`` languages are never trained on.
"""

# ruff: noqa: RUF001

from __future__ import annotations

HELD_OUT = ("it", "tr", "pl")

ENGLISH = [
    *"""
The big brown boat moved slowly up the river past the old mill.
My mother bought a pound of plums and a bag of pears at the market.
Please put the paper back on top of the small blue box.
We were walking home when the rain began to fall on the empty street.
Nobody knew why the farmer kept five white geese behind his barn.
Could you help me move this piano before the people arrive?
She always washes the windows with warm water and a soft cloth.
Every evening the baker leaves a loaf of bread on our doorstep.
I think that the weather will be better by the weekend.
He asked for a cup of coffee, but they brought him a bowl of soup.
The children laughed and jumped over the puddles in the park.
What would happen if we opened both doors at the same time?
A yellow bird was singing in the apple tree this morning.
Thank you very much for your patience, we will be with you shortly.
They found a map, a rope, and a pair of boots under the bed.
Good evening, and welcome to the programme about the moon and the sea.
The judge usually chooses the shortest speech of the season.
Fresh fish, four of them, for fifty five francs, said the fisherman.
Bob is the man who mapped the whole mountain by himself.
I have never heard such a wonderful voice in my life.
How many times do I have to tell you to close the gate?
The queen wore a purple robe with gold buttons and a velvet hood.
It is about two hours by train from here to the coast.
Make sure that the pump is empty before you remove the pipe.
Our neighbour has a garden full of roses, beans, and pumpkins.
Yes, maybe, but I would rather wait until the bus comes.
The path goes up the hill, through the wood, and over a narrow bridge.
Some people believe that a problem shared is a problem halved.
You should have seen the look upon his face when the bell rang.
Put a pinch of pepper in the pot and stir it for a minute.
The winter was long and cold, and the wolves came near the village.
Amy and Bobby bumped into Pamela by the public library.
Why are you so sure that they were wrong about the weather?
We hope to improve the map of the ocean floor by the end of May.
Sheep do not sleep in ships, and ships do not need sheep.
The old clock on the wall struck twelve, and everybody stopped talking.
I would like to book a room for two people for the whole week.
Her brother plays the trumpet, the drums, and a bit of violin.
Someone must have moved the ladder, for it was right here before.
Open the window, breathe deeply, and remember to smile.
In the beginning there was nothing but a murmur of water and wind.
How beautiful the mountains are when the snow begins to melt!
The captain shouted an order, and the crew pulled up the anchor.
Tomorrow we will talk about money, power, and the price of food.
My father used to go for a swim every morning before breakfast.
Pack my bag with a dozen jars of plum jam and five quilts.
The new museum opens to the public on the first of February.
Mix the butter with the sugar, then add the eggs one by one.
I am happy to hear that you are feeling so much better now.
Above the mantelpiece hung a painting of a woman in a blue hat.
No, no, no, that is not at all what I meant to say.
What a lovely afternoon for a walk around the harbour!
The computer was able to answer the question in a moment.
Ah, so this is where you have been hiding all along.
The ambulance arrived five minutes after the accident.
Wow, who would have thought that a mouse could move so far?
""".strip().splitlines()
]

OTHERS = {
    "de": """
Der alte Mann geht jeden Morgen mit seinem Hund durch den Park.
Bitte bringen Sie mir ein Brot mit Butter und einen Becher Milch.
Wir haben gestern Abend über die schönen Berge gesprochen.
Meine Mutter möchte im Sommer ein paar Wochen am Meer bleiben.
Warum hast du mir nicht früher von deinem Plan erzählt?
Fünf Vögel flogen über das Feld und verschwanden im Wald.
Das neue Haus am Fluss hat blaue Fenster und eine weiße Tür.
Ich glaube, dass wir bald bessere Probleme haben werden.
""",
    "fr": """
Le petit bateau blanc passe sous le pont avant la pluie.
Ma mère prépare une soupe avec du pain et beaucoup de beurre.
Pourquoi veux-tu partir si tôt, puisque le train est à midi ?
Nous avons vu un homme qui vendait des pommes au bord de la mer.
Bonjour, je voudrais une chambre pour deux personnes.
Les enfants jouent dans la cour et ne pensent plus au travail.
Il y a longtemps que je n'ai pas entendu une si belle voix.
Un bon musicien peut jouer avec les yeux fermés.
""",
    "es": """
El barco blanco pasó muy despacio por debajo del puente.
Mi abuela prepara la mejor sopa de pescado de todo el pueblo.
Buenos días, quisiera comprar una mesa pequeña y dos sillas.
Por favor, abre la ventana, porque hace mucho calor aquí.
Nadie sabe cuándo volverá el hombre que vivía junto al mar.
Mañana por la mañana vamos a hablar del problema con tu madre.
La niña encontró un mapa viejo dentro de la caja azul.
""",
    "pt-br": """
O menino abriu a porta e viu um pássaro amarelo na janela.
Minha mãe compra pão, manteiga e bananas na feira.
Por que você não me falou sobre o problema antes?
Amanhã vamos passear pela praia com os nossos amigos.
A banda tocou uma música bonita até o fim da noite.
Um homem bom ajuda os vizinhos quando pode.
""",
    "nl": """
De oude bakker brengt elke morgen vers brood naar het dorp.
Mijn moeder wil graag een paar weken aan zee blijven.
Waarom heb je mij niet eerder over het probleem verteld?
Wij wandelen langs de rivier als het mooi weer is.
De kinderen spelen buiten met een blauwe bal.
Goedemorgen, ik wil graag een boek over bomen kopen.
""",
    "sv": """
Min bror bor i ett litet hus nära havet med sin familj.
Vi måste prata om problemet innan bussen kommer.
Varför öppnar du inte fönstret när solen skiner?
Mamma köper bröd, smör och fem päron på torget.
En gul fågel sjunger i trädet bakom vårt hus.
Det blir bättre väder i början av maj.
""",
    "ru": """
Маленький белый пароход медленно плывёт по реке под мостом.
Моя бабушка варит самый вкусный суп во всей деревне.
Почему ты не сказал мне об этом вчера вечером?
Мы гуляли по парку, пока не начался дождь.
Пожалуйста, откройте окно, здесь очень душно.
Папа купил большую банку мёда и буханку хлеба.
Никто не помнит, когда этот человек пришёл в город.
""",
    "uk": """
Моя мама купила на базарі яблука, буряки та свіжий хліб.
Чому ти не відчинив вікно, коли було так тепло?
Білий пароплав пливе повз берег до моря.
Бабуся розповідала нам про старий млин біля річки.
Добрий вечір, будь ласка, зачекайте одну хвилину.
""",
    "cs": """
Moje babička peče každou neděli výborný chléb a buchty.
Proč jsi mi o tom problému neřekl dříve?
Malá bílá loď pluje pomalu po řece pod mostem.
Prosím vás, kde je tady poblíž nějaký obchod?
Děti si hrají v parku a vůbec nemyslí na školu.
""",
    "ro": """
Bunica mea face cea mai bună supă din tot satul.
De ce nu mi-ai spus mai devreme despre problemă?
Un om bun ajută pe vecini ori de câte ori poate.
Barca albă trece pe sub pod înainte de ploaie.
Mâine dimineață mergem împreună la munte.
""",
    "hu": """
A nagymama minden vasárnap friss kenyeret süt a falunak.
Miért nem beszéltél nekem erről a problémáról?
A kis fehér hajó lassan megy a folyón a híd alatt.
Jó napot kívánok, egy szobát szeretnék két főre.
Öt madár repült a mező fölött az erdő felé.
""",
    "el": """
Η μητέρα μου αγοράζει ψωμί, βούτυρο και μπανάνες.
Γιατί δεν μου μίλησες για το πρόβλημα νωρίτερα;
Το μικρό άσπρο καράβι περνάει κάτω από τη γέφυρα.
Καλημέρα σας, θα ήθελα ένα δωμάτιο για δύο άτομα.
Τα παιδιά παίζουν μπάλα μπροστά στο σπίτι.
""",
    "fi": """
Pieni valkoinen vene kulkee hitaasti joen yli.
Miksi et puhunut minulle tästä ongelmasta aikaisemmin?
Mummo leipoo joka aamu parasta leipää koko kylässä.
Hyvää huomenta, haluaisin ostaa pöydän ja kaksi tuolia.
Lapset pelaavat palloa puiston laidalla.
""",
    "id": """
Ibu membeli pisang, mangga, dan beberapa bungkus roti di pasar.
Mengapa kamu tidak berbicara tentang masalah itu kemarin?
Perahu putih kecil itu lewat di bawah jembatan.
Selamat pagi, saya mau memesan kamar untuk dua orang.
Anak-anak bermain bola di depan rumah sampai malam.
""",
    "sw": """
Mama yangu ananunua mkate, maziwa na ndizi sokoni.
Kwa nini hukuniambia kuhusu jambo hili mapema?
Mashua ndogo nyeupe inapita chini ya daraja.
Habari za asubuhi, ningependa chumba cha watu wawili.
Watoto wanacheza mpira mbele ya nyumba.
""",
    "ja": """
きょうは とても よい てんき ですね。
ははは まいあさ パンと バナナを たべます。
ちいさな しろい ふねが はしの したを とおります。
どうして もっと はやく おしえて くれなかったの。
すみません、まどを あけても いいですか。
むかし むかし あるところに おじいさんが いました。
""",
    "cmn-latn-pinyin": """
ni3 hao3, wo3 ma1 ma5 mai3 le5 mian4 bao1 he2 ping2 guo3.
wei4 shen2 me5 ni3 bu4 zao3 yi4 dian3 gao4 su4 wo3?
xiao3 bai2 chuan2 man4 man4 de5 cong2 qiao2 xia4 mian4 guo4 qu4.
ming2 tian1 zao3 shang5 wo3 men5 yi4 qi3 qu4 pa2 shan1.
hai2 zi5 men5 zai4 fang2 zi5 qian2 mian4 wan2 pi2 qiu2.
qing3 ba3 men2 da3 kai1, wai4 mian4 you3 peng2 you5.
""",
    "vi": """
Mẹ tôi mua bánh mì, bơ và mấy quả chuối ở chợ.
Tại sao bạn không nói với tôi về vấn đề này sớm hơn?
Chiếc thuyền nhỏ màu trắng đi chậm dưới cây cầu.
Chào buổi sáng, tôi muốn đặt một phòng cho hai người.
Bọn trẻ chơi bóng trước nhà cho đến tối.
""",
    "hi": """
मेरी माँ बाज़ार से रोटी, मक्खन और केले लाती है।
तुमने मुझे इस समस्या के बारे में पहले क्यों नहीं बताया?
छोटी सफ़ेद नाव पुल के नीचे से धीरे धीरे जाती है।
नमस्ते, मुझे दो लोगों के लिए एक कमरा चाहिए।
बच्चे घर के सामने शाम तक खेलते हैं।
""",
    "ar": """
أُمِّي تَشْتَرِي الخُبْزَ وَالمَوْزَ مِنَ السُّوقِ.
لِمَاذَا لَمْ تُخْبِرْنِي عَنِ المُشْكِلَةِ مِنْ قَبْل؟
صَبَاحُ الخَيْرِ، أُرِيدُ غُرْفَةً لِشَخْصَيْن.
مَرَّ القَارِبُ الصَّغِيرُ تَحْتَ الجِسْرِ بِبُطْء.
""",
    "ko": """
어머니는 시장에서 빵과 바나나를 사셨습니다.
왜 그 문제에 대해서 더 일찍 말하지 않았어요?
작은 하얀 배가 다리 밑을 천천히 지나갑니다.
안녕하세요, 두 사람이 묵을 방을 부탁합니다.
아이들은 집 앞에서 공놀이를 합니다.
""",
    "it": """
Mia nonna prepara la zuppa di pesce più buona del paese.
Perché non mi hai parlato prima di questo problema?
La piccola barca bianca passa lentamente sotto il ponte.
Buongiorno, vorrei una camera per due persone, per favore.
I bambini giocano a palla davanti alla casa fino a sera.
Domani mattina andiamo insieme al mare con i nostri amici.
""",
    "tr": """
Annem pazardan ekmek, tereyağı ve birkaç muz aldı.
Bu problemi bana neden daha önce anlatmadın?
Küçük beyaz tekne köprünün altından yavaşça geçiyor.
Günaydın, iki kişilik bir oda istiyorum, lütfen.
Çocuklar evin önünde akşama kadar top oynuyor.
Büyükbabam her sabah parkta köpeğiyle dolaşır.
""",
    "pl": """
Moja babcia piecze najlepszy chleb w całej wsi.
Dlaczego nie powiedziałeś mi wcześniej o tym problemie?
Mały biały statek płynie powoli pod mostem.
Dzień dobry, poproszę pokój dla dwóch osób.
Dzieci bawią się piłką przed domem aż do wieczora.
Kupiłem bochenek chleba, masło i pięć jabłek.
""",
}


def sentences(language: str) -> list[str]:
    """All sentences of a language; ``en-gb``, ``en-us`` and the like share the English ones."""
    if language.startswith("en"):
        return ENGLISH
    return [*OTHERS[language].strip().splitlines()]
