// Results of queries, rules and alerts in the JSON of Prometheus's HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/).
// Append to a text. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "alerts/manager.h"
#include "metrics/promql/value.h"
#include "metrics/series/labels.h"

namespace inferd::daemon {

// {"resultType":..., "result":...}
void AppendQueryValue(const metrics::promql::Value& value, std::string& out);

// {"name":"value",...}
void AppendLabels(const metrics::Labels& labels, std::string& out);

// One element of /api/v1/alerts, of what is pending or fires.
void AppendAlert(const alerts::Alert& alert, std::string& out);

// Which rules are wanted, and how much of them.
struct RuleFilter {
  bool alerting = true;
  bool recording = true;
  bool without_alerts = false;
  std::vector<std::string> names;  // each list empty: any
  std::vector<std::string> groups;
  std::vector<std::string> files;
};
// The groups of /api/v1/rules, without those of which no rule is wanted.
void AppendRules(const alerts::RulesState& state, const RuleFilter& filter, std::string& out);

// "2026-11-22T07:00:00.25Z"
std::string Rfc3339(metrics::Millis time);

}  // namespace inferd::daemon
