#!/usr/bin/env python3
"""Makes seq2seq.expected: logits and all gradients that PyTorch (2.13 was used) gives two recurrent encoder-decoders in float64.

The format is that of make_modules.py. lstm: bidirectional encoder, additive attention, the context fed, tanh(W last) as start, own output.
cgru: the conditional GRU of Caglayan et al. 2017, mean of the annotations as start, target embedding tied to the output.
Weights have heed's names and layout; src, lengths and tgt are the batch, y the logits, dy what comes from above, d.NAME the gradient of NAME."""
import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(21)
torch.set_default_dtype(torch.float64)
V, EMB, ENC, H, A = 7, 3, 2, 4, 5
SRC = torch.tensor([[4, 5, 6, 0], [6, 3, 4, 5], [5, 0, 0, 0]])
LENGTHS = torch.tensor([3, 4, 1])
TGT = torch.tensor([[2, 4, 5], [2, 6, 6], [2, 3, 1]])


def write(name, x):
    x = x.detach()
    print(name, x.dim(), *x.shape, *(f"{v:.13g}" for v in x.flatten().tolist()))


class Model(nn.Module):
    def __init__(self, conditional):
        super().__init__()
        self.conditional = conditional
        self.src, self.tgt = nn.Embedding(V, EMB), nn.Embedding(V, EMB)
        self.enc = (nn.GRU if conditional else nn.LSTM)(EMB, ENC, batch_first=True, bidirectional=True)
        self.start_h = nn.Linear(2 * ENC, H)
        if conditional:
            self.first, self.second = nn.GRUCell(EMB, H), nn.GRUCell(2 * ENC, H)
            self.bias = nn.Parameter(torch.zeros(V))
        else:
            self.start_c = nn.Linear(2 * ENC, H)
            self.first, self.out = nn.LSTMCell(EMB + 2 * ENC, H), nn.Linear(EMB, V)
        self.query, self.memory, self.v = nn.Linear(H, A), nn.Linear(2 * ENC, A, bias=False), nn.Linear(A, 1, bias=False)
        self.deep = nn.Linear(H + 2 * ENC + EMB, EMB)

    def attend(self, s, memory, keys):
        e = self.v(torch.tanh(self.query(s)[:, None] + keys))[..., 0]
        beyond = torch.arange(memory.shape[1])[None] >= LENGTHS[:, None]
        return torch.bmm(e.masked_fill(beyond, -torch.inf).softmax(-1)[:, None], memory)[:, 0]

    def forward(self):
        packed, last = self.enc(pack_padded_sequence(self.src(SRC), LENGTHS, True, False))
        memory, _ = pad_packed_sequence(packed, True, total_length=SRC.shape[1])
        keys, emb, rows = self.memory(memory), self.tgt(TGT), []
        if self.conditional:
            s = torch.tanh(self.start_h(memory.sum(1) / LENGTHS[:, None]))
        else:
            s, cell = (torch.tanh(w(torch.cat([x[0], x[1]], -1))) for w, x in zip((self.start_h, self.start_c), last))
            context = torch.zeros(len(SRC), 2 * ENC)
        for t in range(TGT.shape[1]):
            if self.conditional:
                s = self.first(emb[:, t], s)
                context = self.attend(s, memory, keys)
                s = self.second(context, s)
            else:
                s, cell = self.first(torch.cat([emb[:, t], context], -1), (s, cell))
                context = self.attend(s, memory, keys)
            rows.append(torch.tanh(self.deep(torch.cat([s, context, emb[:, t]], -1))))
        o = torch.stack(rows, 1)
        return o @ self.tgt.weight.T + self.bias if self.conditional else self.out(o)

    def names(self):
        """heed's name, the weight, and whether heed has it transposed"""
        yield "src.weight", self.src.weight, False
        yield "tgt.weight", self.tgt.weight, False
        sides = [("w_ih", "weight_ih"), ("w_hh", "weight_hh"), ("b_ih", "bias_ih"), ("b_hh", "bias_hh")]
        for way, end in ("forward", "_l0"), ("backward", "_l0_reverse"):
            yield from ((f"enc.0.{way}.{new}", getattr(self.enc, old + end), True) for new, old in sides)
        yield from ((f"dec.0.forward.{new}", getattr(self.first, old), True) for new, old in sides)
        dense = {"start.0.h": self.start_h, "attend.query": self.query, "attend.memory": self.memory, "deep": self.deep}
        if self.conditional:
            yield from ((f"second.{new}", getattr(self.second, old), True) for new, old in sides)
            yield "out.bias", self.bias, True
        else:
            dense |= {"start.0.c": self.start_c, "out": self.out}
        yield "attend.v", self.v.weight[0], True
        for name, m in dense.items():
            yield name + ".weight", m.weight, True
            if m.bias is not None:
                yield name + ".bias", m.bias, True


def case(name, conditional):
    m = Model(conditional)
    for w in m.parameters():
        nn.init.normal_(w, 0.1, 0.6)
    y = m()
    dy = torch.randn_like(y)
    (y * dy).sum().backward()
    print("case", name)
    for key, x in ("src", SRC), ("lengths", LENGTHS), ("tgt", TGT), ("y", y), ("dy", dy):
        write(key, x)
    for key, w, turned in m.names():
        grad = m.v.weight.grad[0] if key == "attend.v" else w.grad
        write(key, w.t() if turned and w.dim() == 2 else w)
        write("d." + key, grad.t() if turned and w.dim() == 2 else grad)


sys.stdout = open("seq2seq.expected", "w")
case("lstm", False)
case("cgru", True)
