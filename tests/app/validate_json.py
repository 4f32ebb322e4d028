#!/usr/bin/env python3
"""Validates JSON Lines, or documents that begin with a line of their own, against a JSON Schema.

usage: validate_json.py SCHEMA [FILE...]

Of the records that the schema cannot tell apart one is validated: two records are alike when they
have the same keys, the same values of enumerations, strings that match the same patterns, and
numbers between the same bounds. Without files only the schema itself is checked. Prints what is
wrong, at most 20 lines, and ends with 1.
"""
import json
import re
import sys

from jsonschema import Draft202012Validator


def collect(schema, words, patterns, bounds):
    if isinstance(schema, list):
        for part in schema:
            collect(part, words, patterns, bounds)
    if not isinstance(schema, dict):
        return
    for key, part in schema.items():
        if key == "const" and isinstance(part, str):
            words.add(part)
        elif key == "pattern" and isinstance(part, str):
            patterns.add(part)
        elif key in ("minimum", "maximum") and isinstance(part, int):
            bounds.add(part)
        else:
            collect(part, words, patterns, bounds)


def shape(value, words, patterns, bounds):
    if isinstance(value, dict):
        return tuple((key, shape(part, words, patterns, bounds)) for key, part in value.items())
    if isinstance(value, list):
        return (len(value) > 64,) + tuple(shape(part, words, patterns, bounds) for part in value)
    if isinstance(value, str):
        return value if value in words else tuple(p.search(value) is not None for p in patterns)
    if isinstance(value, bool) or value is None:
        return value
    return type(value), sum(value >= bound for bound in bounds), value in bounds


def documents(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if text.startswith("{\n"):  # documents, one after the other
        at = 0
        while at < len(text):
            document, at = json.JSONDecoder().raw_decode(text, at)
            at += len(text[at:]) - len(text[at:].lstrip())
            yield path, document
        return
    for number, line in enumerate(text.splitlines(), 1):
        yield f"{path}:{number}", json.loads(line)


def main(arguments):
    with open(arguments[0], encoding="utf-8") as file:
        schema = json.load(file)
    Draft202012Validator.check_schema(schema)
    words, patterns, bounds = set(), set(), set()
    collect(schema, words, patterns, bounds)
    patterns = [re.compile(pattern) for pattern in sorted(patterns)]
    validator = Draft202012Validator(schema)
    known = set()
    faults = 0
    for path in arguments[1:]:
        for place, document in documents(path):
            key = shape(document, words, patterns, bounds)
            if key in known:
                continue
            known.add(key)
            checker = validator
            kind = document.get("event_type")
            if not validator.is_valid(document) and kind in schema.get("$defs", {}):
                checker = validator.evolve(schema={**schema["$defs"][kind], "$defs": schema["$defs"]})
            for error in checker.iter_errors(document):
                print(f"{place}: {error.json_path}: {error.message[:300]}")
                faults += 1
                if faults == 20:
                    return 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
