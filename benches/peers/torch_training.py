"""Times a training step of EZ-VSL at a quarter of its widths in PyTorch on the CPU.

Usage: torch_training.py [threads] [repeats]. Needs torch.
Prints the times of all repeats in milliseconds.
"""
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

BATCH, SIDE, WIDTHS = 32, 128, (16, 32, 64, 128)


class Block(nn.Module):
    def __init__(self, into, out, stride, down):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(into, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        self.skip = nn.Sequential(nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out)) if down \
            else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.skip(x))


def resnet18(channels):
    layers = [nn.Conv2d(channels, WIDTHS[0], 7, 2, 3, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU(inplace=True),
              nn.MaxPool2d(3, 2, 1)]
    into = WIDTHS[0]
    for stage, out in enumerate(WIDTHS):
        layers += [Block(into, out, 2 if stage else 1, stage > 0), Block(out, out, 1, False)]
        into = out
    return nn.Sequential(*layers)


class EzVsl(nn.Module):
    def __init__(self):
        super().__init__()
        self.imgnet, self.audnet = resnet18(3), resnet18(1)
        self.img_proj, self.aud_proj = nn.Conv2d(WIDTHS[3], 128, 1), nn.Linear(WIDTHS[3], 128)

    def forward(self, image, sound):
        places = F.normalize(self.img_proj(self.imgnet(image)), dim=1)
        heard = F.normalize(self.aud_proj(self.audnet(sound).amax((2, 3))), dim=1)
        logits = torch.einsum("nchw,mc->nmhw", places, heard).flatten(2).amax(2) / 0.03
        labels = torch.arange(len(image))
        return F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)


def main():
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    repeats = int(sys.argv[2]) if len(sys.argv) > 2 else 12
    torch.manual_seed(1)
    # Channels last is PyTorch's faster layout here; its default is timed too, and the better of both counts.
    best = None
    for layout in (torch.contiguous_format, torch.channels_last):
        net = EzVsl().train().to(memory_format=layout)
        optimizer = torch.optim.Adam(net.parameters(), 1e-4)
        image = torch.randn(BATCH, 3, SIDE, SIDE).contiguous(memory_format=layout)
        sound = torch.randn(BATCH, 1, SIDE, SIDE).contiguous(memory_format=layout)
        times = []
        for _ in range(repeats + 3):
            start = time.perf_counter()
            optimizer.zero_grad()
            net(image, sound).backward()
            optimizer.step()
            times.append((time.perf_counter() - start) * 1e3)
        times = sorted(times[3:])
        if best is None or times[len(times) // 2] < best[len(best) // 2]:
            best = times
    print(" ".join(f"{t:.3f}" for t in best))


if __name__ == "__main__":
    main()
