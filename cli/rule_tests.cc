#include "cli/rule_tests.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "alerts/evaluator.h"
#include "alerts/rule_file.h"
#include "metrics/promql/engine.h"
#include "metrics/promql/format.h"
#include "metrics/promql/memory_series.h"
#include "metrics/promql/parser.h"
#include "metrics/promql/series_notation.h"

namespace inferd::cli {
namespace {

using metrics::Labels;
using metrics::Millis;

namespace promql = metrics::promql;

// What is wrong with a test file.
struct BadTest : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string Place(const YAML::Node& node) {
  return std::to_string(node.Mark().line + 1) + ":" + std::to_string(node.Mark().column + 1) + ": ";
}

void OnlyKeys(const YAML::Node& node, std::initializer_list<std::string_view> known) {
  if (!node.IsMap()) throw BadTest(Place(node) + "a map is expected");
  for (const auto& entry : node) {
    const std::string key = entry.first.as<std::string>();
    if (std::ranges::find(known, key) == known.end()) throw BadTest(Place(entry.first) + "field " + key + " is not known here");
  }
}

Millis TimeOf(const YAML::Node& node, Millis fallback) {
  if (!node || node.IsNull()) return fallback;
  const auto text = node.as<std::string>();
  const auto duration = text == "0" ? std::optional<Millis>(0) : promql::ParseDuration(text);
  if (!duration) throw BadTest(Place(node) + "not a valid duration: " + metrics::Quoted(text));
  return *duration;
}

std::map<std::string, std::string> TextsOf(const YAML::Node& node) {
  return node && !node.IsNull() ? node.as<std::map<std::string, std::string>>() : std::map<std::string, std::string>();
}

Labels LabelsOf(const std::map<std::string, std::string>& texts) {
  std::vector<metrics::Label> labels;
  for (const auto& [name, value] : texts) labels.push_back({name, value});
  return Labels::From(std::move(labels));
}

std::string Shown(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += "\n      " + text;
  return texts.empty() ? " nothing" : out;
}

std::string Shown(const Labels& labels, const std::map<std::string, std::string>& annotations) {
  std::string out = labels.ToString();
  for (const auto& [name, value] : annotations) out += "\n        " + name + ": " + value;
  return out;
}

struct Settings {
  std::filesystem::path folder;
  std::vector<alerts::RuleGroup> groups;
  Millis interval = 60'000;
  bool fuzzy = false;
};

// One entry of `tests`: its own series, and the groups evaluated over them from time 0 on.
class RuleTest {
 public:
  RuleTest(const Settings& settings, const YAML::Node& node, RuleTestReport& report) : settings_(settings), report_(report) {
    OnlyKeys(node, {"name", "interval", "input_series", "alert_rule_test", "promql_expr_test", "external_labels", "external_url",
                    "start_timestamp"});
    if (node["start_timestamp"]) start_ = StartOf(node["start_timestamp"]);
    name_ = node["name"] ? node["name"].as<std::string>() : "line " + std::to_string(node.Mark().line + 1);
    Load(node);
    alerts::EvaluatorOptions options;
    options.external_labels = LabelsOf(TextsOf(node["external_labels"]));
    if (node["external_url"]) options.external_url = node["external_url"].as<std::string>();
    for (const alerts::RuleGroup& group : settings.groups) evaluators_.push_back(std::make_unique<alerts::GroupEvaluator>(group, options));
  }

  void Run(const YAML::Node& node) {
    // By time, and their places in the list: nodes themselves cannot be moved about, because assigning one changes the document.
    std::vector<std::pair<Millis, std::size_t>> checks;
    const YAML::Node alert_checks = node["alert_rule_test"];
    for (const auto& check : alert_checks) {
      OnlyKeys(check, {"eval_time", "alertname", "exp_alerts"});
      checks.emplace_back(start_ + TimeOf(check["eval_time"], 0), checks.size());
    }
    std::ranges::sort(checks);
    Millis last = checks.empty() ? start_ : checks.back().first;
    for (const auto& check : node["promql_expr_test"]) {
      OnlyKeys(check, {"expr", "eval_time", "exp_samples"});
      last = std::max(last, start_ + TimeOf(check["eval_time"], 0));
    }
    auto next = checks.begin();
    for (Millis now = start_; now <= last; now += settings_.interval) {
      Evaluate(now);
      // What holds at a moment between two evaluations is what the first of them found.
      for (; next != checks.end() && next->first < now + settings_.interval; ++next) CheckAlerts(alert_checks[next->second]);
    }
    for (const auto& check : node["promql_expr_test"]) CheckExpression(check);
  }

