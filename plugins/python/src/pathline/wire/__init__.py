"""Values to frames of the plugin protocol and back. It knows Arrow and the
messages of the protocol; it knows no kind of stage.

``plugin_pb2`` is generated from schemas/pluginpb/v1/plugin.proto by
``task generate-python``. The generator is an old one on purpose: what newer ones
write refuses to run with an older protobuf.
"""
