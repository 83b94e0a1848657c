#!/usr/bin/env python3
"""Makes modules.expected: what PyTorch (2.13 was used) makes of small modules in float64, with all gradients.

"case NAME" begins a case; every other line is an array: its name, its rank, its sizes, its values. Weights have heed's names and layout
([in, out]), inputs are x, memory, lengths, targets, the result is y; dy is the gradient that comes from above and d.NAME that of NAME."""
import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(11)
torch.set_default_dtype(torch.float64)
B, T, S, D, H, FF = 2, 3, 4, 4, 2, 6
KEYS, MEMORY_KEYS = torch.tensor([3, 2]), torch.tensor([2, 4])


def write(name, x):
    x = x.detach()
    print(name, x.dim(), *x.shape, *(repr(v) for v in x.flatten().tolist()))


def padding(lengths, steps):
    """True where a key is padding, as PyTorch has it."""
    return torch.arange(steps)[None, :] >= lengths[:, None]


def future(steps):
    return torch.ones(steps, steps, dtype=torch.bool).triu(1)


def dense(name, m, rows=slice(None), weight="weight", bias="bias"):
    """A torch weight [out, in] (or some of its rows) under heed's name, with the way from a gradient like it to heed's layout."""
    return [(f"{name}.weight", getattr(m, weight), lambda w: w[rows].t()), (f"{name}.bias", getattr(m, bias), lambda b: b[rows])]


def attention(name, m):
    parts = [dense(f"{name}.{k}", m, slice(i * D, (i + 1) * D), "in_proj_weight", "in_proj_bias") for i, k in enumerate("qkv")]
    return sum(parts, []) + dense(f"{name}.o", m.out_proj)


def norm(name, m):
    return [(f"{name}.gamma", m.weight, lambda w: w), (f"{name}.beta", m.bias, lambda b: b)]


def feed_forward(m):
    return dense("ffn.up", m.linear1) + dense("ffn.down", m.linear2)


def case(name, weights, inputs, y, **more):
    print("case", name)
    dy = torch.randn_like(y)
    (y * dy).sum().backward()
    for key, x in (*more.items(), *inputs.items()):
        write(key, x)
    write("y", y)
    write("dy", dy)
    for key, w, layout in weights:
        write(key, layout(w))
        write("d." + key, layout(w.grad))
    for key, x in inputs.items():
        write("d." + key, x.grad)


def random(*shape):
    return torch.randn(*shape, requires_grad=True)


def shaken(m):
    """No weight is left at a special value such as 0 or 1."""
    for w in m.parameters():
        nn.init.normal_(w, 0.1, 0.6)
    return m


def multihead(name, cross=False, causal=False):
    m = shaken(nn.MultiheadAttention(D, H, batch_first=True))
    inputs = dict(x=random(B, T, D), **(dict(memory=random(B, S, D)) if cross else {}))
    memory, lengths = inputs.get("memory", inputs["x"]), MEMORY_KEYS if cross else KEYS
    mask = dict(attn_mask=future(T)) if causal else dict(key_padding_mask=padding(lengths, memory.shape[1]))
    y, _ = m(inputs["x"], memory, memory, need_weights=False, **mask)
    case(name, attention("self", m), inputs, y, **({} if causal else dict(lengths=lengths)))


def multihead_free(dk=3, dv=5):
    """Widths of keys and values that PyTorch's module has not."""
    q, k, v, o = (shaken(nn.Linear(*size)) for size in ((D, H * dk), (D, H * dk), (D, H * dv), (H * dv, D)))
    inputs = dict(x=random(B, T, D), memory=random(B, S, D))
    heads = [m(inputs[side]).unflatten(-1, (H, -1)).transpose(1, 2) for m, side in ((q, "x"), (k, "memory"), (v, "memory"))]
    see = ~padding(MEMORY_KEYS, S)[:, None, None, :]
    y = o(F.scaled_dot_product_attention(*heads, attn_mask=see).transpose(1, 2).flatten(2))
    case("multihead.free", sum((dense(f"self.{n}", m) for n, m in zip("qkvo", (q, k, v, o))), []), inputs, y, lengths=MEMORY_KEYS)


