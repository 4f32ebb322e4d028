#!/usr/bin/env python3
"""Writes datagram-constructed.pcap: connectionless RPC as no peer of the lab speaks it.

    constructed_datagrams.py OUT.pcap

Every frame is made here from C706 12.5 and appendix O: there was no client and no server. Between
10.77.0.21 and 10.77.0.1, a call a second, in this order:

 1  a little-endian call and its response          9  maybe: no answer is expected
 2  the same in big-endian                        10  idempotent, retransmitted, answered twice
 3  a fault                                       11  broadcast, answered by 10.77.0.1
 4  a reject                                      12  NTLM integrity in the verifier
 5  three fragments out of order, facks,          13  who_are_you: a call back to the client
    a response in two                             14  ping, nocall, request again, working, response
 6  answered from another port                    15  ept_map over UDP, and the call it leads to
 7  answered from another address (10.77.0.9)     16  what looks similar and is no RPC
 8  cancelled, acknowledged
"""
import struct
import sys
import uuid

CLIENT, SERVER, OTHER, BROADCAST = '10.77.0.21', '10.77.0.1', '10.77.0.9', '10.77.0.255'
ECHO = '5ab2e9b4-3d48-11d2-9ea4-80c5140aaa77'
CONV = '333a2276-0000-0000-0d00-00809c000000'
EPM = 'e1af8308-5d1f-11c9-91a4-08002b14a0fa'
NDR = '8a885d04-1ceb-11c9-9fe8-08002b104860'
REQUEST, PING, RESPONSE, FAULT, WORKING, NOCALL, REJECT, ACK, CANCEL, FACK, CANCEL_ACK = range(11)
LAST, FRAGMENT, MAYBE, IDEMPOTENT, BROADCAST_FLAG = 0x02, 0x04, 0x10, 0x20, 0x40
NANOSECONDS = 10**9


def pdu(kind, activity, sequence=0, interface=ECHO, version=1, opnum=0, flags=0, fragment=0, body=b'',
        auth=0, verifier=b'', big=False):
    order = '>' if big else '<'
    raw = lambda text: uuid.UUID(text).bytes if big else uuid.UUID(text).bytes_le
    head = bytes([4, kind, flags, 0, 0 if big else 0x10, 0, 0, 0]) + bytes(16) + raw(interface)
    head += raw('%08x-e55c-1111-8573-a6f0ec7a8c25' % activity)
    head += struct.pack(order + 'IIIHHHHHBB', 0, version, sequence, opnum, 0xffff, 0xffff, len(body),
                        fragment, auth, 0)
    return head + body + verifier


def address(text):
    return bytes(int(part) for part in text.split('.'))


