"""Trains land-cover segmentation on satellite tiles for a given number of minutes, holding one whole tile out, and prints IoU by class.

A SIGTERM (preemption, time limit, empty balance) saves a checkpoint first; a later attempt goes on from it.
"""

import argparse
import json
import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import torch
from network import UNet
from tiles import CLASSES, IGNORED, read_tiles

CROP, BATCH, WINDOW, OVERLAP = 256, 8, 512, 128
MEAN, SPREAD = 110.0, 60.0


class Run:
    """One training: network, optimiser and the seconds already spent."""

    def __init__(self, seconds: float, checkpoint: Path) -> None:
        self.network = UNet(len(CLASSES)).to(memory_format=torch.channels_last)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=3e-3, weight_decay=1e-2)
        self.seconds, self.spent, self.step, self.checkpoint = seconds, 0.0, 0, checkpoint / "latest.pt"
        self.stopped = False

    def resume(self) -> None:
        """Go on from the last checkpoint, if there is one."""
        if self.checkpoint.exists():
            state = torch.load(self.checkpoint, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.spent, self.step = state["spent"], state["step"]
            print(f"resumed at step {self.step} after {self.spent:.0f} s of training", flush=True)

    def save(self) -> None:
        """Write a checkpoint that is whole or not there."""
        state = {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(), "spent": self.spent, "step": self.step}
        draft = self.checkpoint.with_suffix(".draft")
        torch.save(state, draft)
        draft.replace(self.checkpoint)


def normal(pictures: np.ndarray) -> torch.Tensor:
    """Turn (n, h, w, 3) bytes into the network's input."""
    values = torch.from_numpy(np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))).float()
    return ((values - MEAN) / SPREAD).contiguous(memory_format=torch.channels_last)


def draw(parts: list[tuple[np.ndarray, np.ndarray]], chance: random.Random) -> tuple[np.ndarray, np.ndarray]:
    """Cut a random square, with a random scale, turn, mirror and brightness."""
    weights = [image.shape[0] * image.shape[1] for image, _ in parts]
    image, mask = chance.choices(parts, weights)[0]
    size = min(chance.choice([192, 256, 256, 320, 400]), *image.shape[:2])
    top, left = chance.randint(0, image.shape[0] - size), chance.randint(0, image.shape[1] - size)
    rows = np.arange(CROP) * size // CROP
    window = (slice(top, top + size), slice(left, left + size))
    picture, classes = image[window][rows][:, rows], mask[window][rows][:, rows]
    turns = chance.randrange(4)
    picture, classes = np.rot90(picture, turns), np.rot90(classes, turns)
    if chance.random() < 0.5:
        picture, classes = picture[:, ::-1], classes[:, ::-1]
    light = np.array([chance.uniform(0.85, 1.15) for _ in range(3)]) * chance.uniform(0.8, 1.2)
    return np.clip(picture * light + chance.uniform(-15, 15), 0, 255).astype(np.uint8), classes


