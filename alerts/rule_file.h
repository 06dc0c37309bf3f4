// Rule files in Prometheus's format (https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/ and alerting_rules/): what
// a file says, or every fault in it with line and column. Pure but for reading the file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/query.h"
#include "runtime/base/status.h"

namespace inferd::alerts {

using metrics::Millis;

struct Rule {
  bool is_alert = false;
  std::string name;  // of the alert, or of the series that is recorded
  metrics::Expression expr;
  Millis hold = 0;                                 // `for`: how long the expression must hold before the alert fires
  Millis keep_firing = 0;                          // how long it goes on firing after the expression held last
  std::map<std::string, std::string> labels;       // templates for alerts, plain for recordings; the group's labels included
  std::map<std::string, std::string> annotations;  // templates

  bool operator==(const Rule&) const = default;
};

struct RuleGroup {
  std::string file;
  std::string name;
  std::optional<Millis> interval;  // none: the default of whoever evaluates
  Millis query_offset = 0;
  std::size_t limit = 0;  // of series or alerts that one rule may make; 0: none
  std::vector<Rule> rules;

  bool operator==(const RuleGroup&) const = default;
};

struct RuleFault {
  std::string file;
  int line = 0;  // from 1; 0: of the file as a whole
  int column = 0;
  std::string message;

  std::string ToString() const;  // file:line:column: message
};

using RuleGroups = tl::expected<std::vector<RuleGroup>, std::vector<RuleFault>>;

// What stands in `text`, or every fault. `file` is for messages.
RuleGroups ParseRules(std::string_view text, const std::string& file);

// The same of a file. One over 4 MiB is refused.
RuleGroups ReadRuleFile(const std::string& path);

// All files that the patterns name (glob(7)), in order, each once. A pattern without wildcards must name a file; one with them may find
// none.
RuleGroups ReadRuleFiles(std::span<const std::string> patterns);

}  // namespace inferd::alerts
