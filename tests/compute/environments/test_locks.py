"""A tenant's lock holds pinned, hashed wheels and nothing else."""

import pytest

from wutong.compute.environments import service
from wutong.compute.environments.rules import check_lock, check_name, lock_digest
from wutong.kit.errors import Invalid

HASH = "--hash=sha256:" + "0a" * 32


@pytest.mark.parametrize(
    "lock",
    [
        "",
        f"numpy==2.3.5 {HASH}\n",
        f"numpy==2.3.5 \\\n    {HASH} \\\n    {HASH}\n",
        f"# made by hand\nuvicorn[standard]==0.30.1 {HASH}  # with extras\n",
        f"tomli==2.0.1 ; python_version < '3.11' \\\n    {HASH}\n",
    ],
)
def test_good_locks(lock):
    assert check_lock(lock) == lock


@pytest.mark.parametrize(
    "lock",
    [
        "numpy==2.3.5",
        f"numpy>=2 {HASH}",
        f"numpy==2.* {HASH}",
        f"numpy {HASH}",
        f"numpy @ https://example.org/numpy.whl {HASH}",
        "-r other.txt",
        "--index-url https://example.org/simple",
        "-e .",
        f"./numpy.whl {HASH}",
        "numpy==2.3.5 --hash=md5:0123",
        f"numpy==2.3.5 {HASH} --config-settings=x=y",
        f"numpy==2.3.5 \\\n    {HASH}\n--extra-index-url https://example.org",
    ],
)
def test_bad_locks_say_how_to_make_a_good_one(lock):
    with pytest.raises(Invalid, match="generate-hashes"):
        check_lock(lock)


def test_a_huge_lock_is_refused():
    with pytest.raises(Invalid, match="1 MiB"):
        check_lock("#" * (2**20 + 1))


@pytest.mark.parametrize("name", ["", "../x", "a/b", "Upper", "a" * 49, ".hidden"])
def test_bad_names(name):
    with pytest.raises(Invalid):
        check_name(name)


def test_comments_do_not_make_a_new_version_but_the_interpreter_does():
    lock = f"numpy==2.3.5 {HASH}\n"
    assert lock_digest(lock, "3.11") == lock_digest("# words\n\n" + lock, "3.11")
    assert lock_digest(lock, "3.11") != lock_digest(lock, "3.12")


@pytest.mark.parametrize("name", ["python-3.11", "sklearn"])
def test_shipped_locks_are_pinned_and_hashed(name):
    check_lock(service.shipped_lock(name))


def test_the_shipped_torch_is_the_cpu_build_and_all_beside_it_is_hashed():
    lines = service.shipped_lock("torch-cpu").splitlines()
    assert "torch==2.13.0+cpu" in lines
    check_lock("\n".join(line for line in lines if not line.startswith("torch==")))
