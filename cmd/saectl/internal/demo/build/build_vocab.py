#!/usr/bin/env python3
"""Write the default vocabulary: everyday names of things, and their text vectors.

Words are nouns of WordNet whose meaning can be seen, the commonest first, and the
keywords of the demo's pictures. README.md tells how they are ranked and filtered.
"""

import argparse
import collections
import json
import os
import re

import numpy as np

import encode
import wordnet

HERE = os.path.dirname(os.path.abspath(__file__))
WORDS = 5000
PROMPTS = ["{}", "a photo of a {}", "a picture of a {}", "clip art of a {}"]

# Kinds of nouns that can be seen, with a weight in the ranking.
SEEN = {"animal": 1.5, "artifact": 1.0, "body": 0.7, "food": 1.8, "object": 1.2, "person": 0.7,
        "phenomenon": 0.5, "plant": 1.2, "substance": 0.5, "event": 0.6}

# Synsets whose whole families stay out, by one of their lemmas and kind.
FAMILIES = [("reproductive organ", "body"), ("genitalia", "body"), ("sexual activity", "act"),
            ("prostitute", "person"), ("bad person", "person"), ("unpleasant person", "person"),
            ("unwelcome person", "person"), ("criminal", "person"), ("wrongdoer", "person"),
            ("libertine", "person"), ("fool", "person"), ("sex offender", "person"),
            ("body waste", "substance"), ("body waste", "body"), ("narcotic", "artifact"), ("bomb", "artifact"), ("extremist", "person"), ("prison", "artifact"),
            ("killer", "person"), ("slave", "person"), ("simpleton", "person"), ("person of color", "person"),
            ("disputant", "person"), ("lover", "person"), ("homosexual", "person"), ("excretory organ", "body"),
            ("religious person", "person"), ("ethnic group", "group"), ("chemical element", "substance"), ("compound", "substance")]

# Words of a definition that mark a term nobody should meet in a demo: in any sense, and in its first.
MARKS = re.compile(r"offensive|slurs?\b|derogat|disparag|obscene|vulgar|taboo|genital")
FIRST_MARKS = re.compile(r"insult|contempt|abusive|sexual|prostitut|feces|excrement|intercourse|racial|"
                         r"pornograph|heroin|cocaine|narcotic|terroris|torture|execution")


# Words of science and medicine that no picture of every day shows.
TECHNICAL = re.compile(
    r"\b(family|order|genus|class|person|vein|artery|nerve|gland|suture|muscle|cells?|tissue|acid|atom|ions?|gene|"
    r"atomic|nuclear|membrane|tract|virus|bacteria|anesthetic|pressure|current|field|energy|wave|radiation|"
    r"agent|system|rectum|prostate|anus|bladder|bowel|colon|uterus|vagina|penis|testis|scrotum|semen|urine|"
    r"accused|dug|down|ways|local|elements|level|intestine|liver|kidney|spleen|pancreas|molecule|camp|gas|"
    r"bomb|weapon|weaponry|grenade|warhead|contraceptive|drug|sex|birth canal|ovum|sperm|chromosome|lymph|blood|"
    r"lobe|cavity|ventricle|particle|electron|neutron|proton|ray|radical|organ|diabetic|psychotic|neurotic|"
    r"schizophrenic|ethnic|racist|fascist|nude|erotic|killing|hanging|death|slave|cigar|tobacco|hemp|lingerie|"
    r"electric chair|virgin|wanton|menial|incompetent|illiterate|invalid|homeless|american|italian|mexican)\b(?<!compact disc)")


# Words that say nothing about a picture, or that nobody should meet in a demo.
DROP = set("""
bioweapon
act addict adult agent alcoholic area artifact ass bastard black bosom breast bum buttock buttocks
cadaver cannabis carcass cause cock colored component concubine condom construction corpse cripple
crotch device dope drunk drunkard dwarf dyke element end entity event facility faggot female fetus
force form gallows groin guillotine gypsy happening harem hashish heathen idiot individual
instrumentality item kind line male marijuana mass matter means member midget mistress moron
mulatto native nazi negro nipple noose object one opium oriental outcome pagan part phenomenon
piece place placenta point prick primitive process product pus rear result retard savage self set
side somebody someone something spastic squaw structure stuff subject substance system tampon
terrorist thing thug trick type unit vomit way white whole whore womb work
""".split())

# Scenes, places and festivals of pictures that WordNet files elsewhere, always in.
ALWAYS = """landscape seascape cityscape skyline sunset sunrise dawn dusk portrait still life beach
night party wedding birthday christmas halloween easter picnic concert football soccer baseball
basketball tennis golf volleyball swimming surfing skiing snowboarding skateboarding cycling
running dancing fishing climbing hiking sailing rowing diving boxing wrestling hockey rugby
cricket gymnastics yoga sport music game rain snow storm fog rainbow lightning cloud sky fire
smoke crowd family couple kitchen bathroom bedroom street city town village farm garden forest
desert jungle island mountain river lake sea ocean waterfall harbor market school church castle
wine beer bride donkey rat goose bull medicine
bridge tower playground park zoo dog cat horse bird flower car tree house fish cow sheep chicken
duck elephant lion tiger bear rabbit man woman boy girl child baby people bicycle motorcycle bus
train airplane boat ship truck""".replace("still life", "still_life").split()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", required=True, help="folder of the encoder")
    parser.add_argument("--wordnet", required=True, help="WordNet dict folder")
    parser.add_argument("--common", required=True, help="american-english-small of wamerican-small")
    parser.add_argument("--data", required=True, help="folder with index.jsonl and vectors.f16.npy; vocab.* go there")
    args = parser.parse_args()

    with open(os.path.join(args.data, "index.jsonl"), encoding="utf-8") as f:
        index = [json.loads(line) for line in f]
    words = vocabulary(wordnet.Nouns(args.wordnet), glosses(args.wordnet), common(args.common), index)
    encoder = encode.Encoder(args.model)
    prompts = measure(encoder, index, unit(np.load(os.path.join(args.data, "vectors.f16.npy")).astype(np.float32)))
    vectors = encode.prompted(encoder, words, prompts)
    with open(os.path.join(args.data, "vocab.txt"), "w", encoding="utf-8", newline="\n") as f:
        f.writelines(w + "\n" for w in words)
    np.save(os.path.join(args.data, "vocab.f16.npy"), unit(vectors).astype("<f2"))
    print(f"{len(words)} words, prompts {prompts}")


