"""The safety code that mutation tests and branch coverage look at, and for each module the tests that hold it.

Only tests within one process and without waiting: each of them runs against each mutant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Target:
    module: str
    tests: tuple[str, ...]
    again: tuple[str, ...] = ()
    """Modules that made something of this one while they were imported, and must do so again."""
    without: tuple[str, ...] = ()
    """Words of test names that are left out: they start processes or threads, or wait."""

    @property
    def arguments(self) -> list[str]:
        """For pytest."""
        words = f"not ({' or '.join(self.without)})" if self.without else ""
        return ["-q", "-p", "no:cacheprovider", "-o", "addopts=", "-k", words, *self.tests]


_EXO: Final = tuple(f"tests/unit/test_exo_{words}.py" for words in ("edges", "beyond", "frames", "iso_tp", "wire"))

_EXO_WORDS: Final = ("tests/unit/test_exo_generated.py", *_EXO)
_EXO_CLASSES: Final = ("short_messages", "cannot_carry", "_hello_of", "_the_rig_file_", "required_switch", "not_whole")
"""They hold on to messages of the classes before."""
_EXO_AGAIN: Final = tuple(f"firmware_bridge.exo_{words}" for words in ("messages", "codec", "sample", "can", "wire"))

_MODE: Final = tuple(
    f"tests/unit/test_mode{subject}.py" for subject in ("", "_engage", "_switches", "_enable", "_paths")
)

_LINK: Final = ("tests/unit/test_link_edges.py", "tests/unit/test_link.py")
_LINK_OTHERS: Final = ("another_process", "within_one_look", "another_users", "watcher", "comes_late")

TARGETS: Final = {
    # What moves, restrains or stops the arm
    "limit": Target(
        "station.control.limit",
        (
            "tests/unit/test_limiter.py",
            "tests/unit/test_limiter_hold.py",
            "tests/unit/test_limiter_restraint.py",
            "tests/unit/test_jerk.py",
            "tests/property/test_limiter.py",
        ),
    ),
    "jerk": Target(
        "station.control.jerk",
        tuple(f"tests/unit/test_{name}.py" for name in ("jerk_exact", "jerk_outline", "jerk", "smooth_braking")),
        again=("tests.unit.test_smooth_braking",),
    ),
    "target_motion": Target(
        "station.control.target_motion",
        tuple(f"tests/unit/test_{name}.py" for name in ("target_motion", "jerk_exact", "jerk")),
    ),
    "gate": Target(
        "drivers.gate",
        tuple(f"tests/unit/test_{words}.py" for words in ("gate", "gate_begin", "gate_bounds", "gate_held")),
    ),
    "mode": Target("station.control.mode", _MODE, again=("tests.unit.mode_run",)),
    "inputs": Target(
        "station.control.inputs",
        tuple(f"tests/unit/test_inputs{subject}.py" for subject in ("_bounds", "_clock", "_age", "")),
    ),
    "watch": Target(
        "station.control.watch",
        (
            "tests/unit/test_watch.py",
            "tests/unit/test_watch_edges.py",
            "tests/unit/test_watch_bounds.py",
            "tests/unit/test_begin.py",
            "tests/unit/test_zero_watch.py",
            "tests/unit/test_torque_watch.py",
        ),
    ),
    "torque_watch": Target("station.control.torque_watch", ("tests/unit/test_torque_watch.py",)),
    "bus_watch": Target("station.control.bus_watch", ("tests/unit/test_bus_watch.py",)),
    "gap_watch": Target("station.control.gap_watch", ("tests/unit/test_gap_watch.py",)),
    "links": Target("station.control.links", ("tests/unit/test_links.py", "tests/unit/test_links_pose.py")),
    "align": Target("station.control.align", ("tests/unit/test_align.py",)),
    "calibrate": Target("station.control.calibrate", ("tests/unit/test_calibrate.py",)),
    "retarget": Target("station.control.retarget", ("tests/unit/test_calibrate.py",)),
    "pace": Target("station.control.pace", ("tests/unit/test_pace.py",)),
    "reduced": Target("station.control.reduced", ("tests/unit/test_reduced.py",)),
    "workspace": Target("station.control.workspace", ("tests/unit/test_workspace.py",)),
    "chain": Target("station.control.chain", ("tests/unit/test_kinematics.py",)),
    "arm_bounds": Target(
        "station.control.arm_bounds",
        ("tests/unit/test_arm_bounds.py", "tests/unit/test_restraint.py", "tests/unit/test_restraint_smooth.py"),
    ),
    "braking": Target("station.control.braking", ("tests/unit/test_arm_bounds.py", "tests/unit/test_restraint.py")),
    "smooth_braking": Target("station.control.smooth_braking", ("tests/unit/test_smooth_braking.py",)),
    "restraint": Target(
        "station.control.restraint",
        tuple(
            f"tests/unit/test_restraint{subject}.py"
            for subject in ("_quick", "_starts", "_alone", "", "_space", "_smooth")
        ),
    ),
    "share_search": Target(
        "station.control.share_search", ("tests/unit/test_restraint_space.py", "tests/unit/test_restraint_smooth.py")
    ),
    "supervisor": Target("station.supervisor", ("tests/unit/test_supervisor.py",)),
    "intents": Target("station.link.intents", _LINK, without=_LINK_OTHERS),
    "ring": Target("station.link.ring", _LINK, without=_LINK_OTHERS),
    "damiao_arm": Target(
        "drivers.arms.damiao", ("tests/unit/test_damiao_frames.py", "tests/unit/test_damiao_switching_on.py")
    ),
    "ker_leader": Target("drivers.leaders.ker", ("tests/unit/test_ker_leader_bytes.py",)),
    "bus_lock": Target("drivers.bus_lock", ("tests/unit/test_bus_lock.py",)),
    # The codecs: bytes to numbers and back
    "ker": Target(
        "firmware_bridge.ker",
        tuple(f"tests/unit/test_ker_{words}.py" for words in ("edges", "codec", "stream_edges")),
        again=tuple(f"tests.unit.test_ker_{words}" for words in ("edges", "codec", "stream_edges")),
    ),
    "ker_stream": Target(
        "firmware_bridge.ker_stream", ("tests/unit/test_ker_stream_edges.py", "tests/unit/test_ker_stream.py")
    ),
    "damiao": Target("firmware_bridge.damiao", ("tests/unit/test_damiao_bytes.py", "tests/unit/test_damiao_codec.py")),
    "can_frame": Target("firmware_bridge.can_frame", ("tests/unit/test_can_frame.py",)),
    "framing": Target("firmware_bridge.framing", _EXO),
    "iso_tp": Target("firmware_bridge.iso_tp", _EXO),
    "exo_wire": Target("firmware_bridge.exo_wire", _EXO),
    "exo_terms": Target("firmware_bridge.exo_terms", _EXO_WORDS, again=_EXO_AGAIN, without=_EXO_CLASSES),
    "exo_fields": Target("firmware_bridge.exo_fields", _EXO_WORDS, again=_EXO_AGAIN, without=_EXO_CLASSES),
    "exo_messages": Target("firmware_bridge.exo_messages", _EXO_WORDS, again=_EXO_AGAIN[1:], without=_EXO_CLASSES),
    "exo_codec": Target("firmware_bridge.exo_codec", _EXO, again=("firmware_bridge.exo_wire",)),
    "exo_can": Target("firmware_bridge.exo_can", _EXO),
    "exo_sample": Target("firmware_bridge.exo_sample", _EXO),
    "handshake": Target(
        "firmware_bridge.handshake", ("tests/unit/test_exo_board_words.py", "tests/unit/test_exo_wire.py")
    ),
    "params": Target("firmware_bridge.params", ("tests/unit/test_exo_board_words.py", "tests/unit/test_exo_wire.py")),
}
