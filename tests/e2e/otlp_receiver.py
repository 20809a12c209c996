#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# SPDX-FileCopyrightText: 2026 the memtrace authors
"""otlp_receiver.py OUT [STATUS,...]: a collector for the tests. Prints its port, answers the first
requests with these statuses and all others with 200, and appends each message to OUT as a line of
JSON. It decodes by tables of its own, typed in from the .proto files that OpenTelemetry publishes
(opentelemetry-proto 1.9), and refuses what is not in them: a field, a wire type, an index."""
import http.server
import json
import struct
import sys

# Fields by number: name, type (a table: a message), repeated?
ANY = {1: ("string", "str", 0), 3: ("int", "varint", 0)}
KEY_VALUE = {1: ("key", "str", 0), 2: ("value", ANY, 0)}
RESOURCE = {1: ("attributes", KEY_VALUE, 1)}
SCOPE = {1: ("name", "str", 0), 2: ("version", "str", 0)}
POINT = {2: ("start", "fixed", 0), 3: ("time", "fixed", 0), 4: ("double", "double", 0), 6: ("int", "fixed", 0),
         7: ("attributes", KEY_VALUE, 1)}
GAUGE = {1: ("points", POINT, 1)}
SUM = {1: ("points", POINT, 1), 2: ("temporality", "varint", 0), 3: ("monotonic", "varint", 0)}
METRIC = {1: ("name", "str", 0), 2: ("description", "str", 0), 3: ("unit", "str", 0), 5: ("gauge", GAUGE, 0),
          7: ("sum", SUM, 0)}
SCOPE_METRICS = {1: ("scope", SCOPE, 0), 2: ("metrics", METRIC, 1)}
METRICS = {1: ("resources", {1: ("resource", RESOURCE, 0), 2: ("scopes", SCOPE_METRICS, 1)}, 1)}
TYPE = {1: ("type", "varint", 0), 2: ("unit", "varint", 0)}
SAMPLE = {1: ("stack", "varint", 0), 2: ("attributes", "packed", 0), 3: ("link", "varint", 0), 4: ("values", "packed", 0)}
PROFILE = {1: ("sample_type", TYPE, 0), 2: ("samples", SAMPLE, 1), 3: ("time", "fixed", 0),
           4: ("duration", "varint", 0), 5: ("period_type", TYPE, 0), 6: ("period", "varint", 0), 7: ("id", "bytes", 0)}
LINE = {1: ("function", "varint", 0), 2: ("line", "varint", 0)}
DICTIONARY = {
    1: ("mappings", {1: ("start", "varint", 0), 2: ("limit", "varint", 0), 3: ("offset", "varint", 0),
                     4: ("file", "varint", 0), 5: ("attributes", "packed", 0)}, 1),
    2: ("locations", {1: ("mapping", "varint", 0), 2: ("address", "varint", 0), 3: ("lines", LINE, 1)}, 1),
    3: ("functions", {1: ("name", "varint", 0), 2: ("system_name", "varint", 0), 3: ("file", "varint", 0)}, 1),
    4: ("links", {1: ("trace", "bytes", 0), 2: ("span", "bytes", 0)}, 1),
    5: ("strings", "str", 1),
    6: ("attributes", {1: ("key", "varint", 0), 2: ("value", ANY, 0), 3: ("unit", "varint", 0)}, 1),
    7: ("stacks", {1: ("locations", "packed", 0)}, 1)}
SCOPE_PROFILES = {1: ("scope", SCOPE, 0), 2: ("profiles", PROFILE, 1)}
PROFILES = {1: ("resources", {1: ("resource", RESOURCE, 0), 2: ("scopes", SCOPE_PROFILES, 1)}, 1),
            2: ("dictionary", DICTIONARY, 0)}
WIRE = {"varint": 0, "fixed": 1, "double": 1, "str": 2, "bytes": 2, "packed": 2}


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return (value - (1 << 64) if value >> 63 else value), at


def unpack(data):
    values, at = [], 0
    while at < len(data):
        value, at = varint(data, at)
        values.append(value)
    return values


def decode(data, table):
    out = {name: [] for name, _, repeated in table.values() if repeated}
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        name, kind, repeated = table[tag >> 3]
        assert tag & 7 == (2 if isinstance(kind, dict) else WIRE[kind]), name
        if tag & 7 == 0:
            value, at = varint(data, at)
        elif tag & 7 == 1:
            value = struct.unpack_from("<d" if kind == "double" else "<q", data, at)[0]
            at += 8
        else:
            size, at = varint(data, at)
            value = data[at:at + size]
            assert len(value) == size, name
            at += size
            if isinstance(kind, dict):
                value = decode(value, kind)
            elif kind == "str":
                value = value.decode("utf-8")
            elif kind == "packed":
                value = unpack(value)
        if repeated:
            out[name].append(value)
        else:
            out[name] = value
    return out


def attributes(message):
    return {a["key"]: a["value"].get("string", a["value"].get("int")) for a in message["attributes"]}


def describe_metrics(data):
    (resource,) = decode(data, METRICS)["resources"]
    out = {"resource": attributes(resource["resource"]), "metrics": {}}
    for metric in resource["scopes"][0]["metrics"]:
        kind = "sum" if "sum" in metric else "gauge"
        if kind == "sum":
            assert metric["sum"]["temporality"] == 2 and metric["sum"]["monotonic"] == 1
        out["metrics"][metric["name"]] = [
            {"kind": kind, "labels": attributes(p), "value": p.get("int", p.get("double"))}
            for p in metric[kind]["points"]]
    return out


def describe_profiles(data):
    message = decode(data, PROFILES)
    (resource,), tables = message["resources"], message["dictionary"]
    strings = tables["strings"]
    assert strings[0] == "" and not tables["stacks"][0].get("locations") and tables["links"] == [{}]
    out = {"resource": attributes(resource["resource"]), "profiles": {}}
    for profile in resource["scopes"][0]["profiles"]:
        assert len(profile["id"]) == 16 and profile["time"] > 0
        kind = profile["sample_type"]
        stacks = []
        for sample in profile["samples"]:
            assert 0 < sample["stack"] < len(tables["stacks"])
            frames = []
            for index in tables["stacks"][sample["stack"]]["locations"]:
                assert 0 < index < len(tables["locations"])
                location = tables["locations"][index]
                tables["mappings"][location.get("mapping", 0)]
                frames += [strings[tables["functions"][line["function"]]["name"]] for line in location["lines"]]
            stacks.append({"frames": frames, "value": sample["values"][0]})
        out["profiles"][strings[kind["type"]]] = {"unit": strings[kind["unit"]], "stacks": stacks,
                                                 "sum": sum(s["value"] for s in stacks)}
    return out


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    statuses = [int(status) for status in sys.argv[2].split(",")] if len(sys.argv) > 2 else []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.statuses.pop(0) if self.statuses else 200
        what = {"/v1/metrics": describe_metrics, "/v1development/profiles": describe_profiles}[self.path]
        try:
            line = what(body)
        except Exception as error:  # pylint: disable=broad-except
            line = {"error": repr(error)}
        line.update(path=self.path, status=status, type=self.headers["Content-Type"])
        with open(sys.argv[1], "a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
server.serve_forever()
