"""Writes the files of this folder with NumPy and SciPy themselves. usage: python make.py (needs numpy, scipy)"""
import numpy as np
import scipy.sparse as sp

a = np.array([[1.5, -2.0, 0.25], [0.0, 65504.0, -0.125]])
for name, arr in {
    "f2": a.astype("<f2"), "f4": a.astype("<f4"), "f8": a.astype("<f8"), "one-dimension": a[0].astype("<f4"),
    "no-rows": a[:0].astype("<f4"), "big-endian": a.astype(">f4"), "fortran": np.asfortranarray(a.astype("<f4")),
    "object": np.array([1.5, "two", None], dtype=object), "integer": a.astype("<i8"), "scalar": np.float32(3),
    "three-dimensions": a.reshape(1, 2, 3), "structured": np.zeros(2, dtype=[("x", "<f4"), ("y", "<i2")]),
}.items():
    np.save(name + ".npy", arr)
for v in ((2, 0), (3, 0)):
    with open(f"version{v[0]}.npy", "wb") as f:
        np.lib.format.write_array(f, a.astype("<f4"), version=v)
codes = sp.csr_matrix(np.array([[0, 0.5, 0, 2.25], [0, 0, 0, 0], [1.75, 0, 0, 0]], dtype=np.float32))
sp.save_npz("codes.npz", codes)
sp.save_npz("codes-stored.npz", sp.csr_array(codes.astype("f8")), compressed=False)
sp.save_npz("columns.npz", codes.tocsc())
