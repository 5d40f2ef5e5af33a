/**
 * The libraries of OpenTelemetry, as CommonJS: their modules reach for gRPC in a way that the bundler does not see, and
 * an executable without it fails at the first export (exporter-trace-otlp-grpc 0.301.0; to be tried again with a later
 * one). Only a gateway that traces loads them.
 */
import type * as Api from "@opentelemetry/api";
import type * as Core from "@opentelemetry/core";
import type * as Exporter from "@opentelemetry/exporter-trace-otlp-grpc";
import type * as ExporterBase from "@opentelemetry/otlp-grpc-exporter-base";
import type * as Resources from "@opentelemetry/resources";
import type * as Sdk from "@opentelemetry/sdk-trace";

export const api = require("@opentelemetry/api") as typeof Api;

export const { ExportResultCode } = require("@opentelemetry/core") as typeof Core;

export const { RandomIdGenerator } = require("@opentelemetry/sdk-trace") as typeof Sdk;

export const { defaultResource, detectResources, envDetector, resourceFromAttributes } =
  require("@opentelemetry/resources") as typeof Resources;

export const { OTLPTraceExporter } =
  require("@opentelemetry/exporter-trace-otlp-grpc") as typeof Exporter;

export const { createEmptyMetadata, createInsecureCredentials, createSslCredentials } =
  require("@opentelemetry/otlp-grpc-exporter-base") as typeof ExporterBase;
