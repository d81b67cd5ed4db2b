"""A tenant's first job: from sign-up to the bill, on the 1,797 handwritten digits that ship inside scikit-learn.

The same Python that the job trains in plays the tenant's laptop: it exports the images, and runs the model that is pulled back.
"""

import subprocess
from pathlib import Path

from story import HERE, Stage, found_tenant, opened, options, settle_up

CODE = HERE / "digits" / "code"


def main() -> None:
    """Tell the story."""
    with opened(options(__doc__), slots=4) as stage:
        found_tenant(stage, "Wuhan Digits Technology Co., Ltd.", yuan="100")
        stage.say("It looks at what there is to buy")
        stage.run("flavors")
        python = environment_python(stage)
        images = stage.folder / "digits"
        stage.say("It has 1,797 images of handwritten digits, and pushes them as a data set")
        here(python, HERE / "digits" / "export.py", images)
        stage.run("data", "push", str(images), "--name", "digits", "--licence", "CC-BY-4.0")
        stage.run("data", "push", str(images), "--name", "digits")
        stage.say("It submits a training job: its code folder, its data set, a model to be made; and watches")
        job = ["--name", "train digits", "--code", str(CODE), "--command", "python train.py", "--environment", "sklearn"]
        money = ["--flavor", "cpu.2", "--time-limit", "600", "--data", "digits", "--model", "digits-net"]
        stage.run("job", "submit", *job, *money, "--yes", "--watch")
        job_id = stage.ask("job", "ls")[0]["id"]
        stage.run("job", "show", job_id)
        stage.say("It owns the model: pulls it, and runs it on images that training never saw")
        stage.run("model", "show", "digits-net")
        stage.run("model", "pull", "digits-net", str(stage.folder / "digits-net"))
        here(python, CODE / "evaluate.py", stage.folder / "digits-net" / "digits.npz", images)
        settle_up(stage, job_id)


def environment_python(stage: Stage) -> Path:
    """Wait until the centre has built the environment `sklearn`, and return its interpreter."""
    stage.say("The environment `sklearn` is built, once")
    stage.run("env", "build", "sklearn", "--wait")
    return next((stage.centre.home / "environments").glob("sklearn-*/bin/python"))


def here(python: Path, script: Path, *arguments: Path) -> None:
    """Run one of the tenant's own scripts on the tenant's own machine."""
    print(f"$ python {script.name} {' '.join(map(str, arguments))}", flush=True)
    subprocess.run([python, script, *arguments], check=True)


if __name__ == "__main__":
    main()
