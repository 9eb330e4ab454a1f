"""Times ResNet-18 and CLIP's ViT-B/32 image tower, random weights, in PyTorch on the CPU.

Usage: torch_networks.py [threads] [repeats]. Needs torch.
Prints one line a network: its name, a tab, the times of all repeats in milliseconds.
"""
import sys
import time

import torch
from torch import nn


class Block(nn.Module):
    """A residual block of ResNet-18 with its batch norms folded."""

    def __init__(self, into, out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(into, out, 3, stride, 1)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1)
        self.shortcut = nn.Conv2d(into, out, 1, stride) if into != out else nn.Identity()

    def forward(self, x):
        return torch.relu(self.conv2(torch.relu(self.conv1(x))) + self.shortcut(x))


def resnet18():
    layers = [nn.Conv2d(3, 64, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    into = 64
    for out, stride in [(64, 1), (128, 2), (256, 2), (512, 2)]:
        layers += [Block(into, out, stride), Block(out, out, 1)]
        into = out
    return nn.Sequential(*layers)


class Attention(nn.Module):
    """CLIP's residual attention block."""

    def __init__(self, width):
        super().__init__()
        self.heads = width // 64
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.in_proj, self.out_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        n, tokens, width = x.shape
        q, k, v = self.in_proj(self.ln_1(x)).view(n, tokens, 3, self.heads, 64).permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, tokens, width)
        x = x + self.out_proj(mixed)
        h = self.c_fc(self.ln_2(x))
        return x + self.c_proj(h * torch.sigmoid(1.702 * h))


class VisionTransformer(nn.Module):
    def __init__(self, width=768, layers=12, embedding=512):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 32, 32, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width))
        self.positional_embedding = nn.Parameter(torch.randn(50, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.Sequential(*[Attention(width) for _ in range(layers)])
        self.proj = nn.Linear(width, embedding, bias=False)

    def forward(self, x):
        patches = self.conv1(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), patches], 1) + self.positional_embedding
        return self.proj(self.ln_post(self.blocks(self.ln_pre(x))[:, 0]))


def main():
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    torch.manual_seed(1)
    for name, network in [("resnet18 224", resnet18()), ("vit-b/32 224", VisionTransformer())]:
        network.eval()
        x = torch.randn(1, 3, 224, 224)
        times = []
        with torch.inference_mode():
            for _ in range(repeats + 3):
                start = time.perf_counter()
                network(x)
                times.append((time.perf_counter() - start) * 1e3)
        print(name, " ".join(f"{t:.3f}" for t in times[3:]), sep="\t", flush=True)


if __name__ == "__main__":
    main()
