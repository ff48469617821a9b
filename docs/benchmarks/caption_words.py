#!/usr/bin/env python3
"""Labels for `saectl eval --labels` from captions: the words of a vocabulary that at least two captions of a picture have.

    caption_words.py META.jsonl WORDS.txt > labels.jsonl

META.jsonl has a line {"id": …, "captions": […], "labels": […]} for each picture. Words of one part, of three letters or more, alone
or with an s, count where five pictures or more have them; words that are among the labels are left out, so that the result is a
second set that shares no label with the first.
"""
import json
import re
import sys

pictures = [json.loads(line) for line in open(sys.argv[1])]
captions = [[set(re.findall("[a-z]+", text.lower())) for text in p["captions"]] for p in pictures]
labels = {label for p in pictures for label in p["labels"]}
found = [[] for _ in pictures]
for word in open(sys.argv[2]).read().splitlines():
    if word in labels or len(word) < 3 or not word.isalpha():
        continue
    rows = [i for i, c in enumerate(captions) if sum(word in text or word + "s" in text for text in c) >= 2]
    if len(rows) >= 5:
        for i in rows:
            found[i].append(word)
for p, words in zip(pictures, found):
    print(json.dumps({"id": p["id"], "labels": words or ["-"]}))
