"""Trains a small neural network on the digits, evaluates it on the held-out fifth, and writes model and metrics as the job's outputs."""

import json
import os
from pathlib import Path

import numpy as np
from digits import is_held_out, predict, read_folder
from sklearn.neural_network import MLPClassifier

EPOCHS = 40


def main() -> None:
    """Train, say how it goes, and keep what matters in the outputs folder."""
    data, outputs = Path(os.environ["WUTONG_DATA_DIGITS"]), Path(os.environ["WUTONG_OUTPUTS"])
    pixels, labels, names = read_folder(data)
    held_out = np.array([is_held_out(name) for name in names])
    print(f"{len(labels)} images: {np.sum(~held_out)} to train on, {np.sum(held_out)} held out", flush=True)
    network = MLPClassifier(hidden_layer_sizes=(64,), learning_rate_init=0.003, random_state=1)
    weights: dict[str, np.ndarray] = {}
    with (outputs / "metrics.jsonl").open("w") as metrics:
        for epoch in range(1, EPOCHS + 1):
            network.partial_fit(pixels[~held_out], labels[~held_out], classes=np.arange(10))
            weights = {"w0": network.coefs_[0], "b0": network.intercepts_[0], "w1": network.coefs_[1], "b1": network.intercepts_[1]}
            accuracy = float(np.mean(predict(weights, pixels[held_out]) == labels[held_out]))
            row = {"step": epoch, "loss": round(float(network.loss_), 4), "held_out_accuracy": round(accuracy, 4)}
            print(json.dumps(row), file=metrics, flush=True)
            if epoch % 5 == 0:
                print(f"epoch {epoch:3d}   loss {row['loss']:.4f}   held-out accuracy {accuracy:.2%}", flush=True)
    np.savez(outputs / "digits.npz", **weights)
    print(f"done: model in {outputs / 'digits.npz'}", flush=True)


if __name__ == "__main__":
    main()
