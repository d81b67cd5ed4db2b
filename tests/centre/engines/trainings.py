"""Small programs that train on several ranks: nothing but the standard library, and the environment that the engine gives them."""

ALL_REDUCE = """
import os, socket, time
rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])

def all_reduce(value):
    if rank:
        for _ in range(400):
            try:
                other = socket.create_connection(place)
                break
            except OSError:
                time.sleep(0.05)
        with other:
            other.sendall(value.to_bytes(8, "big"))
            return int.from_bytes(other.recv(8, socket.MSG_WAITALL), "big")
    with socket.create_server(place, backlog=world) as server:
        others = [server.accept()[0] for _ in range(world - 1)]
        value += sum(int.from_bytes(other.recv(8, socket.MSG_WAITALL), "big") for other in others)
        for other in others:
            other.sendall(value.to_bytes(8, "big"))
            other.close()
    return value
"""

SUM = (
    ALL_REDUCE
    + """
print("sum", all_reduce(10 ** rank), "devices", os.environ["WUTONG_VISIBLE_DEVICES"], flush=True)
"""
)

FAILS = """
import os, sys, time
if os.environ["RANK"] == os.environ.get("FAULTY", "3"):
    sys.exit(7)
time.sleep(60)
"""

FAILS_ONCE = """
import os, pathlib, sys, time
saved = pathlib.Path(os.environ["WUTONG_CHECKPOINT"], "saved")
if saved.exists():
    print("goes on from", saved.read_text(), flush=True)
elif os.environ["RANK"] == "1":
    saved.write_text("step 5")
    sys.exit(9)
else:
    time.sleep(60)
"""

SAVES = """
import os, pathlib, signal, sys, time
rank = os.environ["RANK"]
saved = pathlib.Path(os.environ["WUTONG_CHECKPOINT"], "rank-" + rank)

def save(*_):
    saved.write_text("saved")
    print("saved", rank, flush=True)
    sys.exit(0)

signal.signal(signal.SIGUSR1, save)
earlier = saved.exists()
saved.write_text("step 1")
print("ready", rank, "earlier", earlier, flush=True)
time.sleep(60)
"""


def python(program):
    """Return the command that runs a program."""
    return ("/usr/bin/python3", "-c", program)
