#!/usr/bin/python3
"""Connections that the client libraries do not make, byte by byte.

raw_client.py windows   a bind as Windows sends it: NDR, NDR64 and bind-time
                        feature negotiation as three contexts; then ept_lookup
raw_client.py nak       binds the server answers with bind_nak: an unknown
                        protocol version, an unknown authentication type
raw_client.py shift     requests cut into fragments at odd places, fragments in
                        several TCP segments, two PDUs in one segment
"""
import os
import socket
import struct
import sys
import time
import uuid

SERVER = os.environ["DC1"]
EPM = uuid.UUID("e1af8308-5d1f-11c9-91a4-08002b14a0fa").bytes_le + struct.pack("<HH", 3, 0)
NDR = uuid.UUID("8a885d04-1ceb-11c9-9fe8-08002b104860").bytes_le + struct.pack("<I", 2)
NDR64 = uuid.UUID("71710533-beba-4937-8319-b5dbef9ccc36").bytes_le + struct.pack("<I", 1)
FEATURES = uuid.UUID("6cb71c2c-9812-4540-0300-000000000000").bytes_le + struct.pack("<I", 1)
FIRST, LAST = 1, 2


def pdu(kind, call, body, flags=FIRST | LAST, version=5, auth=b""):
    n = 16 + len(body) + len(auth)
    return struct.pack("<BBBBIHHI", version, 0, kind, flags, 0x10, n, max(0, len(auth) - 8), call) + body + auth


def bind(syntaxes, call=1, **kw):
    body = struct.pack("<HHIBBH", 5840, 5840, 0, len(syntaxes), 0, 0)
    for i, s in enumerate(syntaxes):
        body += struct.pack("<HBB", i, 1, 0) + EPM + s
    return pdu(11, call, body, **kw)


def lookup(handle=bytes(20), entries=100):
    return struct.pack("<IIIII", 0, 0, 0, 1, 0)[:16] + handle + struct.pack("<I", entries)


def request(call, stub, context=0, flags=FIRST | LAST, opnum=2):
    return pdu(0, call, struct.pack("<IHH", len(stub), context, opnum) + stub, flags)


def connection():
    s = socket.create_connection((SERVER, 135), 5)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def answer(s):
    """One PDU; its type, or None when the server closes."""
    s.settimeout(2)
    try:
        head = s.recv(16, socket.MSG_WAITALL)
        if len(head) < 16:
            return None
        s.recv(struct.unpack("<H", head[8:10])[0] - 16, socket.MSG_WAITALL)
        return head[2]
    except socket.timeout:
        return None


def windows():
    s = connection()
    s.sendall(bind([NDR, NDR64, FEATURES]))
    print("bind:", answer(s))
    s.sendall(request(2, lookup(entries=3)))
    print("ept_lookup:", answer(s))
    s.sendall(request(3, lookup(entries=3), context=1))
    print("ept_lookup in the NDR64 context:", answer(s))


def nak():
    s = connection()
    s.sendall(bind([NDR], version=4))
    print("version 4:", answer(s))
    s = connection()
    s.sendall(bind([NDR], auth=struct.pack("<BBBBI", 99, 5, 0, 0, 1) + b"who are you?"))
    print("authentication type 99:", answer(s))


def shift():
    s = connection()
    s.sendall(bind([NDR]))
    answer(s)
    stub = lookup(entries=2)
    for size in (8, 16):                # fragments of so many bytes
        parts = [stub[i:i + size] for i in range(0, len(stub), size)]
        for i, p in enumerate(parts):
            s.sendall(request(size, p, flags=FIRST * (i == 0) | LAST * (i == len(parts) - 1)))
        print("fragments of %d:" % size, answer(s))
    whole = request(40, stub)
    for i in range(0, len(whole), 7):   # a PDU in many segments
        s.sendall(whole[i:i + 7])
        time.sleep(0.01)
    print("segments of 7:", answer(s))
    s.sendall(request(50, stub) + request(51, stub))   # two in one
    print("two PDUs in one segment:", answer(s), answer(s))


globals()[sys.argv[1]]()
