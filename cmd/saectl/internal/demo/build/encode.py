#!/usr/bin/env python3
"""Turn pictures or texts into vectors with a joint image-text encoder.

The encoder is a folder with two ONNX files, a WordPiece vocabulary and a
model.json that names inputs, outputs and preprocessing (see README.md).

    encode.py --model DIR --images list.txt --out images.f16.npy
    encode.py --model DIR --texts  list.txt --out texts.f16.npy --prompt 'a photo of a {}'
    encode.py --model DIR --thumbs ../data  --out ../testdata/thumbs.f16.npy

A list has one path or one text a line; row i of the output belongs to line i.
With --thumbs row i belongs to thumbnail 65*i of the demo: what `saectl encode` must agree with.
Vectors are written as the model gives them (not unit norm), as float16.
"""

import argparse
import io
import json
import os
import unicodedata

import numpy as np
import onnxruntime
from PIL import Image


class Encoder:
    """Both towers of a model folder. One thread each, so results repeat bit for bit."""

    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "model.json"), encoding="utf-8") as f:
            self.spec = json.load(f)
        self.sessions = {}

    def session(self, tower):
        if tower not in self.sessions:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            options.inter_op_num_threads = 1
            path = os.path.join(self.folder, self.spec[tower]["file"])
            self.sessions[tower] = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"])
        return self.sessions[tower]

    def pixels(self, image):
        """(3, size, size) float32 of a PIL image, as model.json describes."""
        pre = self.spec["vision"]["preprocess"]
        size = pre["size"]
        image = flatten(image)
        w, h = image.size
        scale = size / min(w, h)
        w, h = max(size, int(w * scale)), max(size, int(h * scale))
        image = image.resize((w, h), Image.BICUBIC)
        left, top = round((w - size) / 2), round((h - size) / 2)
        image = image.crop((left, top, left + size, top + size))
        x = np.asarray(image, dtype=np.float32) / 255
        x = (x - np.float32(pre["mean"])) / np.float32(pre["std"])
        return x.transpose(2, 0, 1)

    def images(self, images, batch=16):
        """(n, dim) float32 of an iterable of PIL images."""
        tower = self.spec["vision"]
        session, rows, pending = self.session("vision"), [], []

        def run():
            if pending:
                rows.append(session.run([tower["output"]["name"]],
                                        {tower["input"]["name"]: np.stack(pending)})[0])
                pending.clear()

        for image in images:
            pending.append(self.pixels(image))
            if len(pending) == batch:
                run()
        run()
        return np.concatenate(rows)

    def texts(self, texts, batch=64):
        """(n, dim) float32 of a list of texts."""
        tower = self.spec["text"]
        session, rows = self.session("text"), []
        tokens = WordPiece(os.path.join(self.folder, self.spec["tokenizer"]["vocab"]))
        ids = [tokens.encode(t, tower["max_length"]) for t in texts]
        for i in range(0, len(ids), batch):
            part = ids[i:i + batch]
            length = max(map(len, part))
            data = np.zeros((len(part), length), np.int64)
            mask = np.zeros((len(part), length), np.int64)
            for row, t in enumerate(part):
                data[row, :len(t)], mask[row, :len(t)] = t, 1
            names = [n["name"] for n in tower["inputs"]]
            rows.append(session.run([tower["output"]["name"]], dict(zip(names, (data, mask))))[0])
        return np.concatenate(rows)


def flatten(image):
    """The picture in RGB, with transparent parts shown on white."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


class WordPiece:
    """The lower-casing WordPiece tokenizer of BERT: words, then longest known pieces."""

    def __init__(self, vocab):
        with open(vocab, encoding="utf-8") as f:
            self.ids = {line.rstrip("\n"): i for i, line in enumerate(f)}

    def encode(self, text, limit):
        out = [self.ids["[CLS]"]]
        for word in self.words(text):
            out += self.pieces(word)
        return out[:limit - 1] + [self.ids["[SEP]"]]

    def words(self, text):
        text = unicodedata.normalize("NFD", text.lower())
        text = "".join(c for c in text if unicodedata.category(c) != "Mn")
        word = ""
        for c in text:
            if c.isalnum():
                word += c
                continue
            if word:
                yield word
                word = ""
            if not c.isspace():
                yield c
        if word:
            yield word

    def pieces(self, word):
        out, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in self.ids:
                    out.append(self.ids[piece])
                    start = end
                    break
            else:
                return [self.ids["[UNK]"]]
        return out


def read_lines(path):
    with open(path, encoding="utf-8") as f:
        return [line.rstrip("\n") for line in f]


def thumbs(data):
    """Every 65th thumbnail of the demo."""
    with open(os.path.join(data, "thumbs.bin"), "rb") as f:
        for i, line in enumerate(read_lines(os.path.join(data, "index.jsonl"))):
            body = f.read(json.loads(line)["bytes"])
            if i % 65 == 0:
                yield Image.open(io.BytesIO(body))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", required=True, help="folder of the encoder")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--images", help="file with one picture path a line")
    what.add_argument("--texts", help="file with one text a line")
    what.add_argument("--thumbs", help="the demo's data folder")
    parser.add_argument("--prompt", action="append", help="text around {}; several are averaged as unit vectors")
    parser.add_argument("--out", required=True, help="npy file to write, float16")
    args = parser.parse_args()

    encoder = Encoder(args.model)
    if args.images:
        rows = encoder.images(Image.open(path) for path in read_lines(args.images))
    elif args.thumbs:
        rows = encoder.images(thumbs(args.thumbs))
    else:
        rows = prompted(encoder, read_lines(args.texts), args.prompt or ["{}"])
    np.save(args.out, rows.astype("<f2"))
    print(f"{args.out}: {rows.shape[0]} x {rows.shape[1]}")


def prompted(encoder, texts, prompts):
    """Vectors of the texts; several prompts are averaged after scaling to unit norm."""
    if len(prompts) == 1:
        return encoder.texts([prompts[0].format(t) for t in texts])
    return sum(unit(encoder.texts([p.format(t) for t in texts])) for p in prompts) / len(prompts)


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


if __name__ == "__main__":
    main()
