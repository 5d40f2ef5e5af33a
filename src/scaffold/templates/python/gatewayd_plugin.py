"""Serves a GatewayD plugin written in Python.

A plugin is a name and some functions, one for each hook it wants to be called for:

    from gatewayd_plugin import serve, terminate

    def on_traffic_from_client(event):
        if b"drop table" in event["request"].lower():
            return terminate(event)
        return event

    serve({"id": {"name": "my-plugin", "version": "1.0.0"}}, {"OnTrafficFromClient": on_traffic_from_client})

A function gets the event as a dict and returns the dict that is to take its place; None leaves it as it is.
Requests and responses are bytes. Functions run on a pool of threads, several at a time.

This module does what hashicorp's go-plugin does for plugins in Go: it checks that it was started by a gateway,
listens on a unix socket, makes a certificate and demands the gateway's, and says on the first line of standard
output where it is. Log with `logging`, or print to standard error; standard output belongs to that line.

Needs the packages grpcio, protobuf and cryptography.
"""

import base64
import datetime
import json
import logging
import os
import signal
import sys
import tempfile
import threading
from concurrent import futures

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

HOOKS = (
    "OnConfigLoaded OnNewLogger OnNewPool OnNewClient OnNewProxy OnNewServer OnSignal OnRun OnBooting OnBooted "
    "OnOpening OnOpened OnClosing OnClosed OnTraffic OnTrafficFromClient OnTrafficToServer OnTrafficFromServer "
    "OnTrafficToClient OnShutdown OnTick OnHook"
).split()

# What a gateway puts into the environment. Not a secret: it tells a start by a gateway from one by hand.
_COOKIE_KEY = "GATEWAYD_PLUGIN"
_COOKIE_VALUE = "5712b87aa5d7e9f9e9ab643e6603181c5b796015cb1c09d6f5ada882bf2a1872"

_MAX_MESSAGE_BYTES = 2**31 - 1
_GRACE_SECONDS = 1


def terminate(event, response=None):
    """Ends the request here; `response` (bytes) goes to the client as it is, else the gateway finds words."""
    signals = [{"name": "terminate", "metadata": {"terminate": True}}]
    answer = {**event, "__signals__": signals}
    if response is not None:
        answer["response"] = response
    return answer


def log(event, level, message, **fields):
    """Lets the gateway log a message at a level ("info", "warn", ...) because of this event."""
    metadata = {"log": True, "level": level, "message": message, **fields}
    signals = [*event.get("__signals__", []), {"name": "log", "metadata": metadata}]
    return {**event, "__signals__": signals}


def serve(description, handlers, threads=16):
    """Serves until the gateway ends the plugin.

    `description` is the answer to GetPluginConfig, without `hooks`: `id` with `name`, `version` and `remoteUrl`,
    `description`, `authors`, `license`, `projectUrl`, `config` and so on. `handlers` are functions under the names
    of HOOKS.
    """
    unknown = set(handlers) - set(HOOKS)
    if unknown:
        raise ValueError(f"these are no hooks: {', '.join(sorted(unknown))}")
    if os.environ.get(_COOKIE_KEY) != _COOKIE_VALUE:
        sys.exit("This is a plugin of GatewayD, and not meant to be started by hand.")
    if "1" not in os.environ.get("PLUGIN_PROTOCOL_VERSIONS", "1").split(","):
        sys.exit("This plugin speaks version 1 of the plugin protocol, which the gateway does not.")

    # Ctrl+C in the gateway's terminal reaches its plugins too, and it is the gateway that ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    numbers = [HOOKS.index(name) + 1 for name in handlers]
    description = {**description, "hooks": numbers}

    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=threads),
        options=[
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
        ],
    )
    has_ended = threading.Event()
    server.add_generic_rpc_handlers(
        (
            _plugin_service(description, handlers),
            _health_service(),
            _controller_service(has_ended),
        )
    )
    directory = tempfile.mkdtemp(prefix="plugin")
    path = os.path.join(directory, "socket")
    try:
        certificate, credentials = _credentials(os.environ.get("PLUGIN_CLIENT_CERT", "").encode())
        server.add_secure_port(f"unix:{path}", credentials)
        server.start()
        signal.signal(signal.SIGTERM, lambda *_: has_ended.set())
        print(f"1|1|unix|{path}|grpc|{certificate}", flush=True)
        has_ended.wait()
        server.stop(_GRACE_SECONDS).wait()
    finally:
        if os.path.exists(path):
            os.unlink(path)
        os.rmdir(directory)


