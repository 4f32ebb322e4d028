#!/usr/bin/python3
"""RPC calls with Samba's own client library, over a binding of one's choice.

samba_client.py BINDING WHAT[,WHAT...] [--user NAME] [--kerberos | --anonymous]

The binding's flags choose how the calls look on the wire:
  ntlm, krb5, spnego          authentication type 10, 16, 9
  connect, packet, sign, seal authentication level 2, 4, 5, 6
  bigendian, ndr64, smb1, smb2

WHAT: samr bigsamr drs dcsync dns mgmt netlogon wkssvc srvsvc lsa svcctl winreg contexts
"""
import argparse
import os

from samba.credentials import DONT_USE_KERBEROS, MUST_USE_KERBEROS, Credentials
from samba.dcerpc import (dnsserver, drsuapi, lsa, mgmt, misc, netlogon, samr,
                          security, srvsvc, svcctl, winreg, wkssvc)
from samba.param import LoadParm

ap = argparse.ArgumentParser()
ap.add_argument("binding")
ap.add_argument("what")
ap.add_argument("--user", default="Administrator")
ap.add_argument("--password", default=os.environ.get("ADMINPW"))
ap.add_argument("--kerberos", action="store_true")
ap.add_argument("--anonymous", action="store_true")
args = ap.parse_args()

DNSDOM = os.environ.get("DNSDOM", "corp.example")
DOMAIN = os.environ.get("DOMAIN", "CORP")
lp = LoadParm()
lp.load(os.environ["SMB_CONF_PATH"])
creds = Credentials()
creds.guess(lp)
if args.anonymous:
    creds.set_anonymous()
else:
    creds.set_username(args.user)
    creds.set_password(args.password)
    creds.set_domain(DOMAIN)
    creds.set_realm(DNSDOM.upper())
creds.set_kerberos_state(MUST_USE_KERBEROS if args.kerberos else DONT_USE_KERBEROS)


def connect(interface, basis=None):
    """A new connection, or one more presentation context on the connection BASIS."""
    more = {"basis_connection": basis} if basis else {}
    return interface(args.binding, lp, creds, **more)


def lsa_string(text):
    s = lsa.String()
    s.string = text
    return s


def do_samr(basis=None, big=False):
    x = connect(samr.samr, basis)
    h = x.Connect2(None, security.SEC_FLAG_MAXIMUM_ALLOWED)
    sid = x.LookupDomain(h, lsa_string(DOMAIN))
    d = x.OpenDomain(h, security.SEC_FLAG_MAXIMUM_ALLOWED, sid)
    users = x.EnumDomainUsers(d, 0, 0, 0xffffffff if big else 900)
    if big:
        for level in (1, 4):
            x.QueryDisplayInfo(d, level, 0, 1000, 0xffffffff)
    for u in users[1].entries[:2]:
        uh = x.OpenUser(d, security.SEC_FLAG_MAXIMUM_ALLOWED, u.idx)
        x.QueryUserInfo(uh, 21)
        x.GetGroupsForUser(uh)
        x.Close(uh)
    x.Close(d)
    x.Close(h)
    return "%d users" % users[2]


def drs_bind(x):
    ctr = drsuapi.DsBindInfoCtr()
    ctr.length = 28
    ctr.info = drsuapi.DsBindInfo28()
    ctr.info.supported_extensions = (drsuapi.DRSUAPI_SUPPORTED_EXTENSION_BASE |
                                     drsuapi.DRSUAPI_SUPPORTED_EXTENSION_GETCHGREQ_V8 |
                                     drsuapi.DRSUAPI_SUPPORTED_EXTENSION_STRONG_ENCRYPTION |
                                     drsuapi.DRSUAPI_SUPPORTED_EXTENSION_GETCHGREPLY_V6)
    return x.DsBind(misc.GUID(drsuapi.DRSUAPI_DS_BIND_GUID), ctr)[1]


