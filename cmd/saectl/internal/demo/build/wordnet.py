"""The few questions the demo's scripts ask of WordNet's noun files."""

import collections
import os

# Lexicographer files of nouns, in WordNet's own numbering (lexnames(5WN)).
LEXNAMES = {
    3: "tops", 4: "act", 5: "animal", 6: "artifact", 7: "attribute", 8: "body",
    9: "cognition", 10: "communication", 11: "event", 12: "feeling", 13: "food",
    14: "group", 15: "location", 16: "motive", 17: "object", 18: "person",
    19: "phenomenon", 20: "plant", 21: "possession", 22: "process", 23: "quantity",
    24: "relation", 25: "shape", 26: "state", 27: "substance", 28: "time",
}


class Nouns:
    """The nouns of a WordNet 3.0 dict folder.

    senses[lemma] lists synset offsets, the commonest sense first; lemmas are
    lower case with blanks. count(lemma, offset) is the sense's tag count,
    other[lemma] that of the same word as verb, adjective or adverb.
    """

    def __init__(self, folder):
        self.lex, self.words, self.parents, self.shown = {}, {}, {}, {}
        with open(os.path.join(folder, "data.noun"), encoding="latin-1") as f:
            for line in f:
                if not line.startswith(" "):
                    self._synset(line.split("|")[0].split())
        self.senses = {}
        with open(os.path.join(folder, "index.noun"), encoding="latin-1") as f:
            for line in f:
                if not line.startswith(" "):
                    part = line.split()
                    self.senses[part[0].replace("_", " ")] = part[-int(part[2]):]
        self.irregular = {}
        with open(os.path.join(folder, "noun.exc"), encoding="latin-1") as f:
            for line in f:
                plural, single = line.split()[:2]
                self.irregular[plural] = single
        self.tags, self.other = {}, collections.Counter()
        with open(os.path.join(folder, "cntlist.rev"), encoding="latin-1") as f:
            for line in f:
                key, number, count = line.split()
                lemma, rest = key.split("%")
                if rest.startswith("1:"):
                    self.tags[lemma.replace("_", " "), int(number)] = int(count)
                else:
                    self.other[lemma.replace("_", " ")] += int(count)

    def _synset(self, part):
        offset, words = part[0], int(part[3], 16)
        self.lex[offset] = LEXNAMES[int(part[1])]
        names = [part[4 + 2 * i] for i in range(words)]
        self.words[offset] = [n.replace("_", " ").lower() for n in names]
        self.shown[offset] = [n.replace("_", " ") for n in names]
        rest = part[5 + 2 * words:]
        self.parents[offset] = [rest[i + 1] for i in range(0, len(rest) - 3, 4)
                                if rest[i] in ("@", "@i")]

    def count(self, lemma, offset):
        """How often the sense was met in WordNet's tagged texts."""
        return self.tags.get((lemma, self.senses[lemma].index(offset) + 1), 0)

    def single(self, word):
        """The singular of a noun, or None where the word is no noun."""
        if word in self.irregular and self.irregular[word] in self.senses:
            return self.irregular[word]
        for end, new in (("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"),
                         ("sses", "ss"), ("s", "")):
            stem = word[:-len(end)] + new
            if word.endswith(end) and len(stem) > 2 and stem in self.senses and not word.endswith("ss"):
                if word not in self.senses or self.weight(stem) >= self.weight(word):
                    return stem
        return word if word in self.senses else None

    def weight(self, word):
        """Tag counts of all senses of a noun together."""
        return sum(self.count(word, o) for o in self.senses[word])

    def is_name(self, lemma):
        """Whether the commonest sense of a lemma is written with a capital."""
        return all(n != lemma for n in self.shown[self.senses[lemma][0]])

    def above(self, offset):
        """Every synset above one, itself first, in a fixed order."""
        out, todo = [], [offset]
        while todo:
            top = todo.pop(0)
            if top not in out:
                out.append(top)
                todo += self.parents[top]
        return out
