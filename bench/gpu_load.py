#!/usr/bin/env python3
"""Loads an NVIDIA GPU while gpu_probe looks: matrix products, and copies from the host on a second stream. Needs PyTorch.

usage: bench/gpu_load.py SECONDS
"""
import sys
import time

import torch

matrix = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
host = torch.empty(1 << 28, dtype=torch.uint8).pin_memory()
device = torch.empty(1 << 28, dtype=torch.uint8, device="cuda")
side = torch.cuda.Stream()
print("load runs", flush=True)
copied, start = 0, time.time()
while time.time() < start + float(sys.argv[1]):
    with torch.cuda.stream(side):
        for _ in range(4):
            device.copy_(host, non_blocking=True)
    copied += 4 * host.numel()
    for _ in range(60):
        product = matrix @ matrix
    torch.cuda.synchronize()
print(f"host to device: {copied / (time.time() - start):.3g} bytes per second")
