"""What h5py sees in the sample of tests/checkpoint_sample.h: python3 checkpoint_h5py.py FILE"""
import sys

import h5py
import numpy as np

f = h5py.File(sys.argv[1], "r")
assert f.userblock_size >= 512
names = []
f.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
assert sorted(names) == ["data/none", "data/order", "optimizer/adam/m/enc.0.attn.q", "optimizer/steps", "params/dec.bias",
                         "params/enc.0.attn.k", "params/enc.0.attn.q", "vocabulary", "vocabulary.merges"], names

q = f["params/enc.0.attn.q"]
assert q.dtype == np.float32 and q.shape == (2, 3) and q.chunks is None and q.external is None
assert np.array_equal(q[:].ravel(), np.array([0.5, -1.25, 3e-39, 1e38, -0.0, 7], np.float32))
assert np.array_equal(f["params/enc.0.attn.k"][0, :, 0], q[:].ravel())
ramp = 1.0 / np.arange(1, 257)
assert f["params/dec.bias"].dtype == np.float64 and np.array_equal(f["params/dec.bias"][:], ramp)
assert np.array_equal(f["optimizer/adam/m/enc.0.attn.q"][:], ramp.reshape([2] * 8))
assert f["optimizer/steps"].shape == () and f["optimizer/steps"][()] == np.iinfo(np.int64).min
assert f["data/order"].dtype == np.int32 and f["data/order"][:].tolist() == [-2**31, 0, 2**31 - 1]
assert f["data/none"].shape == (0, 5)
assert f["vocabulary"].dtype == np.uint8 and f["vocabulary"][:].tobytes() == b"a\0b\nc\xff"

a = f.attrs
assert sorted(a) == ["config", "heed.format", "heed.version", "lr", "model.kind", "note", "step", "worst"], list(a)
assert a["step"] == -1234567890123456789 and a["lr"] == 0.1 and np.isnan(a["worst"]) and a["heed.format"] == 1
assert a["model.kind"].decode() == "transformer \u00e9" and a["note"] == b"" and a["config"] == b"d = 64\nheads = 4\n"