 private:
  static Millis StartOf(const YAML::Node& node) {
    const auto text = node.as<std::string>();
    const auto seconds = promql::ParseNumber(text);
    if (!seconds) throw BadTest(Place(node) + "start_timestamp must be seconds since 1970");
    return static_cast<Millis>(*seconds * 1000);
  }

  void Load(const YAML::Node& node) {
    const Millis interval = TimeOf(node["interval"], settings_.interval);
    for (const auto& entry : node["input_series"]) {
      OnlyKeys(entry, {"series", "values"});
      const auto labels = promql::ParseSeriesName(entry["series"].as<std::string>());
      if (!labels) throw BadTest(Place(entry) + labels.error().message);
      const auto values = promql::ParseNotedValues(entry["values"].as<std::string>());
      if (!values) throw BadTest(Place(entry) + values.error().message);
      Millis time = start_;
      for (const promql::NotedValue& value : *values) {
        if (value.kind == promql::NotedValue::Kind::kNativeHistogram) throw BadTest(Place(entry) + "native histograms are not supported");
        if (value.kind == promql::NotedValue::Kind::kValue) series_.Add(*labels, {time, value.value});
        time += interval;
      }
    }
  }

  // Every group at every step, whatever interval it has, as promtool does it.
  void Evaluate(Millis now) {
    for (std::size_t i = 0; i < evaluators_.size(); ++i) {
      alerts::Evaluation evaluation = evaluators_[i]->Evaluate(now, series_);
      for (const auto& problem : evaluation.problems) {
        Fail(now, "rule " + evaluators_[i]->group()->rules[problem.rule].name + " cannot be judged: " + problem.message);
      }
      std::set<Labels> added;
      for (const auto& sample : evaluation.series) {
        if (added.insert(sample.labels).second) series_.Add(sample.labels, {evaluation.at, sample.value});
      }
    }
  }

  void CheckAlerts(const YAML::Node& check) {
    const auto name = check["alertname"] ? check["alertname"].as<std::string>() : "";
    if (name.empty()) throw BadTest(Place(check) + "an alert_rule_test needs an alertname");
    std::vector<std::string> expected, found;
    for (const auto& alert : check["exp_alerts"]) {
      OnlyKeys(alert, {"exp_labels", "exp_annotations"});
      auto labels = TextsOf(alert["exp_labels"]);
      labels["alertname"] = name;
      expected.push_back(Shown(LabelsOf(labels), TextsOf(alert["exp_annotations"])));
    }
    for (const auto& evaluator : evaluators_) {
      for (std::size_t i = 0; i < evaluator->group()->rules.size(); ++i) {
        if (!evaluator->group()->rules[i].is_alert || evaluator->group()->rules[i].name != name) continue;
        for (const alerts::Alert& alert : evaluator->Alerts(i)) {
          if (alert.state == alerts::AlertState::kFiring) found.push_back(Shown(alert.labels, alert.annotations));
        }
      }
    }
    std::ranges::sort(expected);
    std::ranges::sort(found);
    if (expected == found) {
      ++report_.passed;
    } else {
      Fail(start_ + TimeOf(check["eval_time"], 0), "alert " + name + ":\n    expected:" + Shown(expected) + "\n    got:" + Shown(found));
    }
  }

