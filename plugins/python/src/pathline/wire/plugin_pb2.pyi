from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Type(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TYPE_UNSPECIFIED: _ClassVar[Type]
    BOOL: _ClassVar[Type]
    INT8: _ClassVar[Type]
    INT16: _ClassVar[Type]
    INT32: _ClassVar[Type]
    INT64: _ClassVar[Type]
    UINT8: _ClassVar[Type]
    UINT16: _ClassVar[Type]
    UINT32: _ClassVar[Type]
    UINT64: _ClassVar[Type]
    FLOAT16: _ClassVar[Type]
    FLOAT32: _ClassVar[Type]
    FLOAT64: _ClassVar[Type]
    UTF8: _ClassVar[Type]
    LARGE_UTF8: _ClassVar[Type]
    BINARY: _ClassVar[Type]
    LARGE_BINARY: _ClassVar[Type]
    FIXED_SIZE_BINARY: _ClassVar[Type]
    FIXED_SIZE_LIST: _ClassVar[Type]
    DATE32: _ClassVar[Type]
    DATE64: _ClassVar[Type]
    TIME32: _ClassVar[Type]
    TIME64: _ClassVar[Type]
    TIMESTAMP: _ClassVar[Type]
    DURATION: _ClassVar[Type]
    DECIMAL128: _ClassVar[Type]

class Unit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SECOND: _ClassVar[Unit]
    MILLISECOND: _ClassVar[Unit]
    MICROSECOND: _ClassVar[Unit]
    NANOSECOND: _ClassVar[Unit]
TYPE_UNSPECIFIED: Type
BOOL: Type
INT8: Type
INT16: Type
INT32: Type
INT64: Type
UINT8: Type
UINT16: Type
UINT32: Type
UINT64: Type
FLOAT16: Type
FLOAT32: Type
FLOAT64: Type
UTF8: Type
LARGE_UTF8: Type
BINARY: Type
LARGE_BINARY: Type
FIXED_SIZE_BINARY: Type
FIXED_SIZE_LIST: Type
DATE32: Type
DATE64: Type
TIME32: Type
TIME64: Type
TIMESTAMP: Type
DURATION: Type
DECIMAL128: Type
SECOND: Unit
MILLISECOND: Unit
MICROSECOND: Unit
NANOSECOND: Unit

class DescribeRequest(_message.Message):
    __slots__ = ("host_version", "capabilities")
    HOST_VERSION_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    host_version: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, host_version: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ...) -> None: ...

class DescribeResponse(_message.Message):
    __slots__ = ("name", "version", "implementations", "capabilities", "code")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    IMPLEMENTATIONS_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    implementations: _containers.RepeatedCompositeFieldContainer[Implementation]
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    code: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., implementations: _Optional[_Iterable[_Union[Implementation, _Mapping]]] = ..., capabilities: _Optional[_Iterable[str]] = ..., code: _Optional[str] = ...) -> None: ...

class Implementation(_message.Message):
    __slots__ = ("kind", "name", "doc", "version", "config_schema", "example", "capabilities", "inputs")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CONFIG_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    name: str
    doc: str
    version: str
    config_schema: bytes
    example: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    inputs: Inputs
    def __init__(self, kind: _Optional[str] = ..., name: _Optional[str] = ..., doc: _Optional[str] = ..., version: _Optional[str] = ..., config_schema: _Optional[bytes] = ..., example: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., inputs: _Optional[_Union[Inputs, _Mapping]] = ...) -> None: ...

class Inputs(_message.Message):
    __slots__ = ("inputs",)
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    inputs: _containers.RepeatedCompositeFieldContainer[Input]
    def __init__(self, inputs: _Optional[_Iterable[_Union[Input, _Mapping]]] = ...) -> None: ...

class Input(_message.Message):
    __slots__ = ("name", "doc", "takes", "kind", "also", "optional", "default")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    TAKES_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ALSO_FIELD_NUMBER: _ClassVar[int]
    OPTIONAL_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    name: str
    doc: str
    takes: str
    kind: str
    also: str
    optional: bool
    default: str
    def __init__(self, name: _Optional[str] = ..., doc: _Optional[str] = ..., takes: _Optional[str] = ..., kind: _Optional[str] = ..., also: _Optional[str] = ..., optional: bool = ..., default: _Optional[str] = ...) -> None: ...

