"""Land cover from satellite tiles: a small U-Net trained for some minutes on two processors, one whole tile held out, IoU by class.

The folder holds `<tile>/images/*.jpg` with `<tile>/masks/*.png`.
"""

from pathlib import Path

from story import HERE, found_tenant, opened, options, settle_up

CODE = HERE / "land_cover" / "code"


def main() -> None:
    """Tell the story."""
    data = ("data", {"type": Path, "help": "folder with the tiles"})
    minutes = ("--minutes", {"type": float, "default": 10.0, "help": "how long to train"})
    hold_out = ("--hold-out", {"default": "Tile 5", "help": "tile that training never sees"})
    chosen = options(__doc__, data, minutes, hold_out)
    if not list(chosen.data.glob("*/images/*.jpg")):
        raise SystemExit(f"There are no tiles in {chosen.data}: expected <tile>/images/*.jpg with <tile>/masks/*.png.")
    with opened(chosen, slots=4) as stage:
        found_tenant(stage, "Wuhan Remote Sensing Institute", yuan="500")
        stage.say("The environment `torch-cpu` is built, once")
        stage.run("env", "build", "torch-cpu", "--wait")
        stage.say("It pushes its satellite tiles as a data set")
        stage.run("data", "push", str(chosen.data), "--name", "tiles", "--licence", "CC0-1.0")
        stage.say(f"It trains for {chosen.minutes:g} minutes, holding {chosen.hold_out} out; a stop would save a checkpoint")
        command = f"python train.py --minutes {chosen.minutes:g} --hold-out '{chosen.hold_out}'"
        job = ["--name", "land cover", "--code", str(CODE), "--command", command, "--environment", "torch-cpu"]
        limit = str(int(chosen.minutes * 60) + 1800)
        money = ["--flavor", "cpu.4", "--time-limit", limit, "--data", "tiles", "--model", "land-cover"]
        stage.run("job", "submit", *job, *money, "--yes", "--watch")
        job_id = stage.ask("job", "ls")[0]["id"]
        stage.run("job", "show", job_id)
        stage.say("It owns the model")
        stage.run("model", "pull", "land-cover", str(stage.folder / "land-cover"))
        settle_up(stage, job_id)


if __name__ == "__main__":
    main()
