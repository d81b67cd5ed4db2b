"""A seccomp filter for jobs, as BPF bytes: no new user name spaces, no tracing of the kernel, no keyrings, no mounts. Pure.

Everything else is allowed. `clone3` answers "not implemented", because its flags lie in memory where a filter cannot look; libc then uses `clone`.
"""

import errno
import functools
import platform
import struct

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE3 = 435
_NEW_USER = 0x10000000
_BARRED: dict[str, tuple[int, ...]] = {
    # add_key, request_key, keyctl, bpf, perf_event_open, userfaultfd, kexec_load, init_module, finit_module, mount, umount2, pivot_root, setns,
    # open_by_handle_at, move_mount, fsopen, open_tree, io_uring_setup
    "x86_64": (248, 249, 250, 321, 298, 323, 246, 175, 313, 165, 166, 155, 308, 304, 429, 430, 428, 425),
    "aarch64": (217, 218, 219, 280, 241, 282, 104, 105, 273, 40, 39, 41, 268, 265, 429, 430, 428, 425),
}
_CLONE = {"x86_64": 56, "aarch64": 220}
_UNSHARE = {"x86_64": 272, "aarch64": 97}
_OTHER_ABI = 0x40000000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000


@functools.cache
def program(machine: str = platform.machine()) -> bytes:
    """Return the filter for a kind of processor, or nothing where the numbers are not known."""
    if machine not in _ARCHITECTURES:
        return b""
    deny, missing, allow = _FAIL | errno.EPERM, _FAIL | errno.ENOSYS, _ALLOW
    # Other ABIs (32 bit, x32) have other numbers, so all their calls fail.
    code = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _ARCHITECTURES[machine]), (_RETURN, 0, 0, missing), (_LOAD, 0, 0, 0)]
    code += [(_AT_LEAST, 0, 1, _OTHER_ABI), (_RETURN, 0, 0, missing)]
    code += [(_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, missing)]
    for number in _BARRED[machine]:
        code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, deny)]
    for number in (_CLONE[machine], _UNSHARE[machine]):
        code += [(_EQUAL, 0, 4, number), (_LOAD, 0, 0, 16), (_ANY_BIT, 0, 1, _NEW_USER), (_RETURN, 0, 0, deny), (_RETURN, 0, 0, allow)]
    code.append((_RETURN, 0, 0, allow))
    return b"".join(struct.pack("=HBBI", *line) for line in code)