  void CheckExpression(const YAML::Node& check) {
    const auto text = check["expr"].as<std::string>();
    const Millis at = start_ + TimeOf(check["eval_time"], 0);
    const auto node = promql::Parse(text);
    if (!node) throw BadTest(Place(check) + node.error().message);
    auto result = promql::QueryInstant(**node, series_, at, {});
    if (!result) return Fail(at, text + ": " + result.error().message);
    std::vector<std::pair<Labels, double>> expected, found;
    for (const auto& sample : check["exp_samples"]) {
      OnlyKeys(sample, {"labels", "value", "histogram"});
      if (sample["histogram"]) throw BadTest(Place(sample) + "native histograms are not supported");
      const auto labels = promql::ParseSeriesName(sample["labels"] ? sample["labels"].as<std::string>() : "{}");
      if (!labels) throw BadTest(Place(sample) + labels.error().message);
      const auto value = promql::ParseNumber(sample["value"] ? sample["value"].as<std::string>() : "0");
      if (!value) throw BadTest(Place(sample) + "value must be a number");
      expected.emplace_back(*labels, *value);
    }
    if (const auto* scalar = std::get_if<promql::ScalarValue>(&result->value)) {
      found.emplace_back(Labels(), scalar->value);
    } else if (const auto* vector = std::get_if<promql::Vector>(&result->value)) {
      for (const auto& sample : *vector) found.emplace_back(sample.labels, sample.value);
    } else {
      throw BadTest(Place(check) + "an expression must give a vector or a scalar");
    }
    const auto by_labels = [](const auto& a, const auto& b) { return a.first < b.first; };
    std::ranges::sort(expected, by_labels);
    std::ranges::sort(found, by_labels);
    const bool same =
        std::ranges::equal(expected, found, [&](const auto& a, const auto& b) { return a.first == b.first && Same(a.second, b.second); });
    if (same) {
      ++report_.passed;
      return;
    }
    const auto show = [](const auto& samples) {
      std::vector<std::string> texts;
      for (const auto& [labels, value] : samples) texts.push_back(labels.ToString() + " " + promql::FormatValue(value));
      return Shown(texts);
    };
    Fail(at, text + ":\n    expected:" + show(expected) + "\n    got:" + show(found));
  }

  // fuzzy_compare: within one unit of the last place, as promtool does it.
  bool Same(double a, double b) const {
    if (std::isnan(a) && std::isnan(b)) return true;
    return a == b || (settings_.fuzzy && (std::nextafter(a, b) == b));
  }

  void Fail(Millis at, const std::string& what) {
    report_.failures.push_back(name_ + ", at " + promql::FormatDuration(at - start_) + ": " + what);
  }

  const Settings& settings_;
  RuleTestReport& report_;
  std::string name_;
  Millis start_ = 0;
  promql::MemorySeries series_;
  std::vector<std::unique_ptr<alerts::GroupEvaluator>> evaluators_;
};

// Rule files are named relative to the test file.
std::vector<alerts::RuleGroup> ReadGroups(const YAML::Node& files, const std::filesystem::path& folder) {
  std::vector<std::string> patterns;
  for (const auto& file : files) patterns.push_back((folder / file.as<std::string>()).string());
  auto groups = alerts::ReadRuleFiles(patterns);
  if (groups) return std::move(*groups);
  std::string faults;
  for (const alerts::RuleFault& fault : groups.error()) faults += (faults.empty() ? "" : "\n") + fault.ToString();
  throw BadTest(faults);
}

// In the order that the file asks for; groups that it does not name come last.
void Order(std::vector<alerts::RuleGroup>& groups, const YAML::Node& order) {
  if (!order) return;
  const auto names = order.as<std::vector<std::string>>();
  std::ranges::stable_sort(groups, {},
                           [&](const alerts::RuleGroup& group) { return std::ranges::find(names, group.name) - names.begin(); });
}

}  // namespace

RuleTestReport RunRuleTests(const std::string& path) {
  RuleTestReport report;
  try {
    const YAML::Node file = YAML::LoadFile(path);
    OnlyKeys(file, {"rule_files", "evaluation_interval", "group_eval_order", "fuzzy_compare", "tests"});
    Settings settings;
    settings.folder = std::filesystem::path(path).parent_path();
    settings.groups = ReadGroups(file["rule_files"], settings.folder);
    Order(settings.groups, file["group_eval_order"]);
    settings.interval = TimeOf(file["evaluation_interval"], settings.interval);
    if (settings.interval <= 0) throw BadTest("evaluation_interval must be above 0");
    if (file["fuzzy_compare"]) settings.fuzzy = file["fuzzy_compare"].as<bool>();
    for (const auto& node : file["tests"]) RuleTest(settings, node, report).Run(node);
  } catch (const BadTest& error) {
    report.failures.emplace_back(error.what());
  } catch (const YAML::Exception& error) {
    report.failures.emplace_back(error.what());
  }
  return report;
}

}  // namespace inferd::cli
