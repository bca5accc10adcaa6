"""What a process may do, as the kernel says it of another one."""

import ctypes
import dataclasses
import os
import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAPBSET_READ, _PR_CAPBSET_DROP = 23, 24
_PR_SET_NO_NEW_PRIVS = 38
#: _LINUX_CAPABILITY_VERSION_3: two words for each set.
_VERSION = 0x20080522

_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclasses.dataclass(frozen=True)
class Privileges:
    """:ivar uids: real, effective, saved; likewise ``gids``.
    :ivar inheritable: capabilities as bits; likewise the others.
    """

    uids: tuple[int, int, int]
    gids: tuple[int, int, int]
    groups: tuple[int, ...]
    inheritable: int
    permitted: int
    effective: int
    bounding: int

    @classmethod
    def of(cls, status: str) -> "Privileges":
        """:param status: text of ``/proc/PID/status``."""
        fields = dict(
            line.split(":", 1) for line in status.splitlines() if ":" in line
        )
        uids = tuple(map(int, fields["Uid"].split()))
        gids = tuple(map(int, fields["Gid"].split()))
        return cls(
            uids=(uids[0], uids[1], uids[2]),
            gids=(gids[0], gids[1], gids[2]),
            groups=tuple(map(int, fields["Groups"].split())),
            inheritable=int(fields["CapInh"], 16),
            permitted=int(fields["CapPrm"], 16),
            effective=int(fields["CapEff"], 16),
            bounding=int(fields["CapBnd"], 16),
        )

    def take(self) -> None:
        """Have these and no others, for good; end with the parent.

        :raises OSError: some cannot be had.
        """
        for capability in range(64):
            if self.bounding >> capability & 1:
                continue
            if _LIBC.prctl(_PR_CAPBSET_READ, capability, 0, 0, 0) > 0:
                _prctl(_PR_CAPBSET_DROP, capability)
        # else another user than root would lose those it may keep
        _prctl(_PR_SET_KEEPCAPS, 1)
        os.setgroups(self.groups)
        os.setresgid(*self.gids)
        os.setresuid(*self.uids)
        self._capset()
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        # after the change of the user, which takes it back
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def _capset(self) -> None:
        head = (ctypes.c_uint32 * 2)(_VERSION, 0)
        sets = (self.effective, self.permitted, self.inheritable)
        words = (ctypes.c_uint32 * 6)(
            *(bits & 0xFFFFFFFF for bits in sets),
            *(bits >> 32 for bits in sets),
        )
        _checked(_LIBC.capset(head, words))


def _prctl(option: int, value: int) -> None:
    _checked(_LIBC.prctl(option, value, 0, 0, 0))


def _checked(answer: int) -> None:
    if answer != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def join_namespace(fd: int) -> None:
    """Live in a namespace from now on; closes ``fd``.

    :raises OSError: it cannot be joined.
    """
    try:
        _checked(_LIBC.setns(fd, 0))
    finally:
        os.close(fd)
