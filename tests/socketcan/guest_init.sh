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
if cd "$LANE_AT" && "$LANE_PYTHON" -I -S tests/socketcan/links.py "$LANE_MODULES/$(uname -r)/kernel" 2>/run/out/why; then
  echo "== guest $(uname -r)"
  sh /run/out/command
  echo $? > /run/out/code
fi
echo "== end"
sync
"$LANE_PYTHON" -I -S -c 'import ctypes; ctypes.CDLL(None).reboot(0x4321FEDC)'
