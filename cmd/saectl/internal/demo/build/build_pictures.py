#!/usr/bin/env python3
"""Choose the demo's pictures and write thumbnails, index, vectors and credits.

README.md names the sources and their versions. The same inputs give the same bytes.
"""

import argparse
import glob
import html
import io
import json
import os
import re
import unicodedata

import numpy as np
from PIL import Image

import encode
import wordnet

HERE = os.path.dirname(os.path.abspath(__file__))
Image.MAX_IMAGE_PIXELS = None  # some drawings are kept at 13,000 pixels a side

THUMB = 128        # longest side of a thumbnail in pixels
QUALITY = 80       # of its JPEG
SAME = 0.97        # cosine above which a picture repeats one already kept
CLEAR = 0.5        # least value of a picture by clarity()
COMMON = 10         # pictures that make a keyword a common label
FOREIGN = 1.6      # by so much a common label of others may stand out more

# Folders of the clip art collection that hold things, with category and keywords.
# The longest matching folder decides; None leaves a folder out.
FOLDERS = {
    "animals": ("animals", ["animal"]), "animals/amphibian": ("animals", ["animal", "frog"]),
    "animals/birds": ("animals", ["animal", "bird"]),
    "animals/bugs": ("animals", ["animal", "insect"]),
    "animals/dinosaurs": ("animals", ["animal", "dinosaur"]),
    "animals/fantasy": ("people", []), "animals/fish": ("animals", ["animal"]),
    "animals/mammals": ("animals", ["animal"]),
    "animals/mammals/bears": ("animals", ["animal", "bear"]),
    "animals/mammals/big_cats": ("animals", ["animal"]),
    "animals/mammals/dogs": ("animals", ["animal", "dog"]),
    "animals/mammals/horses": ("animals", ["animal", "horse"]),
    "animals/mammals/housecats": ("animals", ["animal", "cat"]),
    "buildings": ("buildings", ["building"]),
    "buildings/furniture": ("household", ["furniture"]),
    "buildings/homes": ("buildings", ["building", "house"]),
    "computer/hardware": ("electronics", ["computer"]),
    "containers": ("household", ["container"]),
    "education": ("office", []), "education/books": ("office", ["book"]),
    "electronics": ("electronics", []), "electronics/battery": ("electronics", ["battery"]),
    "electronics/bulb": ("electronics", ["light bulb"]),
    "food": ("food", ["food"]), "food/beverages": ("food", ["drink"]),
    "food/beverages/alcohol": ("food", ["drink"]),
    "food/breads_and_carbs": ("food", ["food"]), "food/dairy": ("food", ["food"]),
    "food/desserts": ("food", ["food", "dessert"]), "food/fruit": ("food", ["food", "fruit"]),
    "food/meats_and_eggs": ("food", ["food"]), "food/vegetables": ("food", ["food", "vegetable"]),
    "geography/astronomy": ("nature", []),
    "office": ("office", []), "office/telephone": ("electronics", ["telephone"]),
    "people": ("people", []), "people/bodypart": ("people", []),
    "people/clothing": ("clothing", ["clothing"]),
    "people/clothing/hats": ("clothing", ["clothing", "hat"]),
    "people/clothing/jewelry": ("clothing", ["jewelry"]),
    "people/clothing/pantyhose": None, "people/smilies": None, "people/stickmen": None,
    "plants": ("plants", ["plant"]), "plants/flowers": ("plants", ["plant", "flower"]),
    "plants/trees": ("plants", ["plant", "tree"]),
    "recreation": ("recreation", []), "recreation/games": ("recreation", ["game"]),
    "recreation/games/cards": None, "recreation/games/chess": ("recreation", ["game", "chess"]),
    "recreation/holiday": ("recreation", ["holiday"]),
    "recreation/holiday/christmas": ("recreation", ["holiday", "christmas"]),
    "recreation/music": ("music", ["music"]), "recreation/party": ("recreation", ["party"]),
    "recreation/religion": None, "recreation/sports": ("sports", ["sport"]),
    "recreation/toys": ("recreation", ["toy"]),
    "science": ("tools", []), "science/astronomy": ("nature", []),
    "science/medicine": ("tools", []),
    "signs_and_symbols/clocks": ("household", ["clock"]),
    "signs_and_symbols/weather": ("nature", ["weather"]),
    "tools": ("tools", ["tool"]), "tools/toys": ("recreation", ["toy"]), "tools/weapons": None,
    "transportation": ("transport", []), "transportation/aiga-symbols": None,
    "transportation/boating": ("transport", ["boat"]),
    "transportation/roadsigns": None, "transportation/vehicles": ("transport", ["vehicle"]),
    "transportation/vehicles/hummers": None,
    "unsorted": ("", []), "unsorted/duplicates": None,
}

