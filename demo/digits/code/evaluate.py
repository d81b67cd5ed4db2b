"""Runs a trained model on the images it never saw: `python evaluate.py MODEL.npz FOLDER`."""

import sys
from pathlib import Path

import numpy as np
from digits import is_held_out, predict, read_folder


def main(model: Path, folder: Path) -> None:
    """Print a few answers and the accuracy over all held-out images."""
    with np.load(model, allow_pickle=False) as file:
        weights = {name: file[name] for name in file.files}
    pixels, labels, names = read_folder(folder)
    held_out = [index for index, name in enumerate(names) if is_held_out(name)]
    answers = predict(weights, pixels[held_out])
    for index, answer in list(zip(held_out, answers, strict=True))[::60]:
        print(f"{names[index]}   is a {labels[index]}   model says {answer}")
    right = int(np.sum(answers == labels[held_out]))
    print(f"{right} of {len(held_out)} held-out images right: {right / len(held_out):.2%}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
