#!/usr/bin/env python3
"""Makes optim.expected: what PyTorch's optimizers (2.13 was used) make of two float64 parameters in five steps of given gradients.

Line by line: the weights of a and of b; for each step the gradients of a and of b ("missing": it has no gradient in that step); then for
each case its rule with settings, the weights of a and of b after every step, and the last gradient norm (0 where it is not measured)."""
import sys

import torch

STEPS = 5
torch.manual_seed(5)
START = [torch.randn(7, dtype=torch.float64), torch.randn(3, dtype=torch.float64)]
GRADIENTS = [[torch.randn(7, dtype=torch.float64), None if t == 2 else 3 * torch.randn(3, dtype=torch.float64)] for t in range(STEPS)]
CASES = [
    ("sgd", torch.optim.SGD, {}),
    ("sgd", torch.optim.SGD, dict(lr=0.1, weight_decay=0.1)),
    ("sgd", torch.optim.SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.01)),
    ("sgd", torch.optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=1)),
    ("adagrad", torch.optim.Adagrad, {}),
    ("adagrad", torch.optim.Adagrad, dict(lr=0.3, eps=0.01, weight_decay=0.1)),
    ("rmsprop", torch.optim.RMSprop, {}),
    ("rmsprop", torch.optim.RMSprop, dict(lr=0.02, alpha=0.9, eps=0.001, momentum=0.8, weight_decay=0.1)),
    ("adam", torch.optim.Adam, {}),
    ("adam", torch.optim.Adam, dict(lr=0.1, beta1=0.8, beta2=0.98, eps=0.01, weight_decay=0.1)),
    ("adamw", torch.optim.AdamW, {}),
    ("adamw", torch.optim.AdamW, dict(lr=0.1, beta1=0.8, beta2=0.98, eps=0.01, weight_decay=0.1)),
    ("adam", torch.optim.Adam, dict(lr=0.1, eps=1.0, clip_norm=1.5)),
    ("sgd", torch.optim.SGD, dict(lr=0.1, clip_norm=1e6)),
    ("sgd", torch.optim.SGD, dict(lr=0.1, clip_value=0.5)),
]


def numbers(x):
    return " ".join(repr(v) for v in x.tolist())


def run(make, settings):
    weights = [torch.nn.Parameter(x.clone()) for x in START]
    options = dict(settings)
    norm_limit, value_limit, norm = options.pop("clip_norm", 0), options.pop("clip_value", 0), 0.0
    if "beta1" in options:
        options["betas"] = options.pop("beta1"), options.pop("beta2")
    if "nesterov" in options:
        options["nesterov"] = True
    optimizer = make(weights, **options)
    for gradients in GRADIENTS:
        for w, g in zip(weights, gradients):
            w.grad = None if g is None else g.clone()
        if norm_limit:
            norm = torch.nn.utils.clip_grad_norm_(weights, norm_limit).item()
        if value_limit:
            torch.nn.utils.clip_grad_value_(weights, value_limit)
        optimizer.step()
        for w in weights:
            print(numbers(w.detach()))
    print(repr(norm))


sys.stdout = open("optim.expected", "w")
for x in START:
    print(numbers(x))
for step in GRADIENTS:
    for x in step:
        print("missing" if x is None else numbers(x))
for rule, make, settings in CASES:
    print("case", rule, *(f"{k} {v!r}" for k, v in settings.items()))
    run(make, settings)
