#!/usr/bin/env python3
"""Writes catalogue.tsv from tables of interfaces and operations.

    engine/audit/catalogue/make_catalogue.py FOLDER > engine/audit/catalogue/catalogue.tsv

FOLDER holds interfaces.tsv (uuid, name, ...), operations.tsv (uuid, opnum, method, ...) and
conflicts.tsv (uuid, opnum, other, other_sources, ...), tab separated with one header line each. The
result has one line per interface, sorted by UUID; a method that Zeek calls otherwise is followed by
Zeek's name:

    uuid <tab> name <tab> opnum:method,opnum:method=zeek,...
"""
import csv
import os
import sys


def rows(folder, name):
    with open(os.path.join(folder, name), newline='', encoding='ascii') as table:
        yield from csv.DictReader(table, delimiter='\t', quoting=csv.QUOTE_NONE)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    zeek = {(row['uuid'], row['opnum']): row['other']
            for row in rows(sys.argv[1], 'conflicts.tsv')
            if 'zeek' in row['other_sources'].split('+') and row['chosen'] != '-'}
    operations = {}
    for row in rows(sys.argv[1], 'operations.tsv'):
        operations.setdefault(row['uuid'], {})[int(row['opnum'])] = (
            row['method'] + ('=' + zeek[row['uuid'], row['opnum']]
                             if (row['uuid'], row['opnum']) in zeek else ''))
    for row in sorted(rows(sys.argv[1], 'interfaces.tsv'), key=lambda row: row['uuid']):
        methods = sorted(operations.get(row['uuid'], {}).items())
        listed = ','.join('%d:%s' % method for method in methods)
        print(row['uuid'], row['name'], listed, sep='\t')


if __name__ == '__main__':
    main()