def common(path):
    """The everyday English words of a word list, lower case only."""
    with open(path, encoding="utf-8") as f:
        return {line.strip() for line in f if line.strip().islower()}


def glosses(folder):
    """The definitions and examples of all parts of speech, lower case."""
    out = {}
    for part in ("noun", "verb", "adj", "adv"):
        with open(os.path.join(folder, "data." + part), encoding="latin-1") as f:
            for line in f:
                if not line.startswith(" "):
                    head, _, gloss = line.partition("|")
                    out[part, head.split()[0]] = gloss.strip().lower()
    return out


def vocabulary(nouns, gloss, everyday, index):
    """The sorted words."""
    used = occurrences(gloss)
    banned = families(nouns)
    score = {}
    for lemma, senses in nouns.senses.items():
        value = worth(nouns, gloss, used, banned, lemma, senses)
        if not all(w in everyday for w in lemma.split()):
            value /= 3
        if value > 0:
            score[lemma] = value
    for lemma in list(score):
        single = nouns.single(lemma)
        if single != lemma and single in score:
            del score[lemma]
    keys = {k for row in index for k in row["keywords"]} | {w.replace("_", " ") for w in ALWAYS}
    keys = {k for k in keys if k not in DROP and not TECHNICAL.search(k) and not any(o in banned for o in nouns.senses.get(k, [])[:1])}
    ranked = sorted(score, key=lambda w: (-score[w], w))
    return sorted(set(ranked[:WORDS - len(keys - set(ranked[:WORDS]))]) | keys)


def occurrences(gloss):
    """How often words and pairs of words occur in the definitions."""
    count = collections.Counter()
    for text in gloss.values():
        words = re.findall(r"[a-z]+", text)
        count.update(words)
        count.update(" ".join(p) for p in zip(words, words[1:]))
    return count


def families(nouns):
    """Offsets of the families that stay out."""
    roots = set()
    for lemma, kind in FAMILIES:
        roots |= {o for o in nouns.senses.get(lemma, []) if nouns.lex[o] == kind}
    return {o for o in nouns.lex if roots & set(nouns.above(o))}


def worth(nouns, gloss, used, banned, lemma, senses):
    """Rank of a lemma, 0 where it is no word for the vocabulary.

    Commonness is the tag count of its senses that can be seen plus how often
    WordNet's definitions use it; its first or second sense must be one of them.
    """
    if TECHNICAL.search(lemma) or not re.fullmatch(r"[a-z]{3,}( [a-z]{3,})?", lemma) or set(lemma.split()) & DROP or lemma in DROP:
        return 0
    if any(MARKS.search(gloss["noun", o]) for o in senses) or FIRST_MARKS.search(gloss["noun", senses[0]]):
        return 0
    if senses[0] in banned or nouns.is_name(lemma):
        return 0
    kinds = [nouns.lex[o] for o in senses]
    if kinds[0] not in SEEN:
        return 0
    tagged = sum(nouns.count(lemma, o) for o, k in zip(senses, kinds) if k in SEEN)
    share = sum(k in SEEN for k in kinds) / len(kinds)
    plural = used[lemma + "s"]
    met = used[lemma] + plural
    if nouns.other[lemma] > max(8, 3 * nouns.weight(lemma)):
        return 0
    rank = next(i for i, n in enumerate(nouns.shown[senses[0]]) if n.lower() == lemma)
    return SEEN[kinds[0]] * share * (2 * tagged + met) ** 0.5 / (1 + 0.5 * rank)


def measure(encoder, index, pictures):
    """The prompts with the best mean precision@10 of text-to-picture search; prints all.

    A keyword or category carried by at least ten pictures is a query; a picture is
    right where it carries it.
    """
    owners = collections.defaultdict(set)
    for i, row in enumerate(index):
        for k in row["keywords"] + [row["category"]]:
            owners[k].add(i)
    queries = sorted(k for k in owners if len(owners[k]) >= 10)
    best = None
    for prompts in [[p] for p in PROMPTS] + [PROMPTS[:2], PROMPTS[1:3], PROMPTS]:
        text = unit(encode.prompted(encoder, queries, prompts))
        top = np.argsort(-(text @ pictures.T), axis=1, kind="stable")[:, :10]
        right = np.mean([[i in owners[q] for i in row] for q, row in zip(queries, top)])
        print(f"precision@10 {right:.3f} over {len(queries)} queries: {' | '.join(prompts)}")
        if best is None or right > best[0] + 1e-9:
            best = right, prompts
    return best[1]


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


if __name__ == "__main__":
    main()
