"""Runs a program on a terminal of its own and plays a dialogue with it.

The one argument is JSON: the words of the program, its environment, its folder, the terminal's width, and steps. A step
waits until the screen, from where the last step left off, holds "wait", then types "type" or sends "signal" to the
program; either may be absent. Prints JSON: what the terminal showed, how the program ended, and the settings that the
terminal was left with. Without its text coming within the time limit, a step ends the program and says so.
"""

import json
import os
import pty
import select
import signal
import sys
import termios
import time
import fcntl
import struct

plan = json.loads(sys.argv[1])
deadline = time.monotonic() + plan["seconds"]

child, terminal = pty.fork()
if child == 0:
    os.chdir(plan["cwd"])
    redirections = plan["redirect"]
    for descriptor, path in redirections.items():
        flags = os.O_RDONLY if descriptor == "0" else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(path, flags, 0o600), int(descriptor))
    try:
        os.execvpe(plan["words"][0], plan["words"], plan["env"])
    except OSError as error:
        print(error)
    os._exit(127)

fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, plan["columns"], 0, 0))
screen = b""
ended = False


def read_some(timeout):
    """Takes what the terminal shows; returns False when the program has let go of it."""
    global screen, ended
    if ended:
        return False
    ready, _, _ = select.select([terminal], [], [], timeout)
    if not ready:
        return True
    try:
        data = os.read(terminal, 65536)
    except OSError:
        data = b""
    screen += data
    ended = data == b""
    return not ended


missing = None
seen = 0
for step in plan["steps"]:
    wanted = step.get("wait", "").encode()
    while wanted not in screen[seen:]:
        if time.monotonic() > deadline or not read_some(0.05):
            break
    at = screen.find(wanted, seen)
    if at < 0:
        missing = step["wait"]
        break
    seen = at + len(wanted)
    if "pause" in step:
        time.sleep(step["pause"])
    if "type" in step:
        os.write(terminal, step["type"].encode())
    if "signal" in step:
        os.kill(child, getattr(signal, step["signal"]))

if missing is not None:
    os.kill(child, signal.SIGKILL)
while time.monotonic() < deadline and read_some(0.05):
    pass
try:
    echoes = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
except termios.error:
    echoes = None
if not ended:
    os.kill(child, signal.SIGKILL)
_, status = os.waitpid(child, 0)
code = os.waitstatus_to_exitcode(status)
print(json.dumps({"screen": screen.decode(errors="replace"), "code": code, "missing": missing, "echoes": echoes}))
