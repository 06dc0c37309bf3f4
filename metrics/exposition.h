// The text formats of Prometheus. Pure: families in, text out.
// Text format 0.0.4: prometheus.io/docs/instrumenting/exposition_formats. OpenMetrics 1.0: the OpenMetrics specification.
#pragma once

#include <prometheus/metric_family.h>

#include <span>
#include <string>
#include <string_view>

namespace inferd::metrics {

enum class Format { kText, kOpenMetrics };

// The format that a client's Accept header prefers; text when it has no opinion.
Format ChooseFormat(std::string_view accept);
std::string_view ContentType(Format format);

std::string Render(std::span<const prometheus::MetricFamily> families, Format format);

}  // namespace inferd::metrics
