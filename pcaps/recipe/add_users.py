#!/usr/bin/python3
"""add_users.py SMB.CONF SAM.LDB PASSWORD: the accounts of the lab's domain."""
import sys

from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

conf, ldb, password = sys.argv[1:]
lp = LoadParm()
lp.load(conf)
db = SamDB(url=ldb, lp=lp, session_info=system_session())
db.transaction_start()
for name in ("alice", "bob", "carol", "dave", "erin"):
    db.newuser(name, password, description="%s of the office" % name.title())
db.newuser("it-admin", password, description="IT administration")
db.add_remove_group_members("Domain Admins", ["it-admin"], add_members_operation=True)
# many, with long descriptions: listings of them need several response fragments
for i in range(120):
    db.newuser("staff%03d" % i, password, givenname="Given%d" % i, surname="Sur%d" % i,
               description="Member of staff number %d; a long description makes the listings large" % i)
for name in ("Accounting", "Sales", "Workshop"):
    db.newgroup(name, description="Everyone in " + name.lower())
db.add_remove_group_members("Accounting", ["alice", "bob"], add_members_operation=True)
db.transaction_commit()