# Subgroups of the Unicode emoji list that hold things, with category and keywords.
SUBGROUPS = {
    "animal-mammal": ("animals", ["animal"]), "animal-bird": ("animals", ["animal", "bird"]),
    "animal-amphibian": ("animals", ["animal"]), "animal-reptile": ("animals", ["animal", "reptile"]),
    "animal-marine": ("animals", ["animal"]), "animal-bug": ("animals", ["animal", "insect"]),
    "plant-flower": ("plants", ["plant", "flower"]), "plant-other": ("plants", ["plant"]),
    "food-fruit": ("food", ["food", "fruit"]), "food-vegetable": ("food", ["food", "vegetable"]),
    "food-prepared": ("food", ["food"]), "food-asian": ("food", ["food"]),
    "food-sweet": ("food", ["food", "dessert"]), "drink": ("food", ["drink"]),
    "dishware": ("household", ["tableware"]), "place-geographic": ("nature", ["landscape"]),
    "place-building": ("buildings", ["building"]), "place-other": ("buildings", []),
    "transport-ground": ("transport", ["vehicle"]), "transport-water": ("transport", ["boat"]),
    "transport-air": ("transport", []), "hotel": ("household", []),
    "time": ("household", ["clock"]), "sky-weather": ("nature", ["weather"]),
    "event": ("recreation", ["party"]), "award-medal": ("sports", []),
    "sport": ("sports", ["sport"]), "game": ("recreation", ["game"]),
    "arts-crafts": ("recreation", []), "clothing": ("clothing", ["clothing"]),
    "sound": ("electronics", []), "music": ("music", ["music"]),
    "musical-instrument": ("music", ["music"]), "phone": ("electronics", []),
    "computer": ("electronics", []), "light-video": ("electronics", []),
    "book-paper": ("office", []), "money": ("office", ["money"]), "mail": ("office", []),
    "writing": ("office", []), "office": ("office", []), "lock": ("tools", []),
    "tool": ("tools", ["tool"]), "science": ("tools", []), "medical": ("tools", []),
    "household": ("household", []), "other-object": ("household", []),
    "person": ("people", []), "person-role": ("people", []),
    "person-activity": ("people", []), "person-sport": ("sports", ["sport"]),
    "person-resting": ("people", []), "body-parts": ("people", []),
}

# Words that WordNet puts above others and that make good labels.
GENERAL = """animal bird fish insect reptile dog cat horse flower tree fruit vegetable
vehicle car truck boat ship airplane bicycle train building furniture chair table clothing
hat shoe tool musical_instrument guitar drink dessert bread meat sweet ball toy computer
telephone clock book""".split()

# Words of titles and keyword lists that say nothing about what can be seen.
EMPTY = set("""
3d a activities activity africa an and angry another architecture art at atmosphere b back basic
big black blue bottom brown button by c carbohydrate cartoon cc circle clip clipart closed
collection color colour crazy creation cute d dark day decoration design desktop device document
domain double down drawing drawn e education eight electricity entertainment equipment example f
fast festive five flat for four fresh from front full fun funny g general generic good gray green
grey h half happy hardware harvest hash head head1 heavy high i icon ii illustration image in is
it j k l large left light line lines lovely low m mammal mark md medium menu mo my n navigation
network new nice nine northamerica o object objects of office old on one open organization other p
part picture piece pink place protein public purple q quick r recreation red reproduction right s
set seven shape shiny side signs simple single six skin slice small something square squared st
straight study style stylized sweet symbol t ten the thing things three tile to tone top transport
transportation two type u unit unsorted up us usa v vacation version view w white whole with work
x y yellow young your z
""".split())

FESTIVALS = {"christmas", "easter", "halloween", "thanksgiving"}