class ValidateRequest(_message.Message):
    __slots__ = ("kind", "use", "config")
    KIND_FIELD_NUMBER: _ClassVar[int]
    USE_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    kind: str
    use: str
    config: bytes
    def __init__(self, kind: _Optional[str] = ..., use: _Optional[str] = ..., config: _Optional[bytes] = ...) -> None: ...

class ValidateResponse(_message.Message):
    __slots__ = ("diagnostics",)
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    diagnostics: _containers.RepeatedCompositeFieldContainer[Diagnostic]
    def __init__(self, diagnostics: _Optional[_Iterable[_Union[Diagnostic, _Mapping]]] = ...) -> None: ...

class Diagnostic(_message.Message):
    __slots__ = ("reason", "message", "path", "suggestion", "file", "line", "column")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SUGGESTION_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    path: str
    suggestion: str
    file: str
    line: int
    column: int
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ..., path: _Optional[str] = ..., suggestion: _Optional[str] = ..., file: _Optional[str] = ..., line: _Optional[int] = ..., column: _Optional[int] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("seq", "schemas", "released", "open", "call", "item", "end", "result", "fault", "cancel", "credit", "progress", "close")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    SCHEMAS_FIELD_NUMBER: _ClassVar[int]
    RELEASED_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FIELD_NUMBER: _ClassVar[int]
    seq: int
    schemas: _containers.RepeatedCompositeFieldContainer[Schema]
    released: _containers.RepeatedScalarFieldContainer[int]
    open: Open
    call: Call
    item: Item
    end: End
    result: Result
    fault: Fault
    cancel: Cancel
    credit: Credit
    progress: Progress
    close: Close
    def __init__(self, seq: _Optional[int] = ..., schemas: _Optional[_Iterable[_Union[Schema, _Mapping]]] = ..., released: _Optional[_Iterable[int]] = ..., open: _Optional[_Union[Open, _Mapping]] = ..., call: _Optional[_Union[Call, _Mapping]] = ..., item: _Optional[_Union[Item, _Mapping]] = ..., end: _Optional[_Union[End, _Mapping]] = ..., result: _Optional[_Union[Result, _Mapping]] = ..., fault: _Optional[_Union[Fault, _Mapping]] = ..., cancel: _Optional[_Union[Cancel, _Mapping]] = ..., credit: _Optional[_Union[Credit, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., close: _Optional[_Union[Close, _Mapping]] = ...) -> None: ...

class Open(_message.Message):
    __slots__ = ("kind", "use", "config", "surroundings", "capabilities", "window_bytes", "frame_bytes", "heartbeat_ms", "shared_memory")
    KIND_FIELD_NUMBER: _ClassVar[int]
    USE_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    SURROUNDINGS_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    WINDOW_BYTES_FIELD_NUMBER: _ClassVar[int]
    FRAME_BYTES_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_MS_FIELD_NUMBER: _ClassVar[int]
    SHARED_MEMORY_FIELD_NUMBER: _ClassVar[int]
    kind: str
    use: str
    config: bytes
    surroundings: Surroundings
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    window_bytes: int
    frame_bytes: int
    heartbeat_ms: int
    shared_memory: SharedMemory
    def __init__(self, kind: _Optional[str] = ..., use: _Optional[str] = ..., config: _Optional[bytes] = ..., surroundings: _Optional[_Union[Surroundings, _Mapping]] = ..., capabilities: _Optional[_Iterable[str]] = ..., window_bytes: _Optional[int] = ..., frame_bytes: _Optional[int] = ..., heartbeat_ms: _Optional[int] = ..., shared_memory: _Optional[_Union[SharedMemory, _Mapping]] = ...) -> None: ...

class SharedMemory(_message.Message):
    __slots__ = ("host_segment", "plugin_segment", "bytes", "label")
    HOST_SEGMENT_FIELD_NUMBER: _ClassVar[int]
    PLUGIN_SEGMENT_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    host_segment: str
    plugin_segment: str
    bytes: int
    label: str
    def __init__(self, host_segment: _Optional[str] = ..., plugin_segment: _Optional[str] = ..., bytes: _Optional[int] = ..., label: _Optional[str] = ...) -> None: ...

class Surroundings(_message.Message):
    __slots__ = ("stage", "seed", "dir", "out", "state", "threads", "memory", "resume", "key", "log_level")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    DIR_FIELD_NUMBER: _ClassVar[int]
    OUT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    LOG_LEVEL_FIELD_NUMBER: _ClassVar[int]
    stage: str
    seed: int
    dir: str
    out: str
    state: str
    threads: int
    memory: int
    resume: bool
    key: str
    log_level: str
    def __init__(self, stage: _Optional[str] = ..., seed: _Optional[int] = ..., dir: _Optional[str] = ..., out: _Optional[str] = ..., state: _Optional[str] = ..., threads: _Optional[int] = ..., memory: _Optional[int] = ..., resume: bool = ..., key: _Optional[str] = ..., log_level: _Optional[str] = ...) -> None: ...

class Call(_message.Message):
    __slots__ = ("target", "method", "params", "batches", "more", "ports")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PARAMS_FIELD_NUMBER: _ClassVar[int]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    PORTS_FIELD_NUMBER: _ClassVar[int]
    target: str
    method: str
    params: bytes
    batches: _containers.RepeatedCompositeFieldContainer[Batch]
    more: bool
    ports: _containers.RepeatedCompositeFieldContainer[Port]
    def __init__(self, target: _Optional[str] = ..., method: _Optional[str] = ..., params: _Optional[bytes] = ..., batches: _Optional[_Iterable[_Union[Batch, _Mapping]]] = ..., more: bool = ..., ports: _Optional[_Iterable[_Union[Port, _Mapping]]] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("values", "batches", "more", "outputs", "opened")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    values: bytes
    batches: _containers.RepeatedCompositeFieldContainer[Batch]
    more: bool
    outputs: Outputs
    opened: Opened
    def __init__(self, values: _Optional[bytes] = ..., batches: _Optional[_Iterable[_Union[Batch, _Mapping]]] = ..., more: bool = ..., outputs: _Optional[_Union[Outputs, _Mapping]] = ..., opened: _Optional[_Union[Opened, _Mapping]] = ...) -> None: ...

class Opened(_message.Message):
    __slots__ = ("capabilities", "window_bytes", "frame_bytes")
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    WINDOW_BYTES_FIELD_NUMBER: _ClassVar[int]
    FRAME_BYTES_FIELD_NUMBER: _ClassVar[int]
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    window_bytes: int
    frame_bytes: int
    def __init__(self, capabilities: _Optional[_Iterable[str]] = ..., window_bytes: _Optional[int] = ..., frame_bytes: _Optional[int] = ...) -> None: ...

class Item(_message.Message):
    __slots__ = ("index", "batch")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    index: int
    batch: Batch
    def __init__(self, index: _Optional[int] = ..., batch: _Optional[_Union[Batch, _Mapping]] = ...) -> None: ...

class End(_message.Message):
    __slots__ = ("batches", "rows")
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    batches: int
    rows: int
    def __init__(self, batches: _Optional[int] = ..., rows: _Optional[int] = ...) -> None: ...

class Fault(_message.Message):
    __slots__ = ("diagnostics",)
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    diagnostics: _containers.RepeatedCompositeFieldContainer[Diagnostic]
    def __init__(self, diagnostics: _Optional[_Iterable[_Union[Diagnostic, _Mapping]]] = ...) -> None: ...

class Cancel(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Credit(_message.Message):
    __slots__ = ("bytes",)
    BYTES_FIELD_NUMBER: _ClassVar[int]
    bytes: int
    def __init__(self, bytes: _Optional[int] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: bytes
    def __init__(self, event: _Optional[bytes] = ...) -> None: ...

class Close(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Batch(_message.Message):
    __slots__ = ("schema", "payload", "block")
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    schema: int
    payload: bytes
    block: Block
    def __init__(self, schema: _Optional[int] = ..., payload: _Optional[bytes] = ..., block: _Optional[_Union[Block, _Mapping]] = ...) -> None: ...

class Block(_message.Message):
    __slots__ = ("offset", "length", "generation")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    offset: int
    length: int
    generation: int
    def __init__(self, offset: _Optional[int] = ..., length: _Optional[int] = ..., generation: _Optional[int] = ...) -> None: ...

class Schema(_message.Message):
    __slots__ = ("id", "fields", "metadata")
    ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    id: int
    fields: _containers.RepeatedCompositeFieldContainer[Field]
    metadata: _containers.RepeatedCompositeFieldContainer[KeyValue]
    def __init__(self, id: _Optional[int] = ..., fields: _Optional[_Iterable[_Union[Field, _Mapping]]] = ..., metadata: _Optional[_Iterable[_Union[KeyValue, _Mapping]]] = ...) -> None: ...

class Field(_message.Message):
    __slots__ = ("name", "type", "nullable", "metadata", "children", "width", "unit", "zone", "scale")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    NULLABLE_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CHILDREN_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: Type
    nullable: bool
    metadata: _containers.RepeatedCompositeFieldContainer[KeyValue]
    children: _containers.RepeatedCompositeFieldContainer[Field]
    width: int
    unit: Unit
    zone: str
    scale: int
    def __init__(self, name: _Optional[str] = ..., type: _Optional[_Union[Type, str]] = ..., nullable: bool = ..., metadata: _Optional[_Iterable[_Union[KeyValue, _Mapping]]] = ..., children: _Optional[_Iterable[_Union[Field, _Mapping]]] = ..., width: _Optional[int] = ..., unit: _Optional[_Union[Unit, str]] = ..., zone: _Optional[str] = ..., scale: _Optional[int] = ...) -> None: ...

class KeyValue(_message.Message):
    __slots__ = ("key", "value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    value: str
    def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class Port(_message.Message):
    __slots__ = ("name", "split", "rows", "splits", "service", "flow")
    class SplitsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Rows
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Rows, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SPLITS_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    FLOW_FIELD_NUMBER: _ClassVar[int]
    name: str
    split: str
    rows: Rows
    splits: _containers.MessageMap[str, Rows]
    service: Service
    flow: Flow
    def __init__(self, name: _Optional[str] = ..., split: _Optional[str] = ..., rows: _Optional[_Union[Rows, _Mapping]] = ..., splits: _Optional[_Mapping[str, Rows]] = ..., service: _Optional[_Union[Service, _Mapping]] = ..., flow: _Optional[_Union[Flow, _Mapping]] = ..., **kwargs) -> None: ...

class Rows(_message.Message):
    __slots__ = ("target", "schema", "count")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    target: str
    schema: Schema
    count: int
    def __init__(self, target: _Optional[str] = ..., schema: _Optional[_Union[Schema, _Mapping]] = ..., count: _Optional[int] = ...) -> None: ...

class Service(_message.Message):
    __slots__ = ("kind", "target", "facts")
    KIND_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    kind: str
    target: str
    facts: bytes
    def __init__(self, kind: _Optional[str] = ..., target: _Optional[str] = ..., facts: _Optional[bytes] = ...) -> None: ...

class Flow(_message.Message):
    __slots__ = ("file", "planned", "exact", "model", "path")
    FILE_FIELD_NUMBER: _ClassVar[int]
    PLANNED_FIELD_NUMBER: _ClassVar[int]
    EXACT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    file: str
    planned: bytes
    exact: Service
    model: Service
    path: Service
    def __init__(self, file: _Optional[str] = ..., planned: _Optional[bytes] = ..., exact: _Optional[_Union[Service, _Mapping]] = ..., model: _Optional[_Union[Service, _Mapping]] = ..., path: _Optional[_Union[Service, _Mapping]] = ...) -> None: ...

class Outputs(_message.Message):
    __slots__ = ("rows", "service", "flow", "files", "summary", "report", "metrics")
    class RowsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Rows
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Rows, _Mapping]] = ...) -> None: ...
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    FLOW_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.MessageMap[str, Rows]
    service: Service
    flow: Flow
    files: _containers.RepeatedScalarFieldContainer[str]
    summary: bytes
    report: bytes
    metrics: _containers.ScalarMap[str, float]
    def __init__(self, rows: _Optional[_Mapping[str, Rows]] = ..., service: _Optional[_Union[Service, _Mapping]] = ..., flow: _Optional[_Union[Flow, _Mapping]] = ..., files: _Optional[_Iterable[str]] = ..., summary: _Optional[bytes] = ..., report: _Optional[bytes] = ..., metrics: _Optional[_Mapping[str, float]] = ...) -> None: ...
