"""The sample jobs. One needs no data, prints a line a second and tells numbers that are drawn while it runs; one learns from the sample data."""

from wutong.sdk.jobs import JobRequest, Mounted, Outputs

SAMPLE_DATA = "digits-sample"
SAMPLE_MODEL = "digits-model"

_PROGRAM = """python - <<'END'
import json, os, random, time
inside = total = 0
with open(os.path.join(os.environ["WUTONG_OUTPUTS"], "metrics.jsonl"), "w") as metrics:
    for step in range(1, 21):
        for _ in range(100_000):
            inside += random.random() ** 2 + random.random() ** 2 < 1
        total += 100_000
        pi = 4 * inside / total
        print(f"step {step:2d} of 20: pi is about {pi:.5f}", flush=True)
        print(json.dumps({"step": step, "pi": pi, "error": abs(pi - 3.14159265)}), file=metrics, flush=True)
        time.sleep(0.5)
END
"""


# Softmax regression in plain Python, so that nothing has to be installed first; every fifth picture is kept for the test.
_TRAINING = """python - <<'END'
import csv, json, math, os, random
rows = [[int(cell) for cell in row] for row in list(csv.reader(open(os.environ["WUTONG_DATA_DIGITS_SAMPLE"] + "/digits.csv")))[1:]]
examples = [([cell / 16 for cell in row[:64]] + [1.0], row[64]) for row in rows]
train, test = [e for n, e in enumerate(examples) if n % 5], examples[::5]
weights = [[0.0] * 65 for _ in range(10)]
outputs = os.environ["WUTONG_OUTPUTS"]

def odds(points):
    scores = [sum(w * p for w, p in zip(row, points)) for row in weights]
    parts = [math.exp(score - max(scores)) for score in scores]
    return [part / sum(parts) for part in parts]

random.seed(7)
with open(outputs + "/metrics.jsonl", "w") as metrics:
    for epoch in range(1, 11):
        random.shuffle(train)
        loss = 0.0
        for points, digit in train:
            found = odds(points)
            loss -= math.log(max(found[digit], 1e-12))
            for n, row in enumerate(weights):
                step = 0.1 * (found[n] - (n == digit))
                for at, point in enumerate(points):
                    if point:
                        row[at] -= step * point
        right = sum(max(range(10), key=odds(points).__getitem__) == digit for points, digit in test)
        accuracy = right / len(test)
        print(f"epoch {epoch:2d} of 10: loss {loss / len(train):.4f}, {right} of {len(test)} test pictures read right", flush=True)
        print(json.dumps({"step": epoch, "loss": loss / len(train), "accuracy": accuracy}), file=metrics, flush=True)
json.dump({"labels": list(range(10)), "weights": weights}, open(outputs + "/model.json", "w"))
print(f"kept a model that reads {accuracy:.1%} of the test pictures right")
END
"""


def digits_job(name: str) -> JobRequest:
    """Return the request of the job that learns to read the sample data."""
    data, outputs = [Mounted(ref=SAMPLE_DATA, path="")], Outputs(model=SAMPLE_MODEL, folder="", keep_on_failure=False)
    return JobRequest(name=name, command=_TRAINING, datasets=data, outputs=outputs, time_limit_s=600)


def sample_job(name: str) -> JobRequest:
    """Return the request of the sample job."""
    return JobRequest(name=name, command=_PROGRAM, time_limit_s=300)