class JsonFormatter(logging.Formatter):
    """Records as the gateway reads them: with their level, their fields (`extra={"fields": {...}}`) and module."""

    _LEVELS = {"WARNING": "warn", "CRITICAL": "error"}

    def format(self, record):
        time = datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc)
        line = {
            "@level": self._LEVELS.get(record.levelname, record.levelname.lower()),
            "@message": record.getMessage(),
            "@module": record.name,
            "@timestamp": time.isoformat(timespec="microseconds"),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_to_gateway(level=logging.INFO):
    """Makes `logging` write to standard error in the form the gateway understands."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _credentials(client_certificate):
    """A new certificate, and credentials that demand the gateway's. Both sides know each other by nothing else."""
    if not client_certificate:
        sys.exit("The gateway gave no certificate in PLUGIN_CLIENT_CERT.")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost"),
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "HashiCorp"),
        ]
    )
    now = datetime.datetime.now(datetime.timezone.utc)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=True,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    purposes = [x509.ExtendedKeyUsageOID.CLIENT_AUTH, x509.ExtendedKeyUsageOID.SERVER_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(seconds=30))
        .not_valid_after(now + datetime.timedelta(hours=262_980))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    credentials = grpc.ssl_server_credentials(
        [(key_pem, certificate.public_bytes(serialization.Encoding.PEM))],
        root_certificates=client_certificate,
        require_client_auth=True,
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    return base64.b64encode(der).decode().rstrip("="), credentials


def _plugin_service(description, handlers):
    def describe(_request, _context):
        return _encode(description)

    def called(handler):
        def answer(request, _context):
            event = _decode(request)
            changed = handler(event)
            return _encode(event if changed is None else changed)

        return answer

    methods = {"GetPluginConfig": describe, **{name: called(handler) for name, handler in handlers.items()}}
    return grpc.method_handlers_generic_handler(
        "plugin.v1.GatewayDPluginService",
        {
            name: grpc.unary_unary_rpc_method_handler(
                method,
                request_deserializer=_Struct.FromString,
                response_serializer=_Struct.SerializeToString,
            )
            for name, method in methods.items()
        },
    )


def _health_service():
    """grpc.health.v1: its one answer is SERVING, field 1 with the value 1."""
    check = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"\x08\x01")
    return grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check})


def _controller_service(has_ended):
    def shutdown(_request, _context):
        has_ended.set()
        return b""

    return grpc.method_handlers_generic_handler(
        "plugin.GRPCController", {"Shutdown": grpc.unary_unary_rpc_method_handler(shutdown)}
    )


def _make_messages():
    """plugin.v1.Struct: that of google.protobuf, with bytes as one more kind of value."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="plugin/v1/struct.proto", package="plugin.v1", syntax="proto3")
    file.enum_type.add(name="NullValue").value.add(name="NULL_VALUE", number=0)

    def add(message, name, number, kind, type_name=None, repeated=False, oneof=False):
        added = message.field.add(name=name, number=number, type=kind)
        added.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
        if type_name:
            added.type_name = f".plugin.v1.{type_name}"
        if oneof:
            added.oneof_index = 0

    struct = file.message_type.add(name="Struct")
    entry = struct.nested_type.add(name="FieldsEntry")
    entry.options.map_entry = True
    add(entry, "key", 1, field.TYPE_STRING)
    add(entry, "value", 2, field.TYPE_MESSAGE, "Value")
    add(struct, "fields", 1, field.TYPE_MESSAGE, "Struct.FieldsEntry", repeated=True)

    value = file.message_type.add(name="Value")
    value.oneof_decl.add(name="kind")
    add(value, "null_value", 1, field.TYPE_ENUM, "NullValue", oneof=True)
    add(value, "number_value", 2, field.TYPE_DOUBLE, oneof=True)
    add(value, "string_value", 3, field.TYPE_STRING, oneof=True)
    add(value, "bool_value", 4, field.TYPE_BOOL, oneof=True)
    add(value, "struct_value", 5, field.TYPE_MESSAGE, "Struct", oneof=True)
    add(value, "list_value", 6, field.TYPE_MESSAGE, "ListValue", oneof=True)
    add(value, "bytes_value", 7, field.TYPE_BYTES, oneof=True)

    values = file.message_type.add(name="ListValue")
    add(values, "values", 1, field.TYPE_MESSAGE, "Value", repeated=True)

    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("plugin.v1.Struct"))


_Struct = _make_messages()


def _encode(values):
    struct = _Struct()
    for key, value in values.items():
        _set(struct.fields[key], value)
    return struct


def _set(target, value):
    if value is None:
        target.null_value = 0
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, (int, float)):
        target.number_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, (bytes, bytearray, memoryview)):
        target.bytes_value = bytes(value)
    elif isinstance(value, dict):
        target.struct_value.SetInParent()
        for key, entry in value.items():
            _set(target.struct_value.fields[key], entry)
    elif isinstance(value, (list, tuple)):
        target.list_value.SetInParent()
        for entry in value:
            _set(target.list_value.values.add(), entry)
    else:
        raise TypeError(f"a {type(value).__name__} cannot be sent to the gateway")


def _decode(struct):
    return {key: _get(value) for key, value in struct.fields.items()}


def _get(value):
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _decode(value.struct_value)
    if kind == "list_value":
        return [_get(entry) for entry in value.list_value.values]
    return None if kind in (None, "null_value") else getattr(value, kind)