def do_drs(basis=None):
    x = connect(drsuapi.drsuapi, basis)
    h = drs_bind(x)
    n = drsuapi.DsNameString()
    n.str = DOMAIN + "\\Administrator"
    r = drsuapi.DsNameRequest1()
    r.format_offered, r.format_desired, r.count, r.names = 2, 1, 1, [n]
    name = x.DsCrackNames(h, 1, r)[1].array[0].result_name
    x.DsUnbind(h)
    return name


def do_dcsync():
    """Ask for one account's secrets, as a replicating domain controller would."""
    x = connect(drsuapi.drsuapi)
    try:
        h = drs_bind(x)
    except Exception as e:          # refused: ask all the same, with no handle
        print("  DsBind:", e)
        h = misc.policy_handle()
    r = drsuapi.DsGetNCChangesRequest8()
    r.destination_dsa_guid = r.source_dsa_invocation_id = misc.GUID()
    nc = drsuapi.DsReplicaObjectIdentifier()
    nc.dn = "CN=krbtgt,CN=Users," + ",".join("DC=" + p for p in DNSDOM.split("."))
    r.naming_context = nc
    r.highwatermark = drsuapi.DsReplicaHighWaterMark()
    r.replica_flags = drsuapi.DRSUAPI_DRS_INIT_SYNC | drsuapi.DRSUAPI_DRS_WRIT_REP
    r.max_object_count = 1
    r.extended_op = drsuapi.DRSUAPI_EXOP_REPL_OBJ
    level, ctr = x.DsGetNCChanges(h, 8, r)
    return "level %d reply, %d object" % (level, ctr.object_count)


def do_dns(basis=None):
    x = connect(dnsserver.dnsserver, basis)
    return x.DnssrvQuery2(dnsserver.DNS_CLIENT_VERSION_LONGHORN, 0, "dc1", None, "ServerInfo")[0]


def do_mgmt(basis=None):
    x = connect(mgmt.mgmt, basis)
    return x.inq_if_ids()


def do_netlogon(basis=None):
    x = connect(netlogon.netlogon, basis)
    return x.netr_DsRGetDCName(None, DNSDOM, None, None, 0).dc_unc


def do_wkssvc(basis=None):
    return connect(wkssvc.wkssvc, basis).NetWkstaGetInfo("\\\\dc1", 100).domain_name


def do_srvsvc(basis=None):
    x = connect(srvsvc.srvsvc, basis)
    ctr = srvsvc.NetShareInfoCtr()
    ctr.level, ctr.ctr = 1, srvsvc.NetShareCtr1()
    x.NetShareEnumAll("\\\\dc1", ctr, 0xffffffff, 0)
    return x.NetSrvGetInfo("\\\\dc1", 101).server_name


def do_lsa(basis=None):
    x = connect(lsa.lsarpc, basis)
    oa = lsa.ObjectAttribute()
    oa.sec_qos = lsa.QosInfo()
    h = x.OpenPolicy2("", oa, security.SEC_FLAG_MAXIMUM_ALLOWED)
    name = x.QueryInfoPolicy2(h, lsa.LSA_POLICY_INFO_DNS).dns_domain.string
    x.Close(h)
    return name


def do_svcctl(basis=None):
    x = connect(svcctl.svcctl, basis)
    x.CloseServiceHandle(x.OpenSCManagerW(None, None, security.SEC_FLAG_MAXIMUM_ALLOWED))


def do_winreg(basis=None):
    x = connect(winreg.winreg, basis)
    h = x.OpenHKLM(None, winreg.KEY_QUERY_VALUE | winreg.KEY_ENUMERATE_SUB_KEYS)
    x.QueryInfoKey(h, winreg.String())
    x.CloseKey(h)


def do_contexts():
    """Several interfaces on one connection, each added by alter_context."""
    first = connect(drsuapi.drsuapi)
    for f in (do_drs, do_netlogon, do_samr, do_mgmt, do_dns, do_drs):
        attempt("  " + f.__name__[3:], f, first)


def attempt(label, f, *a):
    try:
        print(label, f(*a))
    except Exception as e:
        print(label, type(e).__name__, e)


for w in args.what.split(","):
    if w == "bigsamr":
        attempt(w, do_samr, None, True)
    else:
        attempt(w, globals()["do_" + w])
