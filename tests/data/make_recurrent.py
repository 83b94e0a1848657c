#!/usr/bin/env python3
"""Makes recurrent.expected: what PyTorch (2.13 was used) makes of RNN, LSTM and GRU in float64, with all gradients.

The format is that of make_modules.py. Weights have heed's names and layout ([in, G H]); inputs are x, lengths and the states h.i and c.i at
the start, results are y and the states end.h.i and end.c.i; what comes from above is dy, dend.h.i and dend.c.i; d.NAME is the gradient of NAME."""
import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(12)
torch.set_default_dtype(torch.float64)
B, T, IN, H = 3, 4, 3, 2
LENGTHS = torch.tensor([2, 4, 1])
KINDS = {"tanh": (nn.RNN, nn.RNNCell), "relu": (nn.RNN, nn.RNNCell), "lstm": (nn.LSTM, nn.LSTMCell), "gru": (nn.GRU, nn.GRUCell)}


def write(name, x):
    x = x.detach()
    print(name, x.dim(), *x.shape, *(f"{v:.13g}" for v in x.flatten().tolist()))


def random(*shape):
    return torch.randn(*shape, requires_grad=True)


def shaken(m):
    for w in m.parameters():
        nn.init.normal_(w, 0.1, 0.6)
    return m


def case(name, weights, inputs, outputs, **more):
    print("case", name)
    above = {key: torch.randn_like(y) for key, y in outputs.items()}
    sum((y * above[key]).sum() for key, y in outputs.items()).backward()
    for key, x in (*more.items(), *inputs.items(), *outputs.items()):
        write(key, x)
    for key, x in above.items():
        write("d" + key, x)
    for key, w in weights.items():
        write(key, w.t())
        write("d." + key, w.grad.t())
    for key, x in inputs.items():
        write("d." + key, x.grad)


def made(kind, which, *sizes, **more):
    return shaken(KINDS[kind][which](*sizes, **more, **({"nonlinearity": kind} if kind in ("tanh", "relu") else {})))


def states(name, kind, h, c):
    """h (and c) [layers * directions, B, H] as one array each"""
    given = {f"{name}h.{i}": x for i, x in enumerate(h)}
    return given | ({f"{name}c.{i}": x for i, x in enumerate(c)} if kind == "lstm" else {})


def cell(kind):
    m, x, h, c = made(kind, 1, IN, H), random(B, IN), random(B, H), random(B, H)
    out = m(x, (h, c)) if kind == "lstm" else (m(x, h), None)
    weights = {f"cell.{new}_{side}": getattr(m, f"{old}_{side}") for new, old in (("w", "weight"), ("b", "bias")) for side in ("ih", "hh")}
    case(f"{kind}.cell", weights, {"x": x} | states("", kind, [h], [c]), states("end.", kind, [out[0]], [out[1]]))


def layers(kind, name, count, both, ragged, begins):
    m, x, n = made(kind, 0, IN, H, count, batch_first=True, bidirectional=both), random(B, T, IN), count * (1 + both)
    h, c = [random(B, H) for _ in range(n)], [random(B, H) for _ in range(n)]
    start = None
    if begins:
        start = (torch.stack(h), torch.stack(c)) if kind == "lstm" else torch.stack(h)
    y, end = m(pack_padded_sequence(x, LENGTHS, True, False) if ragged else x, start)
    if ragged:
        y, _ = pad_packed_sequence(y, True, total_length=T)
    end = end if kind == "lstm" else (end, None)
    weights = {f"rnn.{i}.{'backward' if d else 'forward'}.{new}_{side}": getattr(m, f"{old}_{side}_l{i}{'_reverse' if d else ''}")
               for i in range(count) for d in range(1 + both) for new, old in (("w", "weight"), ("b", "bias")) for side in ("ih", "hh")}
    inputs = {"x": x} | (states("", kind, h, c) if begins else {})
    case(f"{kind}.{name}", weights, inputs, {"y": y} | states("end.", kind, end[0], end[1]), **(dict(lengths=LENGTHS) if ragged else {}))


sys.stdout = open("recurrent.expected", "w")
for kind in KINDS:
    cell(kind)
    layers(kind, "plain", 1, False, False, False)
    layers(kind, "ragged", 1, True, True, True)
    layers(kind, "stacked", 2, False, True, False)
    layers(kind, "both", 2, True, True, True)