GENERIC_TITLE = re.compile(
    r"^(clipart by|etiquette icons|r1[56] |various cliparts|homes clipart|menu clip art|"
    r"diner menu|part of the|architetto francesco)", re.I)


class Candidate:
    """One picture before the choice."""

    def __init__(self, id, load, title, category, keywords, author, licence, link, area="thing"):
        self.id, self.load, self.title, self.category = id, load, title, category
        self.keywords, self.author, self.licence, self.link = keywords, author, licence, link
        self.area = area


class Labels:
    """Turns free words of titles and tags into clean English nouns."""

    def __init__(self, nouns):
        self.nouns, self.terms = nouns, {}
        with open(os.path.join(HERE, "terms.tsv"), encoding="utf-8") as f:
            for line in f:
                foreign, english = line.rstrip("\n").split("\t")
                self.terms[foreign] = english

    def of(self, text):
        """Keywords of a title: known foreign words and phrases, then English nouns."""
        words = re.findall(r"[a-z0-9]+", fold(text))
        out, i = [], 0
        while i < len(words):
            for n in (3, 2, 1):
                phrase = " ".join(words[i:i + n])
                found = self.one(phrase) if len(words) - i >= n else None
                if found:
                    out.append(found)
                    i += n - 1
                    break
            i += 1
        return out

    def one(self, phrase):
        """The keyword for one word or phrase, None where it is none."""
        bare = phrase.rstrip("0123456789")
        if phrase in self.terms or bare in self.terms:
            return self.terms.get(phrase) or self.terms[bare]
        if bare in EMPTY or len(bare) < 3:
            return None
        word = self.nouns.single(bare)
        if word is None or word in EMPTY:
            return None
        if self.nouns.is_name(word) and word not in FESTIVALS:
            return None
        kind = self.nouns.lex[self.nouns.senses[word][0]]
        seen = {"animal", "artifact", "body", "food", "object", "person", "phenomenon", "plant", "substance"}
        if kind in seen or word in {"sport", "music", "party", "game", "wedding", "christmas", "soccer",
                                    "football", "baseball", "tennis", "golf", "sunset", "landscape"}:
            return word
        return None

    def widen(self, words):
        """The words and those general ones that WordNet puts above them."""
        out = list(words)
        for word in words:
            if word in self.nouns.senses:
                for top in self.nouns.above(self.nouns.senses[word][0]):
                    names = [w.replace(" ", "_") for w in self.nouns.words[top]]
                    out += [w.replace("_", " ") for w in names[:2] if w in GENERAL]
        if "musical instrument" in out:
            out.append("music")
        return sorted(dict.fromkeys(out))


def fold(text):
    """Lower case, accents off, markup and underscores to blanks."""
    text = html.unescape(html.unescape(text)).lower().replace("_", " ").replace("-", " ")
    text = unicodedata.normalize("NFD", text)
    return "".join(c for c in text if unicodedata.category(c) != "Mn")


def slug(text):
    return re.sub(r"[^a-z0-9]+", "-", fold(text)).strip("-")


def folder_rule(folder):
    """The rule of the longest prefix of folder that has one."""
    while folder:
        if folder in FOLDERS:
            return FOLDERS[folder]
        folder = folder.rpartition("/")[0]
    return None


