"""Trains on the digits with several processes on several nodes: each has a share of the images, and after each step they average their gradients.

The averaging is a small star of sockets around rank 0, found by MASTER_ADDR and MASTER_PORT as torch.distributed finds it.
"""

import json
import os
import socket
import time
from pathlib import Path

import numpy as np
from digits import is_held_out, read_folder

RANK, SIZE = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
ADDRESS = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
STEPS, RATE = 120, 0.5


def main() -> None:
    """Train, and let rank 0 keep the model and the metrics."""
    pixels, labels, names = read_folder(Path(os.environ["WUTONG_DATA_DIGITS"]))
    held_out = np.array([is_held_out(name) for name in names])
    mine = np.flatnonzero(~held_out)[RANK::SIZE]
    group = Group()
    print(f"rank {RANK} of {SIZE} on node {os.environ['NODE_RANK']}: {len(mine)} images", flush=True)
    weights = np.zeros((pixels.shape[1] + 1, 10))
    inputs = np.hstack([pixels, np.ones((len(pixels), 1))])
    for step in range(1, STEPS + 1):
        gradient, loss = slope(weights, inputs[mine], labels[mine])
        total = group.sum(np.append(gradient.ravel(), [loss, 1.0]))
        weights -= RATE * total[:-2].reshape(weights.shape) / total[-1]
        if step % 30 == 0 and RANK == 0:
            accuracy = float(np.mean(np.argmax(inputs[held_out] @ weights, axis=1) == labels[held_out]))
            print(f"step {step:3d}   loss {total[-2] / total[-1]:.4f}   held-out accuracy {accuracy:.2%}", flush=True)
            with Path(os.environ["WUTONG_OUTPUTS"], "metrics.jsonl").open("a") as metrics:
                print(json.dumps({"step": step, "held_out_accuracy": round(accuracy, 4)}), file=metrics)
    if RANK == 0:
        np.savez(Path(os.environ["WUTONG_OUTPUTS"]) / "digits.npz", weights=weights)
    group.close()


def slope(weights: np.ndarray, inputs: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, float]:
    """Return gradient and loss of a softmax regression."""
    scores = inputs @ weights
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    right = chances[np.arange(len(labels)), labels]
    chances[np.arange(len(labels)), labels] -= 1
    return inputs.T @ chances / len(labels), float(-np.mean(np.log(right + 1e-9)))


class Group:
    """All ranks: rank 0 listens, the others call it."""

    def __init__(self) -> None:
        self.peers: list[socket.socket] = []
        if RANK == 0:
            with socket.create_server(ADDRESS) as server:
                self.peers = [server.accept()[0] for _ in range(SIZE - 1)]
        else:
            self.peers = [call(ADDRESS)]

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of every rank's values."""
        if RANK == 0:
            total = values + sum(receive(peer, values.nbytes) for peer in self.peers)
            for peer in self.peers:
                peer.sendall(total.tobytes())
            return total
        self.peers[0].sendall(values.tobytes())
        return receive(self.peers[0], values.nbytes)

    def close(self) -> None:
        """Hang up."""
        for peer in self.peers:
            peer.close()


def call(address: tuple[str, int], patience_s: float = 60) -> socket.socket:
    """Connect to rank 0, which may not listen yet."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return socket.create_connection(address, timeout=patience_s)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def receive(peer: socket.socket, size: int) -> np.ndarray:
    """Read one array of floats."""
    data = bytearray()
    while len(data) < size:
        piece = peer.recv(size - len(data))
        if not piece:
            raise ConnectionError("another rank hung up")
        data += piece
    return np.frombuffer(bytes(data))


if __name__ == "__main__":
    main()