def loss_of(scores: torch.Tensor, target: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted cross entropy plus soft Dice, which keeps small classes alive."""
    entropy = torch.nn.functional.cross_entropy(scores, target, weights, ignore_index=IGNORED, label_smoothing=0.05)
    known = (target != IGNORED).unsqueeze(1)
    truth = torch.nn.functional.one_hot(target.clamp(max=len(CLASSES) - 1), len(CLASSES)).permute(0, 3, 1, 2) * known
    guess = scores.softmax(1) * known
    both, either = (guess * truth).sum((0, 2, 3)), (guess + truth).sum((0, 2, 3))
    return entropy + 1 - ((2 * both + 1) / (either + 1)).mean()


def train(run: Run, parts: list[tuple[np.ndarray, np.ndarray]], outputs: Path) -> None:
    """Train until the time is spent or a signal came; the learning rate follows a cosine over the time."""
    chance = random.Random(run.step + 1)
    counts = np.bincount(np.concatenate([mask[mask != IGNORED] for _, mask in parts]), minlength=len(CLASSES))
    weights = torch.tensor((counts.sum() / counts.clip(1)) ** 0.4, dtype=torch.float32)
    weights /= weights.mean()
    started, saved, before, shown = time.monotonic(), time.monotonic(), run.spent, 0.0
    run.network.train()
    with (outputs / "metrics.jsonl").open("a") as metrics:
        while run.spent < run.seconds and not run.stopped:
            rate = 3e-3 * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * min(1.0, run.spent / run.seconds))))
            for group in run.optimiser.param_groups:
                group["lr"] = rate
            pictures, masks = zip(*[draw(parts, chance) for _ in range(BATCH)], strict=True)
            target = torch.from_numpy(np.stack(masks).astype(np.int64))
            loss = loss_of(run.network(normal(np.stack(pictures))), target, weights)
            run.optimiser.zero_grad(set_to_none=True)
            loss.backward()
            run.optimiser.step()
            run.step, run.spent = run.step + 1, before + time.monotonic() - started
            print(json.dumps({"step": run.step, "loss": round(loss.item(), 4), "seconds": round(run.spent, 1)}), file=metrics, flush=True)
            if run.spent - shown >= 10:
                shown = run.spent
                print(f"step {run.step:5d}   {run.spent:4.0f} of {run.seconds:.0f} s   loss {loss.item():.3f}   rate {rate:.4f}", flush=True)
            if time.monotonic() - saved > 30:
                run.save()
                saved = time.monotonic()
    run.save()


@torch.inference_mode()
def interpret(network: UNet, image: np.ndarray) -> np.ndarray:
    """Classify a whole picture by overlapping windows blended with a Hann weight, so that no seam shows."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((OVERLAP, WINDOW), (OVERLAP, WINDOW), (0, 0)), mode="reflect" if min(height, width) > WINDOW else "symmetric")
    scores = torch.zeros(len(CLASSES), *padded.shape[:2])
    hann = torch.hann_window(WINDOW, periodic=False).clamp(min=1e-3)
    weight = hann[:, None] * hann[None, :]
    for top in range(0, height + OVERLAP, WINDOW - OVERLAP):
        for left in range(0, width + OVERLAP, WINDOW - OVERLAP):
            window = padded[top : top + WINDOW, left : left + WINDOW]
            if window.shape[:2] == (WINDOW, WINDOW):
                scores[:, top : top + WINDOW, left : left + WINDOW] += network(normal(window[None]))[0].softmax(0) * weight
    return scores.argmax(0).numpy()[OVERLAP : OVERLAP + height, OVERLAP : OVERLAP + width]


def evaluate(network: UNet, parts: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Score the held-out tile: intersection over union by class, their mean over classes that occur, and overall accuracy."""
    network.eval()
    confusion = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    for number, (image, mask) in enumerate(parts, 1):
        known = mask != IGNORED
        answer = interpret(network, image)
        print(f"evaluated part {number} of {len(parts)} of the held-out tile", flush=True)
        confusion += np.bincount(mask[known].astype(np.int64) * len(CLASSES) + answer[known], minlength=len(CLASSES) ** 2).reshape(confusion.shape)
    hit, union = np.diag(confusion), confusion.sum(0) + confusion.sum(1) - np.diag(confusion)
    scores = {f"iou_{name}": round(float(hit[i] / union[i]), 4) for i, name in enumerate(CLASSES) if confusion[i].sum()}
    mean = round(float(np.mean(list(scores.values()))), 4)
    return {**scores, "mean_iou": mean, "overall_accuracy": round(float(hit.sum() / confusion.sum()), 4)}


def main() -> None:
    """Train, evaluate on the tile that was held out, write model and metrics."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=10.0)
    options.add_argument("--hold-out", default="Tile 5")
    chosen = options.parse_args()
    data, outputs = Path(os.environ["WUTONG_DATA_TILES"]), Path(os.environ["WUTONG_OUTPUTS"])
    torch.manual_seed(1)
    run = Run(chosen.minutes * 60, Path(os.environ["WUTONG_CHECKPOINT"]))
    signal.signal(signal.SIGTERM, lambda *_: setattr(run, "stopped", True))
    tiles = read_tiles(data)
    if chosen.hold_out not in tiles:
        raise SystemExit(f"There is no tile {chosen.hold_out!r} to hold out; there are {', '.join(sorted(tiles))}.")
    held_out = tiles.pop(chosen.hold_out)
    print(f"{len(tiles)} tiles to train on, {chosen.hold_out} held out, {sum(p.numel() for p in run.network.parameters()):,} weights", flush=True)
    run.resume()
    train(run, [part for parts in tiles.values() for part in parts], outputs)
    if run.stopped:
        raise SystemExit("stopped by a signal; a checkpoint is saved and the next attempt goes on from it")
    scores = evaluate(run.network, held_out)
    np.savez(outputs / "land_cover.npz", **{name: value.numpy() for name, value in run.network.state_dict().items()})
    with (outputs / "metrics.jsonl").open("a") as metrics:
        print(json.dumps({"step": run.step, **scores}), file=metrics)
    for name, value in scores.items():
        print(f"{name:20s} {value:.4f}", flush=True)


if __name__ == "__main__":
    main()
