#!/usr/bin/python3
"""describe.py FILE...: what tshark sees in captures, a Markdown table row for each.

Columns: file, frames, bytes, PDUs by type, authentication type/level of the PDUs
that carry a verifier, interfaces bound, and the codes of faults and refusals.
"""
import collections
import os
import subprocess
import sys

TYPES = {0: "request", 2: "response", 3: "fault", 11: "bind", 12: "bind_ack", 13: "bind_nak", 14: "alter",
         15: "alter_resp", 16: "auth3", 17: "shutdown", 18: "co_cancel", 19: "orphaned"}
AUTH = {9: "SPNEGO", 10: "NTLM", 16: "Kerberos", 68: "netlogon"}
LEVEL = {1: "none", 2: "connect", 4: "packet", 5: "integrity", 6: "privacy"}
INTERFACES = {
    "e1af8308-5d1f-11c9-91a4-08002b14a0fa": "epm", "afa8bd80-7d8a-11c9-bef4-08002b102989": "mgmt",
    "12345778-1234-abcd-ef00-0123456789ac": "samr", "12345778-1234-abcd-ef00-0123456789ab": "lsarpc",
    "12345678-1234-abcd-ef00-01234567cffb": "netlogon", "e3514235-4b06-11d1-ab04-00c04fc2dcd2": "drsuapi",
    "50abc2a4-574d-40b3-9d66-ee4fd5fba076": "dnsserver", "4b324fc8-1670-01d3-1278-5a47bf6ee188": "srvsvc",
    "6bffd098-a112-3610-9833-46c3f87e345a": "wkssvc", "367abb81-9844-35f1-ad32-98f038001003": "svcctl",
    "338cd001-2244-31f1-aaaa-900038001003": "winreg", "12345678-1234-abcd-ef00-0123456789ab": "spoolss",
    "c681d488-d850-11d0-8c52-00c04fd90f7e": "efsrpc", "df1941c5-fe89-4e79-bf10-463657acf44d": "efsrpc-2",
    "4fc742e0-4a10-11cf-8273-00aa004ae673": "dfsnm", "a8e0653c-2744-4389-a61d-7373df8b2292": "fssagentrpc",
    "86d35949-83c9-4044-b424-db363231fd0c": "ITaskSchedulerService", "3919286a-b10c-11d0-9ba8-00a0c92c2d82": "dssetup",
    "3919286a-b10c-11d0-9ba8-00c04fd92ef5": "dssetup", "f6beaff7-1e19-4fbb-9f8f-b89e2018337c": "eventlog6",
}
FIELDS = ("frame.number dcerpc.pkt_type dcerpc.auth_type dcerpc.auth_level dcerpc.cn_bind_to_uuid "
          "dcerpc.cn_status dcerpc.cn_ack_result dcerpc.drep.byteorder dcerpc.cn_reject_reason").split()


def describe(path):
    frames = subprocess.run(["capinfos", "-Mrc", path], capture_output=True, text=True).stdout
    count = frames.split()[-1]
    cmd = ["tshark", "-n", "-r", path, "-d", "tcp.port==49152-49160,dcerpc", "-Y", "dcerpc", "-T", "fields",
           "-E", "separator=|", "-E", "aggregator=,"]
    for f in FIELDS:
        cmd += ["-e", f]
    rows = subprocess.run(cmd, capture_output=True, text=True).stdout.splitlines()
    kinds, auth, codes = (collections.Counter() for _ in range(3))
    uuids, big = {}, 0
    for r in rows:
        v = dict(zip(FIELDS, r.split("|")))
        for t in v["dcerpc.pkt_type"].split(","):
            kinds[TYPES.get(int(t or -1), t)] += 1
        big += v["dcerpc.drep.byteorder"].split(",").count("0")
        if v["dcerpc.auth_type"]:
            for t, l in zip(v["dcerpc.auth_type"].split(","), v["dcerpc.auth_level"].split(",")):
                if int(l) > 1 or int(t):
                    auth["%s/%s" % (AUTH.get(int(t), t), LEVEL.get(int(l), l))] += 1
        for u in filter(None, v["dcerpc.cn_bind_to_uuid"].split(",")):
            uuids[INTERFACES.get(u, u[:8])] = 1
        for s in filter(None, v["dcerpc.cn_status"].split(",")):
            codes["fault %s" % hex(int(s, 0))] += 1
        for s in filter(None, v["dcerpc.cn_reject_reason"].split(",")):
            codes["nak %s" % s] += 1
        for s in filter(lambda x: x not in ("", "0"), v["dcerpc.cn_ack_result"].split(",")):
            codes["ack result %s" % s] += 1
    show = lambda c: " ".join("%s=%d" % kv for kv in c.most_common()) or "-"
    return "| %s | %s | %d | %s%s | %s | %s | %s |" % (
        os.path.basename(path), count, os.path.getsize(path), show(kinds), " big-endian=%d" % big if big else "",
        show(auth), " ".join(uuids) or "-", show(codes))


for p in sys.argv[1:]:
    print(describe(p), flush=True)
