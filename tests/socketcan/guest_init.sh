#!/bin/sh
# First process of the User Mode Linux guest that tests/socketcan/__main__.py boots: mounts, devices, CAN modules, one
# virtual bus, the command, power off. The host's files are the root, read-only; /run/out is the window back.
# From the kernel's command line: LANE_OUT (host folder), LANE_MODULES, LANE_AT (where to run), LANE_PYTHON.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/run/tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs run /run
mkdir -p /run/tmp /run/out
mount -t tmpfs dev /dev
while read -r name major minor; do mknod -m 666 "/dev/$name" c "$major" "$minor"; done <<DEVICES
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
ptmx 5 2
DEVICES
ln -s /proc/self/fd /dev/fd
mkdir /dev/pts /dev/shm
mount -t devpts -o ptmxmode=666 devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t hostfs out /run/out -o "$LANE_OUT"
# can-dev before its users; finit_module(2) because not every root has insmod
"$LANE_PYTHON" - "$LANE_MODULES/$(uname -r)/kernel" <<'LOAD'
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
for name in ("net/can/can", "net/can/can-raw", "net/can/can-bcm", "drivers/net/can/dev/can-dev", "drivers/net/can/vcan"):
    with open(f"{sys.argv[1]}/{name}.ko", "rb") as module:
        if libc.syscall(313, module.fileno(), b"", 0):
            print("module", name, os.strerror(ctypes.get_errno()))
LOAD
ip link set lo up
ip link add dev vcan0 type vcan
ip link set vcan0 mtu 72 up
cd "$LANE_AT" || exit 1
echo "== guest $(uname -r)"
sh /run/out/command
echo $? > /run/out/code
echo "== end"
sync
"$LANE_PYTHON" -c 'import ctypes; ctypes.CDLL(None).reboot(0x4321FEDC)'
