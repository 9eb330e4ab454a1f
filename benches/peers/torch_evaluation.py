"""Evaluates LVS with random weights over a folder of frames and sounds in a plain PyTorch loop, and times it.

Usage: torch_evaluation.py FOLDER THREADS. FOLDER holds frames/ID.jpg, audio/ID.wav and boxes.tsv (ID, left, top, right,
bottom in fractions). Needs torch, torchvision, scipy and soundfile.
Prints seconds from the first clip asked for to the last one scored, and the mean cIoU.
"""
import pathlib
import sys
import time

import numpy as np
import soundfile
import torch
import torchvision
from PIL import Image
from scipy import signal
from torchvision.transforms import functional as pictures

SIDE = 224
SECONDS = 10
RATE = 16_000


class Clips(torch.utils.data.Dataset):
    def __init__(self, folder):
        self.folder = folder
        lines = (folder / "boxes.tsv").read_text().splitlines()
        self.rows = [(words[0], [float(word) for word in words[1:]]) for words in (line.split("\t") for line in lines)]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        name, box = self.rows[index]
        image = Image.open(self.folder / "frames" / f"{name}.jpg").convert("RGB")
        image = pictures.center_crop(pictures.resize(image, SIDE, Image.BICUBIC), SIDE)
        image = pictures.normalize(pictures.to_tensor(image), [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        samples, rate = soundfile.read(self.folder / "audio" / f"{name}.wav")
        samples = np.tile(samples, -(-rate * SECONDS // len(samples)))[: rate * SECONDS].clip(-1, 1)
        _, _, power = signal.spectrogram(samples, rate, nperseg=512, noverlap=274)
        spectrum = np.log(power + 1e-7)
        spectrum = (spectrum - spectrum.mean()) / (spectrum.std() + 1e-9)
        truth = np.zeros((SIDE, SIDE))
        left, top, right, bottom = (int(edge * SIDE) for edge in box)
        truth[top:bottom, left:right] = 1
        return image, torch.from_numpy(spectrum).float()[None], truth


class Pair(torch.nn.Module):
    """An image and a sound ResNet-18; the map is the cosine between the sound and every place of the image."""

    def __init__(self):
        super().__init__()
        self.image, self.sound = (torchvision.models.resnet18(weights=None) for _ in range(2))
        self.sound.conv1 = torch.nn.Conv2d(1, 64, 7, 2, 3, bias=False)
        for network in (self.image, self.sound):
            # The last stage keeps its resolution, as in the published network.
            network.layer4[0].conv1.stride = (1, 1)
            network.layer4[0].downsample[0].stride = (1, 1)

    @staticmethod
    def features(network, x):
        x = network.maxpool(network.relu(network.bn1(network.conv1(x))))
        return network.layer4(network.layer3(network.layer2(network.layer1(x))))

    def forward(self, image, sound):
        image = torch.nn.functional.normalize(self.features(self.image, image), dim=1)
        sound = torch.nn.functional.normalize(self.features(self.sound, sound).amax((2, 3)), dim=1)
        return torch.einsum("bchw,bc->bhw", image, sound)


def ciou(heatmap, truth):
    """The share of the upper half of a map in its union with the truth."""
    large = torch.nn.functional.interpolate(heatmap[None, None], (SIDE, SIDE), mode="bicubic")[0, 0].numpy()
    low, high = large.min(), large.max()
    large = (large - low) / (high - low + 1e-12)
    positive = large > np.sort(large.flatten())[SIDE * SIDE // 2]
    return (positive * truth).sum() / (truth.sum() + (positive * (truth == 0)).sum())


def evaluate(folder, threads, workers, batch):
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    pair = Pair().eval()
    loader = torch.utils.data.DataLoader(Clips(folder), batch_size=batch, num_workers=workers)
    start, scores = time.perf_counter(), []
    with torch.inference_mode():
        for images, sounds, truths in loader:
            maps = pair(images, sounds)
            scores += [ciou(heatmap, truth.numpy()) for heatmap, truth in zip(maps, truths)]
    return time.perf_counter() - start, float(np.mean(scores))


def main():
    folder, threads = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    evaluate(folder, threads, 0, 1)
    # As the authors' programs run it (one clip at a time, one loader), and in batches with a loader a core.
    ways = [(threads, 1, 1), (threads, threads, 16), (max(1, threads - 1), 1, 16)]
    print(*min(evaluate(folder, *way) for way in ways), sep="\t")


if __name__ == "__main__":
    main()
