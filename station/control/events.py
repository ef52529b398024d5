"""Everything that can happen, as data: its effect on the arm and the sentences that a person reads, in zh and en.

Effects rest on one rule (docs/decisions/stop-categories.md): an arm without brakes drops when it is switched off, so
a fault of the leader, the station or a person stops it and holds it where it is; a fault of the arm itself, whose hold
can not be trusted, switches it off.

One table in one file, however long: what the arm does and what a person is told of it are judged side by side.
"""

from __future__ import annotations

from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class Effect(IntEnum):
    """What an event does, the harder the higher."""

    NONE = 0
    TAG = 1
    """Recorded with the tick; a running repetition is tagged or rejected. The arm goes on."""
    HOLD = 2
    """Brake, hold. Following again needs a fresh engagement by a person."""
    STOP = 3
    """Brake, then hold in place; latched until a person resets."""
    STOP_OFF = 4
    """Brake, then switch the motors off; latched."""
    OFF = 5
    """Switch the motors off at once; latched."""


class Severity(IntEnum):
    INFO = 0
    WARNING = 1
    ALARM = 2


class Sentences(NamedTuple):
    cause: str
    consequence: str
    action: str


class Event(NamedTuple):
    name: str
    effect: Effect
    severity: Severity
    en: Sentences
    zh: Sentences


_TAG, _HOLD, _STOP, _STOP_OFF, _OFF = Effect.TAG, Effect.HOLD, Effect.STOP, Effect.STOP_OFF, Effect.OFF
_INFO, _WARNING, _ALARM = Severity.INFO, Severity.WARNING, Severity.ALARM