def clipart(svg, png, labels):
    """Candidates of the Open Clip Art Library; one per file content, folders merged."""
    drop = drop_rules()
    found = {}
    for path in sorted(glob.glob(os.path.join(svg, "**", "*.svg"), recursive=True)):
        name = os.path.relpath(path, svg)[:-4]
        rule = folder_rule(os.path.dirname(name))
        picture = os.path.join(png, name + ".png")
        if rule is None or not os.path.exists(picture):
            continue
        with open(path, encoding="utf-8", errors="replace") as f:
            text = f.read()
        if not re.search(r'<cc:license[^>]*rdf:resource="[^"]*(PublicDomain|publicdomain)', text):
            continue
        meta = re.search(r"<metadata.*?</metadata>", text, re.S)
        meta = meta.group(0) if meta else ""
        title = first(r"<dc:title>([^<]*)", meta)
        author = first(r"<dc:creator>.*?<dc:title>([^<]*)", meta)
        author = re.sub(r"\s*[(<]?\S*@\S*[)>]?", "", html.unescape(html.unescape(author))).strip() or "unknown"
        tags = re.findall(r"<rdf:li>([^<]*)</rdf:li>", meta)
        base = os.path.basename(name)
        if GENERIC_TITLE.match(title) or not title.strip() or not labels.of(title) and rule[0] == "":
            title = re.sub(r"[_\d]+", " ", base).strip()
        if any(d.search(fold(f"{base}|{title}|{'|'.join(tags)}").replace("|", " ")) or d.search(base.lower())
               for d in drop):
            continue
        words = rule[1] + labels.of(title)
        for tag in tags:
            word = labels.one(fold(tag).strip())
            if word and word != "fish" or "fish" in labels.of(title):
                words += [word] if word else []
        with open(picture, "rb") as f:
            body = f.read()
        if body in found:
            found[body].keywords += words
            continue
        found[body] = Candidate("clipart/" + slug(base), opener(body), pretty(title), rule[0], words,
                                pretty(author), "public domain", "", area="drawing")
    out = list(found.values())
    for c in out:
        c.keywords = labels.widen(dict.fromkeys(c.keywords))
        c.category = c.category or category_of(c.keywords)
    return out


def drop_rules():
    with open(os.path.join(HERE, "drop.txt"), encoding="utf-8") as f:
        return [re.compile(line.strip()) for line in f if line.strip() and not line.startswith("#")]


def category_of(keywords):
    """A category for a picture from an unsorted folder."""
    for category, words in (
            ("animals", "animal bird fish insect"), ("food", "food fruit drink vegetable bread sandwich"),
            ("plants", "plant flower tree leaf"), ("clothing", "clothing dress hat sock handbag"),
            ("buildings", "building house farm skyscraper"), ("people", "woman man girl boy princess painter carpenter"),
            ("transport", "vehicle car ambulance boat"), ("tools", "tool saw syringe microscope")):
        if set(words.split()) & set(keywords):
            return category
    return "household"


def renders(folder, emojibase, labels):
    """Candidates of the Fluent Emoji 3D renders; names and groups of the Unicode list."""
    with open(os.path.join(emojibase, "meta", "groups.json"), encoding="utf-8") as f:
        subgroups = json.load(f)["subgroups"]
    with open(os.path.join(emojibase, "en", "data.json"), encoding="utf-8") as f:
        rows = json.load(f)
    out = []
    for row in sorted(rows, key=lambda r: r.get("order", 0)):
        rule = SUBGROUPS.get(subgroups.get(str(row.get("subgroup")), ""))
        path = os.path.join(folder, row["hexcode"].lower() + ".webp")
        if not os.path.exists(path):
            path = os.path.join(folder, row["hexcode"].lower().replace("-fe0f", "") + ".webp")
        label = row["label"]
        if rule is None or not os.path.exists(path) or RENDER_DROP.search(label):
            continue
        with open(path, "rb") as f:
            body = f.read()
        words = labels.widen(dict.fromkeys(rule[1] + labels.of(label)))
        out.append(Candidate("render/" + slug(label), opener(body), label, rule[0], words, "Microsoft",
                             "MIT", "", area="drawing"))
    return out


RENDER_DROP = re.compile(
    r"(sign|symbol|clock$|o.clock|thirty|keycap|zodiac|prohibited|no entry|pistol|bomb|cigarette|coffin|"
    r"headstone|urn|moai|syringe|drop of blood|kaaba|mosque|synagogue|shrine|vampire|zombie|supervillain|bikini|"
    r"middle finger|button|flag|swords|dagger|gesturing|shrug|facepalm|person|tower|statue of|map of|"
    r"getting|raising|pouting|frowning|tipping|bowing|pregnant|levitating|horns|mobile phone off|nazar|hamsa|"
    r"volume|newspaper|identification|moon face|sun with face|hear.no|see.no|speak.no|skull|credit card|lipstick|placard|hook|thread)", re.I)


