"""Runs a command with a terminal of its own and plays a script on it.

Standard input: JSON {"command": [...], "standard": bool, "steps": [[expected text, keys to type or null, signal or null]]}.
"standard" says whether the terminal is standard input and error too; output is always a pipe.
Standard output: JSON with what the terminal showed, the outputs, the exit code, and whether the terminal echoed at each
step and at the end.
"""
import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

TIMEOUT_S = 30
script = json.load(sys.stdin)
master, slave = pty.openpty()


def echoes():
    return bool(termios.tcgetattr(slave)[3] & termios.ECHO)


def become_session():
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)


child = subprocess.Popen(
    script["command"],
    stdin=slave if script["standard"] else subprocess.DEVNULL,
    stdout=subprocess.PIPE,
    stderr=slave if script["standard"] else subprocess.PIPE,
    preexec_fn=become_session,
    pass_fds=[slave],
)
shown = ""
seen = 0
echo = []
deadline = time.monotonic() + TIMEOUT_S


def read_some():
    global shown
    if select.select([master], [], [], 0.02)[0]:
        shown += os.read(master, 4096).decode("utf-8", "replace")


for expected, keys, signal_name in script["steps"]:
    while expected not in shown[seen:] and time.monotonic() < deadline and child.poll() is None:
        read_some()
    found = shown.find(expected, seen)
    seen = len(shown) if found < 0 else found + len(expected)
    # Nothing new is waited for: the program is given a moment to get to where it waits.
    if expected == "":
        time.sleep(0.5)
    echo.append(echoes())
    if keys is not None:
        os.write(master, keys.encode())
    if signal_name is not None:
        child.send_signal(getattr(signal, signal_name))

try:
    out, err = child.communicate(timeout=max(0.1, deadline - time.monotonic()))
    code = child.returncode
except subprocess.TimeoutExpired:
    child.kill()
    out, err = child.communicate()
    code = "timeout"
for _ in range(5):
    read_some()
json.dump(
    {
        "code": code,
        "shown": shown,
        "stdout": out.decode(),
        "stderr": (err or b"").decode(),
        "echo": echo,
        "echoAfter": echoes(),
    },
    sys.stdout,
)
