"""The generated code is that of the protocol: every message, field and number."""

import re
from pathlib import Path

from pathline.wire import plugin_pb2 as pb

PROTO = Path(__file__).parents[3] / "schemas" / "pluginpb" / "v1" / "plugin.proto"


def test_generated_code_is_that_of_the_protocol():
    text = re.sub(r"//.*", "", PROTO.read_text())
    messages = {}
    # oneof has braces of its own: it is taken apart first.
    text = re.sub(r"oneof \w+ \{(.*?)\}", r"\1", text, flags=re.S)
    for name, body in re.findall(r"message (\w+) \{(.*?)\}", text, re.S):
        messages[name] = {f: int(n) for f, n in re.findall(r"(\w+) = (\d+);", body)}
    assert len(messages) > 20 and messages["Frame"]["released"] == 13
    made = {m.name: {f.name: f.number for f in m.fields} for m in pb.DESCRIPTOR.message_types_by_name.values()}
    assert made == messages
    for name, body in re.findall(r"enum (\w+) \{(.*?)\}", text, re.S):
        assert dict(pb.DESCRIPTOR.enum_types_by_name[name].values_by_name.items()).keys() == dict(re.findall(r"(\w+) = (\d+);", body)).keys()
