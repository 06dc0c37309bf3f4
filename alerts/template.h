// The templates of Prometheus's alerting rules (https://prometheus.io/docs/prometheus/latest/configuration/template_reference/): Go's
// text/template with if, range, with, variables and pipelines, and the functions that alerts use. Pure, but for `query`.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/query.h"
#include "runtime/base/status.h"

namespace inferd::alerts {

struct TemplateData {
  metrics::Labels labels;  // of the sample that raised the alert: $labels
  double value = 0;        // $value
  metrics::Labels external_labels;
  std::string external_url;
  // What the function "query" asks. Empty: it fails.
  std::function<Result<std::vector<metrics::QuerySample>>(const std::string& query)> query;
};

// The text with everything between {{ and }} worked out. Fails with what is malformed or cannot be worked out; the output is bounded.
Result<std::string> ExpandTemplate(std::string_view text, const TemplateData& data);

// Whether a text is well-formed, as far as that can be told without data.
Result<> CheckTemplate(std::string_view text);

}  // namespace inferd::alerts
