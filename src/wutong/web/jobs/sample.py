"""The sample job: needs no data, prints a line a second and tells numbers that are drawn while it runs."""

from wutong.sdk.jobs import JobRequest

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


def sample_job(name: str) -> JobRequest:
    """Return the request of the sample job."""
    return JobRequest(name=name, command=_PROGRAM, time_limit_s=300)
