// Where the metrics of a run go: JSON lines always, TensorBoard and OpenTelemetry where the config asks for them.
import { Metrics } from "@ifrl/train"
import { Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import { OtlpMetrics, OtlpSerialization, OtlpTracer } from "effect/observability"
import type { Config } from "./Config.ts"
import type { RunFolder } from "./RunFolder.ts"
import { version } from "./Version.ts"

/** The sinks that the config names, as one. */
export const metricSinks = ({ metrics }: Config, folder: RunFolder["Service"]) =>
  Metrics.layerAll([
    Metrics.layerJsonl(folder.metrics),
    ...(metrics.tensorBoard ? [Metrics.layerTensorBoard(folder.tensorBoard)] : []),
    ...(metrics.otlp === "" ? [] : [Metrics.layerGauges])
  ])

/** Metrics and spans to an OpenTelemetry collector, for as long as the layer lives; nothing without one. */
export const telemetry = ({ metrics: { otlp } }: Config, run: string) => {
  if (otlp === "") return Layer.empty
  const base = otlp.replace(/\/+$/, "")
  const resource = { serviceName: "ifrl", serviceVersion: version, attributes: { run } }
  return Layer.mergeAll(
    OtlpMetrics.layer({ url: `${base}/v1/metrics`, resource }),
    OtlpTracer.layer({ url: `${base}/v1/traces`, resource })
  ).pipe(Layer.provide(OtlpSerialization.layerJson), Layer.provide(FetchHttpClient.layer))
}
