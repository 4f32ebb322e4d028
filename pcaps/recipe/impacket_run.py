#!/usr/bin/python3
"""impacket_run.py [--dialect SMB1|202|210|300] SCRIPT ARGS...: run one of impacket's examples.

Two things are changed on the way:
 - with --dialect the SMB dialect is fixed; left alone, impacket speaks SMB 3
   and encrypts it, and nothing of the RPC would be seen in the capture;
 - DRSGetNCChanges gets the schemaInfo entry at the end of its prefix table:
   Samba insists on it (as the specification does), impacket leaves it out.
"""
import runpy
import sys

from impacket import smb, smb3structs, smbconnection
from impacket.dcerpc.v5 import drsuapi, rpcrt

DIALECTS = {"SMB1": smb.SMB_DIALECT, "202": smb3structs.SMB2_DIALECT_002,
            "210": smb3structs.SMB2_DIALECT_21, "300": smb3structs.SMB2_DIALECT_30}
SCHEMA_INFO = b"\xff" + bytes(20)


def fix_dialect(dialect):
    original = smbconnection.SMBConnection.__init__

    def init(self, remoteName="", remoteHost="", myName=None, sess_port=445, timeout=60,
             preferredDialect=None, existingConnection=None, manualNegotiate=False):
        original(self, remoteName, remoteHost, myName, sess_port, timeout,
                 preferredDialect or dialect, existingConnection, manualNegotiate)
    smbconnection.SMBConnection.__init__ = init


def add_schema_info():
    original = rpcrt.DCERPC_v5.request

    def request(self, req, *args, **kwargs):
        if isinstance(req, drsuapi.DRSGetNCChanges):
            table = req["pmsgIn"]["V8"]["PrefixTableDest"]
            entry = drsuapi.PrefixTableEntry()
            entry["ndx"] = 0
            entry["prefix"]["length"] = len(SCHEMA_INFO)
            entry["prefix"]["elements"] = list(SCHEMA_INFO)
            table["pPrefixEntry"].append(entry)
            table["PrefixCount"] = len(table["pPrefixEntry"])
        return original(self, req, *args, **kwargs)
    rpcrt.DCERPC_v5.request = request


argv = sys.argv[1:]
if argv[0] == "--dialect":
    fix_dialect(DIALECTS[argv[1]])
    argv = argv[2:]
add_schema_info()
sys.argv = argv
runpy.run_path(argv[0], run_name="__main__")
