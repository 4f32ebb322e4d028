#!/usr/bin/env python3
"""Lists, with tshark, what endpoint mappers were asked and answered, in the words of towers_test.cpp.

    list_towers.py CAPTURE > tests/golden/towers/CAPTURE.txt

tshark reads every floor of a tower; what the floors say together is put together here. It lists an
entry's annotation apart from its tower, in the same order.
"""
import subprocess
import sys

UUID, TCP, UDP, IP, HTTP = 0x0d, 0x07, 0x08, 0x09, 0x1f
PIPES, NETBIOS = (0x0f, 0x10), 0x11
PROTOCOLS = {(0x0b, TCP): 'ncacn_ip_tcp', (0x0b, 0x0f): 'ncacn_np', (0x0b, 0x10): 'ncacn_np',
             (0x0b, HTTP): 'ncacn_http', (0x0a, UDP): 'ncadg_ip_udp'}
FIELDS = ('dcerpc.pkt_type', 'epm.opnum', 'epm.tower.num_floors', 'epm.tower.proto_id',
          'epm.uuid', 'epm.uuid_version', 'epm.proto.tcp_port', 'epm.proto.udp_port',
          'epm.proto.http_port', 'epm.proto.named_pipe', 'epm.annotation', 'epm.inq_type', 'epm.if_id',
          'epm.ver_maj', 'epm.ver_min', 'epm.proto.ip')


def rows(path):
    command = ['tshark', '-n', '-r', path, '-Y', 'epm', '-T', 'fields', '-E', 'aggregator=|']
    for field in FIELDS:
        command += ['-e', field]
    text = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    for line in text.splitlines():
        values = [value.split('|') if value else [] for value in line.split('\t')]
        yield dict(zip(FIELDS, values))


def towers(row):
    """(interface, version, protocol, endpoint) of each tower of a frame."""
    take = {field: iter(values) for field, values in row.items()}
    # The object of a question comes first and is listed under the same name.
    named = sum(int(kind, 0) == UUID for kind in row['epm.tower.proto_id'])
    take['epm.uuid'] = iter(row['epm.uuid'][len(row['epm.uuid']) - named:])
    for count in row['epm.tower.num_floors']:
        kinds = [int(next(take['epm.tower.proto_id']), 0) for _ in range(int(count))]
        interface, version, where = '-', '-', '-'
        for i, kind in enumerate(kinds):
            if kind == UUID:
                uuid, number = next(take['epm.uuid']), next(take['epm.uuid_version'])
                if i == 0:
                    # tshark reads this little-endian number as a big-endian one.
                    swapped = int(number).to_bytes(2, 'big')
                    interface, version = uuid, str(int.from_bytes(swapped, 'little'))
            elif kind == TCP:
                where = next(take['epm.proto.tcp_port'], '')
            elif kind == UDP:
                where = next(take['epm.proto.udp_port'], '')
            elif kind == HTTP:
                where = next(take['epm.proto.http_port'], '')
            elif kind in PIPES:
                where = next(take['epm.proto.named_pipe'], '')
        local = len(kinds) > 2 and kinds[2] == 0x0c
        protocol = 'ncalrpc' if local else PROTOCOLS.get(tuple(kinds[2:4]), 'other')
        yield interface, version, protocol, '-' if local else where


def main():
    for row in rows(sys.argv[1]):
        opnum = row['epm.opnum'][0] if row['epm.opnum'] else ''
        is_answer = '2' in row['dcerpc.pkt_type'] and '0' not in row['dcerpc.pkt_type']
        if opnum == '2' and not is_answer:
            if not row['epm.inq_type']:
                continue  # encrypted
            named = row['epm.inq_type'][0] in ('1', '3') and row['epm.if_id']
            interface = row['epm.if_id'][0] if named else 'all'
            version = row['epm.ver_maj'][0] if named else '-'
            print('asked', interface, version, '-')
            continue
        annotations = row['epm.annotation'] + [''] * 1000
        for index, (interface, version, protocol, where) in enumerate(towers(row)):
            if opnum == '3' and not is_answer:
                print('asked', interface, version, protocol)
            else:
                print(' '.join(('told', interface, version, protocol, where,
                                annotations[index])).rstrip())


if __name__ == '__main__':
    main()
