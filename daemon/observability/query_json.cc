#include "daemon/observability/query_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <variant>

#include "logging/json.h"
#include "metrics/promql/format.h"

namespace inferd::daemon {
namespace {

using logging::AppendJsonNumber;
using logging::AppendJsonString;
using metrics::Millis;
using metrics::promql::FormatValue;

// Seconds with as many decimals as there are milliseconds.
void AppendTime(Millis time, std::string& out) {
  const Millis rest = std::abs(time % 1000);
  if (time < 0 && time > -1000) out += '-';
  out += std::to_string(time / 1000);
  if (rest == 0) return;
  const std::string digits = std::to_string(1000 + rest).substr(1);
  out.append(1, '.').append(digits, 0, digits.find_last_not_of('0') + 1);
}

void AppendPoint(Millis time, double value, std::string& out) {
  out += '[';
  AppendTime(time, out);
  out.append(",\"").append(FormatValue(value)).append("\"]");
}

// A number as Go's strconv.FormatFloat(value, 'e', -1, 64), which the API shows for alerts.
std::string Scientific(double value) {
  if (!std::isfinite(value)) return FormatValue(value);
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific).ptr};
}

template <typename Items, typename Append>
void AppendList(const Items& items, std::string& out, const Append& append) {
  out += '[';
  bool first = true;
  for (const auto& item : items) {
    if (!std::exchange(first, false)) out += ',';
    append(item);
  }
  out += ']';
}

class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_ += '{'; }
  ~Object() { out_ += '}'; }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  std::string& Key(std::string_view name) {
    if (!std::exchange(first_, false)) out_ += ',';
    AppendJsonString(name, out_);
    out_ += ':';
    return out_;
  }
  void Text(std::string_view name, std::string_view value) { AppendJsonString(value, Key(name)); }
  void Number(std::string_view name, double value) { AppendJsonNumber(value, Key(name)); }

 private:
  std::string& out_;
  bool first_ = true;
};

template <typename Pairs>
void AppendMap(const Pairs& pairs, std::string& out) {
  Object object(out);
  for (const auto& [name, value] : pairs) object.Text(name, value);
}

void AppendRule(const alerts::Rule& rule, const alerts::RuleState& state, Millis last, const RuleFilter& filter, std::string& out) {
  Object object(out);
  if (rule.is_alert) {
    alerts::AlertState worst = alerts::AlertState::kInactive;
    for (const alerts::Alert& alert : state.alerts) worst = std::max(worst, alert.state);
    object.Text("state", alerts::AlertStateName(worst));
  }
  object.Text("name", rule.name);
  object.Text("query", rule.expr.text());
  if (rule.is_alert) {
    object.Number("duration", static_cast<double>(rule.hold) / 1000);
    object.Number("keepFiringFor", static_cast<double>(rule.keep_firing) / 1000);
  }
  AppendMap(rule.labels, object.Key("labels"));
  if (rule.is_alert) {
    AppendMap(rule.annotations, object.Key("annotations"));
    std::vector<const alerts::Alert*> active;
    for (const alerts::Alert& alert : state.alerts) {
      if (alert.state != alerts::AlertState::kInactive && !filter.without_alerts) active.push_back(&alert);
    }
    AppendList(active, object.Key("alerts"), [&](const alerts::Alert* alert) { AppendAlert(*alert, out); });
  }
  constexpr std::array<std::string_view, 3> kHealth{"unknown", "ok", "err"};
  object.Text("health", kHealth[static_cast<std::size_t>(state.health)]);
  if (!state.last_error.empty()) object.Text("lastError", state.last_error);
  object.Number("evaluationTime", ToSeconds(state.took));
  object.Text("lastEvaluation", Rfc3339(last));
  object.Text("type", rule.is_alert ? "alerting" : "recording");
}

bool Wanted(const std::vector<std::string>& wanted, const std::string& name) {
  return wanted.empty() || std::ranges::find(wanted, name) != wanted.end();
}

}  // namespace