# Photographs under CC0 or CC-BY of the wallpaper package; its CC-BY-SA files are not used.
WALLPAPERS = {
    "aitzgorri_by_Aitzol_Berasategi": (
        "Aitzgorri", "Aitzol Berasategi", "CC-BY-4.0", "nature", "forest landscape meadow mountain tree"),
    "friends_by_Aitzol_Berasategi": (
        "Friends", "Aitzol Berasategi", "CC-BY-4.0", "animals", "animal dog door"),
    "life_by_Aitzol_Berasategi": (
        "Life", "Aitzol Berasategi", "CC-BY-4.0", "nature", "forest landscape rock stream tree water"),
    "picosdeeuropa_by_Aitzol_Berasategi": (
        "Picos de Europa", "Aitzol Berasategi", "CC-BY-4.0", "nature", "landscape meadow mountain path rock sky snow"),
    "Picture_0B_by_freespace": (
        "Picture 0B", "Trevor (Freespace)", "CC-BY-4.0", "food", "bowl fig food fruit"),
    "Picture_1A_by_freespace": (
        "Picture 1A", "Trevor (Freespace)", "CC-BY-4.0", "tools", "brush paint paintbrush tool"),
    "seeding_by_Clements_Engelhardt": (
        "Seeding", "Clemens Engelhardt", "CC0-1.0", "plants", "dandelion flower grass meadow plant"),
    "sunset_by_Aitzol_Berasategi": (
        "Sunset", "Aitzol Berasategi", "CC-BY-4.0", "nature", "landscape mountain sky sun sunset"),
    "Wine_by_Jakkub_Mede": (
        "Wine", "Jakub Mede", "CC-BY-4.0", "music", "bottle drum music table wine"),
}


def wallpapers(folder):
    out = []
    for name, (title, author, licence, category, words) in sorted(WALLPAPERS.items()):
        with open(os.path.join(folder, name + ".jpg"), "rb") as f:
            body = f.read()
        out.append(Candidate("photo/" + slug(title), opener(body), title, category,
                             words.split(), author, licence,
                             "https://gitlab.com/ubports/development/core/lomiri-wallpapers",
                             area="photo"))
    return out


def first(pattern, text):
    m = re.search(pattern, text, re.S)
    return m.group(1) if m else ""


def pretty(text):
    """One line of plain text."""
    text = html.unescape(html.unescape(text)).replace("_", " ")
    return re.sub(r"\s+", " ", text).strip()[:80]


def opener(body):
    return lambda: Image.open(io.BytesIO(body))


def framed(image):
    """A drawing on a white square with a narrow border, so that no part is cropped away."""
    image = trimmed(image)
    side = int(max(image.size) * 1.08) + 1
    square = Image.new("RGB", (side, side), (255, 255, 255))
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def trimmed(image):
    """A drawing without the white around it."""
    if max(image.size) > 2048:
        image.thumbnail((2048, 2048), Image.LANCZOS)
    image = encode.flatten(image)
    box = Image.eval(image, lambda v: 255 if v < 250 else 0).getbbox() or (0, 0, *image.size)
    return image.crop(box)


def thumbnail(image):
    """JPEG bytes of the picture, longest side THUMB."""
    image = encode.flatten(image)
    scale = THUMB / max(image.size)
    size = [max(1, round(s * scale)) for s in image.size]
    out = io.BytesIO()
    image.resize(size, Image.LANCZOS).save(out, "JPEG", quality=QUALITY, optimize=True, subsampling=2)
    return out.getvalue()


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def clarity(vectors, candidates, encoder):
    """How well the encoder places each picture: the best z among its own keywords.

    A picture for which a common label it does not carry stands out more by FOREIGN
    (a drawing of an elephant that passes for a dog) gets -9: it stays out.
    """
    owners = {}
    for c in candidates:
        for k in c.keywords:
            owners[k] = owners.get(k, 0) + 1
    words = sorted(owners)
    text = unit(encode.prompted(encoder, words, ["{}", "a photo of a {}"]))
    cos = unit(vectors) @ text.T
    z = (cos - cos.mean(0)) / cos.std(0)
    common = np.array([owners[w] >= COMMON for w in words])
    out = np.full(len(candidates), -9.0)
    for i, c in enumerate(candidates):
        mine = np.isin(words, c.keywords)
        if mine.any() and z[i, common & ~mine].max() < z[i, mine].max() + FOREIGN:
            out[i] = z[i, mine].max()
    return out


