#!/usr/bin/env python3
"""Makes the model in this folder: two towers of a few kilobytes that agree about colours, for tests that need an encoder but no weights.

    pip install numpy onnx && python3 make.py

vision.onnx      pixel_values float32 [B,3,8,8] -> image_embeds [B,6]: a linear map of the mean colours of the four quarters
text.onnx        input_ids, attention_mask int64 [B,L] -> text_embeds [B,6]: the sum of the words' rows
text_fixed.onnx  the same words in another manner of export: text int32 [1,8], no mask, the 3-D states before the 2-D vector
golden.json      what NumPy makes of some inputs
"""
import json

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

WORDS = "[PAD] [UNK] [CLS] [SEP] a photo of the red green blue yellow black white grey square ##s left right , .".split()
R, G, B, BRIGHT, ACROSS, DOWN = np.eye(6, dtype=np.float32)
MEANING = {
    "red": 2 * R - G - B, "green": 2 * G - R - B, "blue": 2 * B - R - G, "yellow": R + G - 2 * B,
    "black": -2 * BRIGHT, "white": 2 * BRIGHT, "grey": 0.2 * BRIGHT, "left": ACROSS, "right": -ACROSS,
    "photo": 0.1 * DOWN, "square": 0.1 * BRIGHT, "[CLS]": 0.05 * DOWN, "[SEP]": 0.05 * ACROSS,
}
EMBEDDING = np.stack([MEANING.get(w, 0 * R) for w in WORDS]).astype(np.float32)


def colour_map():
    """Rows: joint dimensions. Columns: channel, then quarter (top left, top right, bottom left, bottom right)."""
    w = np.zeros((6, 3, 4), np.float32)
    for channel in range(3):
        w[channel, channel] = 0.25
        w[3, channel] = 1 / 12
        w[4, channel] = np.array([1, -1, 1, -1]) / 12
        w[5, channel] = np.array([1, 1, -1, -1]) / 12
    return w.reshape(6, 12)


W, BIAS = colour_map(), np.full(6, 0.01, np.float32)


def save(name, nodes, inputs, outputs, **weights):
    graph = h.make_graph(nodes, name, inputs, outputs, [nh.from_array(v, k) for k, v in weights.items()])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 13)], producer_name="make.py")
    model.ir_version = 7
    onnx.checker.check_model(model)
    onnx.save(model, name)


def value(name, kind, *shape):
    return h.make_tensor_value_info(name, kind, shape)


def main():
    save("vision.onnx", [
        h.make_node("AveragePool", ["pixel_values"], ["quarters"], kernel_shape=[4, 4], strides=[4, 4]),
        h.make_node("Flatten", ["quarters"], ["flat"]),
        h.make_node("Gemm", ["flat", "w", "bias"], ["image_embeds"], transB=1),
    ], [value("pixel_values", T.FLOAT, "batch", 3, 8, 8)], [value("image_embeds", T.FLOAT, "batch", 6)], w=W, bias=BIAS)
    save("text.onnx", [
        h.make_node("Gather", ["embedding", "input_ids"], ["states"]),
        h.make_node("Cast", ["attention_mask"], ["mask"], to=T.FLOAT),
        h.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        h.make_node("Mul", ["states", "column"], ["counted"]),
        h.make_node("ReduceSum", ["counted", "middle"], ["text_embeds"], keepdims=0),
    ], [value("input_ids", T.INT64, "batch", "length"), value("attention_mask", T.INT64, "batch", "length")],
        [value("text_embeds", T.FLOAT, "batch", 6)], embedding=EMBEDDING, last=np.array([2]), middle=np.array([1]))
    save("text_fixed.onnx", [
        h.make_node("Gather", ["embedding", "text"], ["states"]),
        h.make_node("ReduceSum", ["states", "middle"], ["vector"], keepdims=0),
    ], [value("text", T.INT32, 1, 8)], [value("states", T.FLOAT, 1, 8, 6), value("vector", T.FLOAT, 1, 6)],
        embedding=EMBEDDING, middle=np.array([1]))

    with open("vocab.txt", "w") as f:
        f.write("\n".join(WORDS) + "\n")
    ramp = (np.arange(3 * 8 * 8, dtype=np.float32) % 7 - 3) / 4  # the picture of the golden file: number i is (i mod 7 - 3) / 4
    quarters = ramp.reshape(3, 2, 4, 2, 4).mean((2, 4)).reshape(12)
    texts = {
        "A photo of the red squares.": "[CLS] a photo of the red square ##s . [SEP]",
        "white": "[CLS] white [SEP]",
        "": "[CLS] [SEP]",
        "purple, left": "[CLS] [UNK] , left [SEP]",
    }
    vector = lambda pieces: EMBEDDING[[WORDS.index(p) for p in pieces.split()]].sum(0)
    with open("golden.json", "w") as f:
        json.dump({"picture": [float(x) for x in W @ quarters + BIAS],
                   "texts": {text: [float(x) for x in vector(pieces)] for text, pieces in texts.items()}}, f, indent=1)
        f.write("\n")


main()
