"""Makes the folders beside it with the libraries whose formats they are, and expect.json: rows, and what those libraries
encode and decode them to. Needs sae-lens 6 and eai-sparsify, both with PyTorch.

    python make.py

With the name of a folder that saedb wrote it prints what its library makes of those rows instead.

    python make.py FOLDER
"""
import json
import os
import sys
from pathlib import Path

os.environ["SPARSIFY_DISABLE_TRITON"] = "1"  # no GPU is needed

import torch
from sae_lens import SAE, JumpReLUSAE, JumpReLUSAEConfig, StandardSAE, StandardSAEConfig, TopKSAE, TopKSAEConfig
from sparsify import SparseCoder, SparseCoderConfig

HERE = Path(__file__).parent
D, M, K, N = 6, 16, 3, 5
if len(sys.argv) == 2:
    folder = Path(sys.argv[1])
    rows = torch.tensor(json.loads((HERE / "expect.json").read_text())["x"]).view(N, D)
    with torch.no_grad():
        if (folder / "sae.safetensors").exists():
            sae = SparseCoder.load_from_disk(folder)
            top = sae.encode(rows)
            print(sae.decode(top.top_acts, top.top_indices).tolist())
        else:
            sae = SAE.load_from_disk(folder)
            print(sae.decode(sae.encode(rows)).tolist())
    sys.exit()

torch.manual_seed(4)
x = torch.randn(N, D)


def fill(module):
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn_like(p))
    return module


def dense(codes):
    return [[round(v, 9) for v in row] for row in codes.tolist()]


expect = {"d": D, "m": M, "k": K, "x": x.flatten().tolist(), "folders": {}}

common = dict(d_in=D, d_sae=M, dtype="float32", device="cpu")
lens = {
    "saelens_topk": TopKSAE(TopKSAEConfig(k=K, **common)),
    "saelens_topk_rescaled": TopKSAE(TopKSAEConfig(k=K, rescale_acts_by_decoder_norm=True, **common)),
    "saelens_topk_plain_input": TopKSAE(TopKSAEConfig(k=K, apply_b_dec_to_input=False, **common)),
    "saelens_standard": StandardSAE(StandardSAEConfig(**common)),
    "saelens_jumprelu": JumpReLUSAE(JumpReLUSAEConfig(**common)),
}
with torch.no_grad():
    for name, sae in lens.items():
        fill(sae).save_model(HERE / name)
        z = sae.encode(x)
        expect["folders"][name] = {"codes": dense(z), "recon": dense(sae.decode(z))}

    for name, extra in {"sparsify_topk": {}, "sparsify_expansion": {"num_latents": 0, "expansion_factor": 2}}.items():
        cfg = SparseCoderConfig(**{"k": K, "num_latents": M, "multi_topk": True, "normalize_decoder": False, **extra})
        sae = fill(SparseCoder(D, cfg))
        sae.save_to_disk(HERE / name)
        top = sae.encode(x)
        z = torch.zeros(N, sae.num_latents).scatter_(1, top.top_indices, top.top_acts)
        expect["folders"][name] = {"codes": dense(z), "recon": dense(sae.decode(top.top_acts, top.top_indices))}

(HERE / "expect.json").write_text(json.dumps(expect) + "\n")
