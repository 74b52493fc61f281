"""A student's own client, as the course's first programs were: JSON on bare sockets, blocking, one connection per
question. Written from the course's messages alone. Shares the files of a folder itself, and says each answer as a
line of JSON.

    classic_client.py RS_PORT OWN_PORT FOLDER COMMAND...

Commands: register, list, leave, files PORT, get PORT NAME, text PORT LINE; "wait" shares until standard input ends.
"""

import json
import os
import socket
import sys
import threading

HOST = "127.0.0.1"
rs_port, own_port, folder, *commands = sys.argv[1:]


def ask(port, message):
    """One question, one recv: that is how it is done in the second lesson."""
    with socket.create_connection((HOST, int(port)), timeout=20) as s:
        s.sendall(json.dumps(message).encode())
        return s.recv(65536).decode()


def until_end(port, request):
    """All bytes until the other side hangs up."""
    with socket.create_connection((HOST, int(port)), timeout=20) as s:
        s.sendall(request)
        parts = []
        while True:
            part = s.recv(4096)
            if not part:
                return b"".join(parts)
            parts.append(part)


def share(listener):
    while True:
        conn, _ = listener.accept()
        with conn:
            message = json.loads(conn.recv(4096))
            if message["msg"] == "listoffiles":
                conn.sendall(b"200 OK\n" + json.dumps(os.listdir(folder)).encode())
            elif message["msg"] == "Requesting_files":
                with open(os.path.join(folder, os.path.basename(message["file"])), "rb") as f:
                    conn.sendall(f.read())


def say(answer):
    print(json.dumps({"event": "answer", "answer": answer}), flush=True)


listener = socket.create_server((HOST, int(own_port)))
threading.Thread(target=share, args=(listener,), daemon=True).start()
me = {"Hostname": socket.gethostname(), "Portnumber": listener.getsockname()[1]}

while commands:
    command = commands.pop(0)
    if command == "register":
        say(ask(rs_port, {"msg": "Register_to_RS", **me}))
    elif command == "list":
        say(ask(rs_port, {"msg": "Active_peer", **me}))
    elif command == "leave":
        say(ask(rs_port, {"msg": "Leave_the_server", **me}))
    elif command == "files":
        say(ask(commands.pop(0), {"msg": "listoffiles"}))
    elif command == "get":
        port, name = commands.pop(0), commands.pop(0)
        content = until_end(port, json.dumps({"msg": "Requesting_files", "file": name}).encode())
        with open(os.path.join(folder, os.path.basename(name)), "wb") as f:
            f.write(content)
        say(len(content))
    elif command == "text":
        port, line = commands.pop(0), commands.pop(0)
        lines = [line + " P2P-DI/1.0", "Host: " + me["Hostname"], "OS: " + os.name, "", ""]
        say(until_end(port, "\r\n".join(lines).encode()).decode())
    elif command == "wait":
        say("sharing")
        sys.stdin.read()
