#!/usr/bin/env python3
"""Values and gradients of PyTorch, for tests/test_nn.c: writes nn.txt, one array a line, `name rank sizes numbers` in hexadecimal floats."""
import os
import torch
import torch.nn.functional as F

torch.manual_seed(3)
out = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "nn.txt"), "w")


def put(name, t):
    t = t.detach().double().contiguous()
    print(name, t.dim(), *t.shape, *[x.hex() for x in t.flatten().tolist()], file=out)


def put_gradients(prefix, y, inputs):
    """The result, a gradient for it, and those of the inputs."""
    dy = torch.randn_like(y)
    put(prefix + ".y", y)
    put(prefix + ".dy", dy)
    for name, x, dx in zip(inputs, inputs.values(), torch.autograd.grad(y, list(inputs.values()), dy)):
        put(f"{prefix}.{name}", x)
        put(f"{prefix}.d{name}", dx)


def real(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


x, t = real(6, 11), torch.tensor([3, -100, 10, 0, 7, -100])
put("entropy.t", t)
put_gradients("entropy", F.cross_entropy(x, t, label_smoothing=0.1), {"x": x})

x, gamma, beta = real(4, 7), real(7), real(7)
put_gradients("layer_norm", F.layer_norm(x, (7,), gamma, beta, 1e-5), {"x": x, "gamma": gamma, "beta": beta})

x = real(5, 3)
put_gradients("gelu", F.gelu(3 * x), {"x": x})
put_gradients("gelu_tanh", F.gelu(3 * x, approximate="tanh"), {"x": x})

q, k, v, mask = real(2, 2, 3, 4), real(2, 2, 5, 4), real(2, 2, 5, 3), real(3, 5)
put_gradients("attention", F.scaled_dot_product_attention(q, k, v, mask), {"q": q, "k": k, "v": v, "mask": mask})