_TABLE: Final[tuple[tuple[str, Effect, Severity, tuple[str, str, str], tuple[str, str, str]], ...]] = (
    # -- the leader as a whole
    (
        "leader_stale",
        _HOLD,
        _WARNING,
        ("exoskeleton data is late", "robot holds", "keep still, then press SPACE / pedal to go on"),
        ("外骨骼数据延迟", "机器人保持不动", "站稳，按空格 / 踏板继续"),
    ),
    (
        "leader_silent",
        _STOP,
        _ALARM,
        ("exoskeleton is silent", "robot stopped, holds", "check its cable and power, then reset"),
        ("外骨骼无数据", "机器人已停止并保持", "检查线缆和电源，再复位"),
    ),
    (
        "leader_error",
        _STOP,
        _ALARM,
        ("exoskeleton is unplugged or failed", "robot stopped, holds", "plug it in again, then reset"),
        ("外骨骼断开或故障", "机器人已停止并保持", "重新插好，再复位"),
    ),
    (
        "leader_restarted",
        _STOP,
        _ALARM,
        ("exoskeleton restarted or its clock jumped", "robot stopped, holds", "check the zero pose, then reset"),
        ("外骨骼重启或时钟跳变", "机器人已停止并保持", "核对零位，再复位"),
    ),
    (
        "samples_lost",
        _TAG,
        _WARNING,
        ("exoskeleton samples lost", "this repetition may be rejected", "if it recurs, call the technician: cable"),
        ("外骨骼数据丢失", "本次动作可能作废", "反复出现请呼叫技师查线缆"),
    ),
    # -- one joint of the leader
    (
        "joint_rejected",
        _TAG,
        _INFO,
        ("one encoder reading rejected", "last good reading used", "if it recurs, call the technician: cable"),
        ("单个编码器读数无效", "沿用上一读数", "反复出现请呼叫技师查线缆"),
    ),
    (
        "joint_stale",
        _HOLD,
        _WARNING,
        ("encoder has no good reading", "robot holds", "keep still, then press SPACE / pedal to go on"),
        ("编码器无有效读数", "机器人保持不动", "站稳，按空格 / 踏板继续"),
    ),
    (
        "joint_lost",
        _STOP,
        _ALARM,
        ("encoder lost", "robot stopped, holds", "technician: turn this joint both ways, check its cable"),
        ("编码器失联", "机器人已停止并保持", "技师：来回转动该关节，检查模块和线缆"),
    ),
    (
        "joint_out_of_range",
        _STOP,
        _ALARM,
        ("encoder reads outside its travel", "robot stopped, holds", "technician: check zero and mounting"),
        ("编码器读数超出行程", "机器人已停止并保持", "技师：检查零位和安装"),
    ),
    (
        "joint_frozen",
        _STOP,
        _ALARM,
        (
            "encoder frozen while others move",
            "robot stopped, holds",
            "technician: turn it slowly or replug; check its module",
        ),
        ("编码器读数卡死", "机器人已停止并保持", "技师：慢转该关节或重新插拔外骨骼；检查模块"),
    ),
    (
        "chain_broken",
        _STOP,
        _ALARM,
        ("encoder chain broken", "robot stopped, holds", "technician: check that module and the cable to it"),
        ("编码器链路中断", "机器人已停止并保持", "技师：检查该模块及其前段线缆"),
    ),
    # -- the arm
    (
        "arm_stale",
        _STOP_OFF,
        _ALARM,
        (
            "motor does not answer",
            "robot switched off; the arm may drop",
            "support the arm; technician: motor, cable; reset",
        ),
        ("电机无应答", "机器人已断电，手臂可能下落", "托住手臂；技师：检查电机和线缆，再复位"),
    ),
    (
        "bus_silent",
        _STOP_OFF,
        _ALARM,
        (
            "no motor of a bus answers",
            "robot switched off; the arm may drop",
            "support the arm; technician: power, adapter; reset",
        ),
        ("整条总线的电机均无应答", "机器人已断电，手臂可能下落", "托住手臂；技师：检查供电和适配器，再复位"),
    ),
    (
        "motor_fault",
        _STOP_OFF,
        _ALARM,
        (
            "motor reports a fault",
            "robot switched off; the arm may drop",
            "support the arm; technician: see fault; reset",
        ),
        ("电机报告故障", "机器人已断电，手臂可能下落", "托住手臂；技师处理故障后复位"),
    ),
    (
        "motor_off",
        _STOP_OFF,
        _ALARM,
        (
            "motor switched itself off",
            "robot switched off; the arm may drop",
            "support the arm; check its supply; reset",
        ),
        ("电机自行断电", "机器人已断电，手臂可能下落", "托住手臂；检查供电后复位"),
    ),
    (
        "motor_frozen",
        _STOP_OFF,
        _ALARM,
        (
            "motor's answers do not change while it moves",
            "robot switched off; the arm may drop",
            "support the arm; technician: check the motor; reset",
        ),
        ("电机反馈卡死", "机器人已断电，手臂可能下落", "托住手臂；技师检查电机后复位"),
    ),
    (
        "motor_warm",
        Effect.NONE,
        _WARNING,
        ("motor is warm", "robot goes on", "take a rest soon; let the motor cool"),
        ("电机温度偏高", "机器人继续运行", "尽快休息，让电机冷却"),
    ),
    (
        "motor_slow",
        Effect.NONE,
        _WARNING,
        ("motor is hot", "robot goes slowly until it aligns anew", "pause, let it cool, then press SPACE / pedal"),
        ("电机很热", "机器人低速跟随，重新对位后恢复", "先暂停让电机冷却，再按空格 / 踏板"),
    ),
    (
        "motor_hot",
        _STOP_OFF,
        _ALARM,
        ("motor is too hot", "robot switched off; the arm may drop", "support the arm; let it cool, then reset"),
        ("电机过热", "机器人已断电，手臂可能下落", "托住手臂；冷却后复位"),
    ),
    (
        "motor_loaded",
        Effect.NONE,
        _WARNING,
        ("motor works near its limit", "robot goes on", "move back: something may be in the arm's way"),
        ("电机负载接近上限", "机器人继续运行", "往回移动：手臂可能碰到东西"),
    ),
    (
        "motor_loaded_slow",
        Effect.NONE,
        _WARNING,
        ("motor works at its limit", "robot goes slowly until it aligns anew", "move back; look what is in its way"),
        ("电机负载已到上限", "机器人低速跟随，重新对位后恢复", "往回移动，检查阻挡物"),
    ),
    (
        "motor_overloaded",
        _STOP_OFF,
        _ALARM,
        (
            "motor presses with all its force",
            "robot switched off; the arm may drop",
            "support the arm; clear what is in its way; reset",
        ),
        ("电机已用尽全力顶住", "机器人已断电，手臂可能下落", "托住手臂；移开阻挡物后复位"),
    ),
    (
        "arm_error",
        _OFF,
        _ALARM,
        (
            "robot link failed",
            "robot switched off; the arm may drop",
            "support the arm; technician: adapter, cable; reset",
        ),
        ("机器人通信故障", "机器人已断电，手臂可能下落", "托住手臂；技师：检查总线适配器和线缆，再复位"),
    ),
    (
        "bus_off",
        _OFF,
        _ALARM,
        (
            "robot bus is off",
            "robot switched off; the arm may drop",
            "support the arm; technician: bus wiring; reset",
        ),
        ("机器人总线关闭", "机器人已断电，手臂可能下落", "托住手臂；技师：检查总线接线和终端电阻，再复位"),
    ),
    (
        "bus_recovered",
        _TAG,
        _WARNING,
        ("robot bus is back after it was off", "nothing moves by itself", "technician: check wiring and termination"),
        ("机器人总线关闭后已恢复", "不会自动恢复运动", "技师：检查总线接线和终端电阻"),
    ),
    (
        "bus_errors",
        _TAG,
        _WARNING,
        ("robot bus errors are rising", "robot goes on", "technician: check bus wiring and termination"),
        ("机器人总线错误增多", "机器人继续运行", "技师：检查总线接线和终端电阻"),
    ),
    (
        "send_queue_full",
        _STOP_OFF,
        _ALARM,
        (
            "robot bus takes no more commands",
            "robot switched off; the arm may drop",
            "support the arm; technician: check bus; reset",
        ),
        ("机器人总线发送堵塞", "机器人已断电，手臂可能下落", "托住手臂；技师：检查总线，再复位"),
    ),
    (
        "gate_refused",
        _OFF,
        _ALARM,
        (
            "unsafe command refused",
            "robot switched off; the arm may drop",
            "support the arm; call the technician; keep the log",
        ),
        ("不安全指令被拦截", "机器人已断电，手臂可能下落", "托住手臂；呼叫技师并保留日志"),
    ),
    (
        "outside_travel",
        _OFF,
        _ALARM,
        (
            "a joint stands outside its travel",
            "robot stays switched off",
            "support the arm; move joint in; reset; technician: zero",
        ),
        ("有关节停在行程之外", "机器人保持断电", "托住手臂；用手移回行程内，复位；技师核对零位"),
    ),
    (
        "zero_mismatch",
        _STOP,
        _ALARM,
        ("zeros of exoskeleton and robot disagree", "robot stopped, holds", "technician: check both zeros, reset"),
        ("外骨骼与机器人零位不符", "机器人已停止并保持", "技师：核对两侧零位后复位"),
    ),
    # -- the station
    (
        "loop_gap",
        _TAG,
        _WARNING,
        ("control loop was late", "robot goes on", "if it recurs, close other programs"),
        ("控制循环延迟", "机器人继续运行", "反复出现请关闭其他程序"),
    ),
    (
        "loop_gap_stop",
        _STOP,
        _ALARM,
        ("control loop was far too late", "robot stopped, holds", "close other programs, then reset"),
        ("控制循环严重延迟", "机器人已停止并保持", "关闭其他程序，再复位"),
    ),
    (
        "supervisor_stop",
        _OFF,
        _ALARM,
        (
            "control process stood still",
            "supervisor switched the robot off",
            "support the arm; end the shift; call the technician",
        ),
        ("控制程序停住不动", "监督进程已让机器人断电", "托住手臂；结束班次，呼叫技师"),
    ),
    (
        "supervisor_lost",
        _HOLD,
        _ALARM,
        ("supervisor does not watch any more", "robot holds", "restart the station"),
        ("监督进程已失效", "机器人保持不动", "重新启动工作站"),
    ),
    (
        "no_supervisor",
        _HOLD,
        _INFO,
        ("supervisor is still starting", "robot holds", "wait a moment"),
        ("监督进程正在启动", "机器人保持不动", "请稍候"),
    ),
    (
        "stopping_slow",
        _OFF,
        _ALARM,
        (
            "robot did not come to rest in time",
            "robot switched off; the arm may drop",
            "support the arm; call the technician",
        ),
        ("机器人未及时停住", "机器人已断电，手臂可能下落", "托住手臂；呼叫技师"),
    ),
    (
        "session_lost",
        _HOLD,
        _ALARM,
        ("recorder stopped", "robot holds; nothing is recorded", "restart the station"),
        ("记录进程停止", "机器人保持不动，无记录", "重新启动工作站"),
    ),
    (
        "no_session",
        _HOLD,
        _INFO,
        ("recorder is still starting", "robot holds", "wait a moment"),
        ("记录进程正在启动", "机器人保持不动", "请稍候"),
    ),
    (
        "screen_lost",
        _HOLD,
        _WARNING,
        ("screen in charge is gone", "robot holds", "open the screen again, press SPACE / pedal to go on"),
        ("操作屏幕断开", "机器人保持不动", "重新打开屏幕，按空格 / 踏板继续"),
    ),
    (
        "no_screen",
        _HOLD,
        _INFO,
        ("no screen is in charge yet", "robot holds", "open a screen"),
        ("尚无操作屏幕", "机器人保持不动", "请打开屏幕"),
    ),
    (
        "records_lost",
        _TAG,
        _ALARM,
        ("recorder missed ticks", "this repetition is rejected", "if it recurs, close other programs"),
        ("记录有丢失", "本次动作作废", "反复出现请关闭其他程序"),
    ),
    (
        "disk_low",
        _TAG,
        _WARNING,
        ("disk is nearly full", "work goes on", "technician: upload or move old records"),
        ("磁盘空间不足", "可继续工作", "技师：上传或转移旧记录"),
    ),
    (
        "disk_full",
        _HOLD,
        _ALARM,
        ("disk is full", "robot holds; nothing is recorded", "technician: make room"),
        ("磁盘已满", "机器人保持不动，无记录", "技师：清理磁盘"),
    ),
    (
        "clock_step",
        _TAG,
        _WARNING,
        ("computer's time of day jumped", "records tell it; work goes on", "technician: check time synchronisation"),
        ("系统时间跳变", "已记录，可继续工作", "技师：检查时间同步"),
    ),
    # -- people
    (
        "estop",
        _STOP_OFF,
        _ALARM,
        (
            "emergency stop pressed",
            "robot switched off; the arm may drop",
            "support the arm; clear cause; release button; reset",
        ),
        ("急停已按下", "机器人已断电，手臂可能下落", "托住手臂；排除原因，松开急停，再复位"),
    ),
    (
        "enable_released",
        _STOP,
        _ALARM,
        (
            "enable switch released",
            "robot stopped, holds",
            "reset, hold its middle, press SPACE / pedal",
        ),
        ("使能开关已松开", "机器人已停止并保持", "复位，握住中间位置，按空格 / 踏板"),
    ),
    (
        "enable_pressed_through",
        _STOP,
        _ALARM,
        (
            "enable switch pressed through: hand clenched",
            "robot stopped, holds",
            "is everybody well? let go; reset; grip its middle",
        ),
        ("使能开关按到底：手握紧了", "机器人已停止并保持", "确认人员无恙；松开开关，复位，再握中间位置"),
    ),
    (
        "enable_stale",
        _STOP,
        _ALARM,
        ("enable switch not heard", "robot stopped, holds", "check the exoskeleton's cable, then reset"),
        ("使能开关信号丢失", "机器人已停止并保持", "检查外骨骼线缆，再复位"),
    ),
    (
        "operator_hold",
        _HOLD,
        _INFO,
        ("paused by you", "robot holds", "press SPACE / pedal to go on"),
        ("您已暂停", "机器人保持不动", "按空格 / 踏板继续"),
    ),
    (
        "operator_stop",
        _STOP,
        _WARNING,
        ("stop requested", "robot stopped, holds", "reset when it is safe"),
        ("已请求停止", "机器人已停止并保持", "确认安全后复位"),
    ),
    (
        "engage_released",
        _HOLD,
        _INFO,
        ("let go while aligning", "robot holds", "press SPACE and wait until it follows"),
        ("对位时松开", "机器人保持不动", "按空格，等到机器人开始跟随"),
    ),
    (
        "engage_elsewhere",
        Effect.NONE,
        _WARNING,
        (
            "another screen asks the robot to follow too",
            "only the one that began counts",
            "let go of SPACE / pedal there",
        ),
        ("另一屏幕也在请求跟随", "仅先开始的一方有效", "请松开另一方的空格 / 踏板"),
    ),
    (
        "align_timeout",
        _HOLD,
        _WARNING,
        ("alignment took too long", "robot holds", "take the robot's pose, stand still, press SPACE / pedal"),
        ("对位超时", "机器人保持不动", "摆成机器人姿势并站稳，按空格 / 踏板"),
    ),
    # -- where the arms may be
    (
        "workspace_limit",
        _HOLD,
        _WARNING,
        ("robot reached the edge of its space", "robot holds", "move back inside, then press SPACE / pedal to go on"),
        ("机器人到达工作区边界", "机器人保持不动", "退回工作区内，按空格 / 踏板继续"),
    ),
    (
        "arms_too_near",
        _HOLD,
        _WARNING,
        ("robot's arms came too near each other", "robot holds", "move your arms apart, press SPACE / pedal to go on"),
        ("机器人双臂过近", "机器人保持不动", "双臂分开，按空格 / 踏板继续"),
    ),
    (
        "arm_apart",
        _STOP_OFF,
        _ALARM,
        (
            "robot is not where it was told to be",
            "robot switched off; the arm may drop",
            "support the arm, free it; check load, zero; reset",
        ),
        ("机器人未到达指令位置", "机器人已断电，手臂可能下落", "托住手臂；解除卡阻，检查负载和零位后复位"),
    ),
    (
        "control_lost",
        _OFF,
        _ALARM,
        (
            "control process ended or hangs",
            "motors switched off by themselves",
            "support the arm; end the shift; call the technician",
        ),
        ("控制程序已退出或卡死", "电机已自行断电", "托住手臂；结束班次，呼叫技师"),
    ),
    (
        "shutdown",
        _STOP_OFF,
        _INFO,
        ("station is shutting down", "robot stops and switches off", "support the arm"),
        ("工作站正在关闭", "机器人停止并断电", "托住手臂"),
    ),
)

EVENTS: Final = MappingProxyType(
    {name: Event(name, effect, severity, Sentences(*en), Sentences(*zh)) for name, effect, severity, en, zh in _TABLE}
)

EFFECTS: Final = {name: event.effect for name, event in EVENTS.items()}


def effect_of(name: str) -> Effect:
    """The event's effect; of a name that the table does not know: stop."""
    return EFFECTS.get(name, Effect.STOP)