def encoder_layer(name, activation, pre_norm):
    m = shaken(nn.TransformerEncoderLayer(D, H, FF, 0.0, activation, batch_first=True, norm_first=pre_norm))
    inputs = dict(x=random(B, T, D))
    y = m(inputs["x"], src_key_padding_mask=padding(KEYS, T))
    weights = attention("self", m.self_attn) + norm("norm1", m.norm1) + feed_forward(m) + norm("norm2", m.norm2)
    case(name, weights, inputs, y, lengths=KEYS)


def decoder_layer(name, activation, pre_norm):
    m = shaken(nn.TransformerDecoderLayer(D, H, FF, 0.0, activation, batch_first=True, norm_first=pre_norm))
    inputs = dict(x=random(B, T, D), memory=random(B, S, D))
    y = m(inputs["x"], inputs["memory"], tgt_mask=future(T), memory_key_padding_mask=padding(MEMORY_KEYS, S))
    weights = attention("self", m.self_attn) + attention("cross", m.multihead_attn) + feed_forward(m)
    for n in ("norm1", "norm2", "norm3"):
        weights += norm(n, getattr(m, n))
    case(name, weights, inputs, y, lengths=MEMORY_KEYS)


def layer_norm():
    m, x = shaken(nn.LayerNorm(7)), random(2, 3, 7)
    case("norm", norm("norm", m), dict(x=x), m(x))


def gelu(name, approximate):
    x = torch.tensor([-12.0, -6.0, -3.0, -1.2, -0.4, -1e-3, 0.0, 1e-9, 0.2, 0.7, 1.9, 3.3, 7.0, 15.0], requires_grad=True)
    case(name, [], dict(x=x), F.gelu(x, approximate=approximate))


def cross_entropy(name, smoothing, reduction):
    x, targets = random(2, 4, 5), torch.tensor([[1, 4, 0, 2], [3, 0, 0, 1]])
    y = F.cross_entropy(x.flatten(0, 1), targets.flatten(), ignore_index=0, label_smoothing=smoothing, reduction=reduction)
    case(name, [], dict(x=x), y, targets=targets, smoothing=torch.tensor(smoothing))


def positions(start=2, d=6):
    x = random(1, 5, d)
    angle = torch.arange(start, start + 5)[:, None] * torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
    case("positions", [], dict(x=x), x + torch.stack((angle.sin(), angle.cos()), -1).flatten(1), start=torch.tensor(float(start)))


def classifier(name, first):
    m, x = shaken(nn.Linear(D, 3)), random(B, T, D)
    see = ~padding(KEYS, T)[:, :, None]
    pooled = x[:, 0] if first else (x * see).sum(1) / KEYS[:, None]
    case(name, dense("head", m), dict(x=x), m(pooled), lengths=KEYS)


def guesser():
    """The head of a masked language model, tied to an embedding of 5 symbols."""
    m, n, table, bias = shaken(nn.Linear(6, D)), shaken(nn.LayerNorm(D)), random(5, D), random(5)
    x = random(B, 6)
    plain = [(key, w, lambda w: w) for key, w in (("src.weight", table), ("mlm.bias", bias))]
    case("guesser", dense("mlm.transform", m) + norm("mlm.norm", n) + plain, dict(x=x), n(F.gelu(m(x))) @ table.t() + bias)


sys.stdout = open("modules.expected", "w")
multihead("multihead.padded")
multihead("multihead.causal", causal=True)
multihead("multihead.cross", cross=True)
multihead_free()
encoder_layer("encoder.post", "relu", False)
encoder_layer("encoder.pre", "gelu", True)
decoder_layer("decoder.post", "relu", False)
decoder_layer("decoder.pre", "gelu", True)
layer_norm()
gelu("gelu.erf", "none")
gelu("gelu.tanh", "tanh")
cross_entropy("cross_entropy.sum", 0.1, "sum")
cross_entropy("cross_entropy.mean", 0.1, "mean")
cross_entropy("cross_entropy.plain", 0.0, "mean")
positions()
classifier("classifier.mean", False)
classifier("classifier.first", True)
guesser()