def plain(image):
    """Whether a drawing is bare lines: hardly any colour or no filled area."""
    x = np.asarray(image.convert("RGB").resize((96, 96)), dtype=np.float32)
    ink = (x.min(axis=2) < 235)
    colour = (x.max(axis=2) - x.min(axis=2))[ink]
    return bool(ink.mean() < 0.12 or len(colour) and colour.mean() < 12 and ink.mean() < 0.3)


def choose(candidates, vectors, score, caps):
    """Indices to keep: clear ones first, no near copies, at most caps[area, category] each."""
    rows, kept, counts = unit(vectors), [], {}
    for i in np.lexsort((np.arange(len(score)), -score)):
        c = candidates[i]
        key = c.area, c.category
        limit = caps.get(c.area, 10**9)
        if c.area != "photo" and score[i] < CLEAR or counts.get(key, 0) >= limit:
            continue
        if kept and (rows[kept] @ rows[i]).max() > SAME:
            continue
        kept.append(i)
        counts[key] = counts.get(key, 0) + 1
    return sorted(kept, key=lambda i: candidates[i].id)


def write(out, chosen, vectors):
    """The four files of the demo's pictures."""
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "thumbs.bin"), "wb") as thumbs, \
            open(os.path.join(out, "index.jsonl"), "w", encoding="utf-8", newline="\n") as index:
        for c in chosen:
            jpeg = thumbnail(trimmed(c.load()) if c.area == "drawing" else c.load())
            thumbs.write(jpeg)
            row = {"id": c.id, "bytes": len(jpeg), "title": c.title, "category": c.category,
                   "keywords": c.keywords, "author": c.author, "licence": c.licence}
            index.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
    np.save(os.path.join(out, "vectors.f16.npy"), vectors.astype("<f2"))
    with open(os.path.join(HERE, "credits_head.txt"), encoding="utf-8") as f:
        head = f.read()
    with open(os.path.join(out, "CREDITS.txt"), "w", encoding="utf-8", newline="\n") as f:
        f.write(head)
        f.write("\n## Photographs, one by one\n\n")
        for c in chosen:
            if c.link:
                f.write(f"{c.id}: {c.author}, {c.licence}, {c.link}\n")
        f.write("\n## Authors of the clip art\n\n")
        authors = {}
        for c in chosen:
            if c.id.startswith("clipart/"):
                authors[c.author] = authors.get(c.author, 0) + 1
        for author in sorted(authors, key=str.lower):
            f.write(f"{author} ({authors[author]})\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for name, what in (("model", "folder of the encoder"), ("svg", "openclipart-svg's svg folder"),
                       ("png", "openclipart-png's png folder"), ("renders", "folder of the 3-D renders"),
                       ("emojibase", "folder of emojibase-data"),
                       ("wallpapers", "folder of lomiri-wallpapers-16.04"), ("wordnet", "WordNet dict folder"),
                       ("out", "folder to write")):
        parser.add_argument("--" + name, required=True, help=what)
    args = parser.parse_args()

    labels = Labels(wordnet.Nouns(args.wordnet))
    candidates = clipart(args.svg, args.png, labels)
    candidates += renders(args.renders, args.emojibase, labels)
    candidates += wallpapers(args.wallpapers)
    candidates = unique(c for c in candidates if c.area == "photo" or c.keywords and not plain(framed(c.load())))

    encoder = encode.Encoder(args.model)
    vectors = encoder.images(framed(c.load()) if c.area == "drawing" else c.load() for c in candidates)
    score = clarity(vectors, candidates, encoder)
    keep = choose(candidates, vectors, score, {"drawing": 420})
    chosen = [candidates[i] for i in keep]
    write(args.out, chosen, vectors[keep])
    count = {}
    for c in chosen:
        key = c.id.split("/")[0]
        count[key] = count.get(key, 0) + 1
    print(f"{len(candidates)} candidates, {len(chosen)} kept: {count}")


def unique(candidates):
    """Candidates whose ids differ; a later one with a taken id gets a number."""
    out, taken = [], {}
    for c in candidates:
        taken[c.id] = taken.get(c.id, 0) + 1
        if taken[c.id] > 1:
            c.id = f"{c.id}-{taken[c.id]}"
        out.append(c)
    return out


if __name__ == "__main__":
    main()
