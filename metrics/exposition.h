// The text formats of Prometheus. Pure: families in, text out.
// Text format 0.0.4: prometheus.io/docs/instrumenting/exposition_formats. OpenMetrics 1.0: the OpenMetrics specification.
#pragma once

#include <prometheus/metric_family.h>

#include <span>
#include <string>

namespace inferd::metrics {

class ExemplarTable;

enum class Format { kText, kOpenMetrics };

// Exemplars are of OpenMetrics alone; `exemplars` may be nullptr.
std::string Render(std::span<const prometheus::MetricFamily> families, Format format, const ExemplarTable* exemplars = nullptr);

}  // namespace inferd::metrics