std::string Rfc3339(Millis time) {
  Millis rest = time % 1000;
  if (rest < 0) rest += 1000;
  const auto seconds = static_cast<std::time_t>((time - rest) / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 40> text{};
  std::string out(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc));
  if (rest > 0) {
    const std::string digits = std::to_string(1000 + rest).substr(1);
    out.append(1, '.').append(digits, 0, digits.find_last_not_of('0') + 1);
  }
  return out + "Z";
}

void AppendLabels(const metrics::Labels& labels, std::string& out) {
  Object object(out);
  for (const metrics::Label& label : labels.pairs()) object.Text(label.name, label.value);
}

void AppendQueryValue(const metrics::promql::Value& value, std::string& out) {
  namespace promql = metrics::promql;
  Object object(out);
  if (const auto* scalar = std::get_if<promql::ScalarValue>(&value)) {
    object.Text("resultType", "scalar");
    AppendPoint(scalar->time, scalar->value, object.Key("result"));
  } else if (const auto* text = std::get_if<promql::StringValue>(&value)) {
    object.Text("resultType", "string");
    object.Key("result") += '[';
    AppendTime(text->time, out);
    out += ',';
    AppendJsonString(text->value, out);
    out += ']';
  } else if (const auto* vector = std::get_if<promql::Vector>(&value)) {
    object.Text("resultType", "vector");
    AppendList(*vector, object.Key("result"), [&](const promql::VectorSample& sample) {
      Object element(out);
      AppendLabels(sample.labels, element.Key("metric"));
      AppendPoint(sample.time, sample.value, element.Key("value"));
    });
  } else {
    object.Text("resultType", "matrix");
    AppendList(std::get<promql::Matrix>(value), object.Key("result"), [&](const promql::Series& series) {
      Object element(out);
      AppendLabels(series.labels, element.Key("metric"));
      AppendList(series.samples, element.Key("values"),
                 [&](const metrics::Sample& sample) { AppendPoint(sample.time, sample.value, out); });
    });
  }
}

void AppendAlert(const alerts::Alert& alert, std::string& out) {
  Object object(out);
  AppendLabels(alert.labels, object.Key("labels"));
  AppendMap(alert.annotations, object.Key("annotations"));
  object.Text("state", alerts::AlertStateName(alert.state));
  object.Text("activeAt", Rfc3339(alert.active_at));
  if (alert.missing_since) object.Text("keepFiringSince", Rfc3339(*alert.missing_since));
  object.Text("value", Scientific(alert.value));
}

void AppendRules(const alerts::RulesState& state, const RuleFilter& filter, std::string& out) {
  std::vector<const alerts::GroupState*> groups;
  const auto wants = [&](const alerts::Rule& rule) {
    return (rule.is_alert ? filter.alerting : filter.recording) && Wanted(filter.names, rule.name);
  };
  for (const alerts::GroupState& group : state) {
    if (!Wanted(filter.groups, group.group->name) || !Wanted(filter.files, group.group->file)) continue;
    if (group.group->rules.empty() ? filter.names.empty() : std::ranges::any_of(group.group->rules, wants)) groups.push_back(&group);
  }
  AppendList(groups, out, [&](const alerts::GroupState* group) {
    Object object(out);
    object.Text("name", group->group->name);
    object.Text("file", group->group->file);
    std::vector<std::size_t> rules;
    for (std::size_t i = 0; i < group->rules.size(); ++i) {
      if (wants(group->group->rules[i])) rules.push_back(i);
    }
    AppendList(rules, object.Key("rules"),
               [&](std::size_t i) { AppendRule(group->group->rules[i], group->rules[i], group->last_evaluation, filter, out); });
    object.Number("interval", static_cast<double>(group->interval) / 1000);
    object.Number("limit", static_cast<double>(group->group->limit));
    object.Number("evaluationTime", ToSeconds(group->took));
    object.Text("lastEvaluation", Rfc3339(group->last_evaluation));
  });
}

}  // namespace inferd::daemon
