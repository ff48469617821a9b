"""Turns an autoencoder in a PyTorch pickle into a folder that `saectl models add` reads (and so does sparsify).

    python docs/unpickle.py ae.pt FOLDER [--k 32]

It knows the names that tensors have in the files of dictionary_learning, openai/sparse_autoencoder, SAELens and sparsify.
The number of active latents is taken from the file, or from --k. Only tensors are loaded (weights_only), so the pickle's
own code does not run. Needs torch and safetensors.
"""
import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

NAMES = {
    "encoder.weight": ["encoder.weight", "W_enc"],
    "encoder.bias": ["encoder.bias", "b_enc", "latent_bias"],
    "W_dec": ["W_dec", "decoder.weight"],
    "b_dec": ["b_dec", "pre_bias", "bias", "decoder.bias"],
}

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("file", type=Path)
parser.add_argument("folder", type=Path)
parser.add_argument("--k", type=int, help="active latents, where the file does not say")
args = parser.parse_args()

state = torch.load(args.file, map_location="cpu", weights_only=True)
for key in ("state_dict", "model", "ae"):  # some files wrap it
    if isinstance(state.get(key), dict):
        state = {**state, **state[key]}
if state.get("threshold") is not None and (torch.as_tensor(state["threshold"]) > 0).any():
    print("note: the file has thresholds; what is written keeps the k strongest latents instead")

tensors = {}
for name, candidates in NAMES.items():
    found = next((state[c] for c in candidates if c in state), None)
    if found is None:
        parser.error(f"{args.file} has none of {candidates}; it has {sorted(state)}")
    tensors[name] = found.detach().float()
d = tensors["b_dec"].numel()
n = tensors["encoder.bias"].numel()
for name in ("encoder.weight", "W_dec"):
    # (n,d) is wanted. Names tell which way round a matrix is, shapes do not where n equals d.
    transposed = "decoder.weight" in state and "W_dec" not in state if name == "W_dec" else "W_enc" in state and "encoder.weight" not in state
    if transposed and tuple(tensors[name].shape) == (d, n):
        tensors[name] = tensors[name].T
    if tuple(tensors[name].shape) != (n, d):
        parser.error(f"{name} has the shape {tuple(tensors[name].shape)}, ({n}, {d}) is needed")
k = args.k or int(state["k"] if "k" in state else state.get("activation_state_dict", {}).get("k", 0))
if not 0 < k <= n:
    parser.error("the file does not say how many latents are active: give --k")

args.folder.mkdir(parents=True, exist_ok=True)
save_file({name: t.contiguous() for name, t in tensors.items()}, args.folder / "sae.safetensors")
config = {"activation": "topk", "num_latents": n, "k": k, "d_in": d, "expansion_factor": max(1, n // d),
          "normalize_decoder": False, "multi_topk": False, "skip_connection": False, "transcode": False}
(args.folder / "cfg.json").write_text(json.dumps(config, indent=2) + "\n")
print(f"wrote {args.folder}: {n} latents of {d} numbers, {k} active")