class Capture:
    def __init__(self, path):
        self.file = open(path, 'wb')
        self.file.write(struct.pack('<IHHiIII', 0xa1b23c4d, 2, 4, 0, 0, 65535, 1))  # nanoseconds
        self.time = 1795250000 * NANOSECONDS

    def send(self, source, destination, payload):
        (source, source_port), (destination, destination_port) = source, destination
        udp = struct.pack('>HHHH', source_port, destination_port, 8 + len(payload), 0) + payload
        ip = struct.pack('>BBHHHBBH', 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0)
        ip += address(source) + address(destination)
        total = sum(struct.unpack('>10H', ip))
        total = (total & 0xffff) + (total >> 16)
        checksum = struct.pack('>H', ~(total + (total >> 16)) & 0xffff)
        frame = bytes.fromhex('020000000001 020000000002 0800') + ip[:10] + checksum + ip[12:] + udp
        self.file.write(struct.pack('<IIII', self.time // NANOSECONDS, self.time % NANOSECONDS,
                                    len(frame), len(frame)) + frame)
        self.time += 1_000_000

    def pause(self):
        self.time = (self.time // NANOSECONDS + 1) * NANOSECONDS


def tower(interface, port):
    floors = [b'\x0d' + uuid.UUID(interface).bytes_le + struct.pack('<H', 1), b'\x0d' +
              uuid.UUID(NDR).bytes_le + struct.pack('<H', 2), b'\x0a', b'\x08', b'\x09']
    data = [bytes(2), bytes(2), bytes(2), struct.pack('>H', port), bytes(4)]
    out = struct.pack('<H', len(floors))
    for left, right in zip(floors, data):
        out += struct.pack('<H', len(left)) + left + struct.pack('<H', len(right)) + right
    size = struct.pack('<II', len(out), len(out)) + out
    return size + bytes(-len(size) % 4)


def main(path):
    capture = Capture(path)
    client, server = (CLIENT, 40000), (SERVER, 49664)
    ask = lambda *a, **k: capture.send(client, server, pdu(*a, **k))
    say = lambda *a, **k: capture.send(server, client, pdu(*a, **k))
    text = b'hello, world'

    ask(REQUEST, 1, body=text)                                                  # 1
    say(RESPONSE, 1, body=text)
    ask(ACK, 1)
    capture.pause()
    ask(REQUEST, 2, body=text, big=True)                                        # 2
    say(RESPONSE, 2, body=text, big=True)
    capture.pause()
    ask(REQUEST, 3, opnum=77, body=text)                                        # 3
    say(FAULT, 3, body=struct.pack('<I', 0x1c010002))
    capture.pause()
    ask(REQUEST, 4, interface=NDR, body=text)                                   # 4
    say(REJECT, 4, interface=NDR, body=struct.pack('<I', 0x1c010003))
    capture.pause()
    for number in (2, 0, 1):                                                    # 5
        ask(REQUEST, 5, flags=FRAGMENT | (LAST if number == 2 else 0), fragment=number,
            body=bytes(900 if number < 2 else 100))
        say(FACK, 5, fragment=number)
    for number in (1, 0):
        say(RESPONSE, 5, flags=FRAGMENT | (LAST if number else 0), fragment=number, body=bytes(700))
        ask(FACK, 5, fragment=number)
    capture.pause()
    ask(REQUEST, 6, body=text)                                                  # 6
    capture.send((SERVER, 50123), client, pdu(RESPONSE, 6, body=text))
    capture.pause()
    ask(REQUEST, 7, body=text)                                                  # 7
    capture.send((OTHER, 49664), client, pdu(RESPONSE, 7, body=text))
    capture.pause()
    ask(REQUEST, 8, body=text)                                                  # 8
    ask(CANCEL, 8, body=struct.pack('<II', 0, 1))
    say(CANCEL_ACK, 8, body=struct.pack('<III', 0, 1, 1))
    capture.pause()
    ask(REQUEST, 9, flags=MAYBE, body=text)                                     # 9
    capture.pause()
    for _ in range(2):                                                          # 10
        ask(REQUEST, 10, flags=IDEMPOTENT, body=text)
    for _ in range(2):
        say(RESPONSE, 10, body=text)
    capture.pause()
    capture.send(client, (BROADCAST, 49664), pdu(REQUEST, 11, flags=BROADCAST_FLAG | IDEMPOTENT, body=text))  # 11
    say(RESPONSE, 11, body=text)
    capture.pause()
    ask(REQUEST, 12, body=bytes(16), auth=10, verifier=bytes([5, 0, 0, 0]) + bytes(16))  # 12
    say(RESPONSE, 12, body=bytes(16), auth=10, verifier=bytes([5, 0, 0, 0]) + bytes(16))
    capture.pause()
    ask(REQUEST, 13, body=text)                                                 # 13
    back = dict(interface=CONV, version=3, opnum=0)
    capture.send((SERVER, 57661), client, pdu(REQUEST, 0x113, body=bytes(20), **back))
    capture.send(client, (SERVER, 57661), pdu(RESPONSE, 0x113, body=bytes(8), **back))
    say(RESPONSE, 13, body=text)
    capture.pause()
    ask(REQUEST, 14, body=text)                                                 # 14
    ask(PING, 14)
    say(NOCALL, 14)
    ask(REQUEST, 14, body=text)
    say(WORKING, 14)
    say(RESPONSE, 14, body=text)
    capture.pause()
    mapper = dict(interface=EPM, version=3, opnum=3)                            # 15
    question = struct.pack('<I', 1) + bytes(16) + struct.pack('<I', 2) + tower(ECHO, 0)
    answer = bytes([0] * 20) + struct.pack('<IIIII', 1, 4, 0, 1, 3) + tower(ECHO, 49664)
    capture.send(client, (SERVER, 135),
                 pdu(REQUEST, 15, body=question + bytes(20) + struct.pack('<I', 4), **mapper))
    capture.send((SERVER, 135), client, pdu(RESPONSE, 15, body=answer + bytes(4), **mapper))
    ask(REQUEST, 0x115, body=text)
    say(RESPONSE, 0x115, body=text)
    capture.pause()
    capture.send(client, (SERVER, 1434), b'\x04' + b'\x01' * 375)               # 16
    capture.send(client, (SERVER, 33002), pdu(REQUEST, 16, body=text)[:24] + bytes(80))
    capture.send(client, (SERVER, 5000), bytes([4]) + bytes(99))


if __name__ == '__main__':
    main(sys.argv[1])
