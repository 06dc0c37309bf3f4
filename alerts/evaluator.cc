#include "alerts/evaluator.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <memory>
#include <utility>

#include "alerts/template.h"

namespace inferd::alerts {
namespace {

using metrics::Labels;
using metrics::QuerySample;
using metrics::Sample;

constexpr std::string_view kAlertName = "alertname";
constexpr std::string_view kAlertState = "alertstate";

// What rules of the group recorded a moment ago, before everything else: a stale marker for what they no longer record. Of two samples of
// one series the first holds.
class WithRecorded final : public metrics::Querier {
 public:
  WithRecorded(const Querier& base, std::span<const QuerySample> recorded, Millis now) : base_(base), recorded_(recorded), now_(now) {}

  std::unique_ptr<metrics::SeriesSet> Select(std::span<const metrics::Matcher> matchers, Millis from, Millis to) const override {
    auto set = base_.Select(matchers, from, to);
    if (now_ < from || now_ > to) return set;
    std::vector<QuerySample> added;
    for (const QuerySample& sample : recorded_) {
      if (metrics::MatchesAll(matchers, sample.labels)) added.push_back(sample);
    }
    if (added.empty()) return set;
    return std::make_unique<Joined>(std::move(set), std::move(added), now_);
  }

 private:
  class Joined final : public metrics::SeriesSet {
   public:
    Joined(std::unique_ptr<SeriesSet> base, const std::vector<QuerySample>& added, Millis now) : base_(std::move(base)), now_(now) {
      std::map<Labels, Entry> entries;
      for (std::size_t i = 0; i < base_->size(); ++i) entries[base_->labels(i)].base = i;
      for (const QuerySample& sample : added) {
        auto& value = entries[sample.labels].added;
        if (!value) value = sample.value;
      }
      for (auto& [labels, entry] : entries) entries_.emplace_back(labels, entry);
    }
    std::size_t size() const override { return entries_.size(); }
    const Labels& labels(std::size_t series) const override { return entries_[series].first; }
    void Read(std::size_t series, Millis from, Millis to, std::vector<Sample>& out) const override {
      const Entry& entry = entries_[series].second;
      if (entry.base) base_->Read(*entry.base, from, to, out);
      if (!entry.added || now_ < from || now_ > to) return;
      if (!out.empty() && out.back().time == now_) out.pop_back();
      out.push_back({now_, *entry.added});
    }

   private:
    struct Entry {
      std::optional<std::size_t> base;
      std::optional<double> added;
    };
    std::unique_ptr<SeriesSet> base_;
    std::vector<std::pair<Labels, Entry>> entries_;
    Millis now_;
  };

  const Querier& base_;
  std::span<const QuerySample> recorded_;
  Millis now_;
};

// As Prometheus shows a template that cannot be expanded: the alert matters more than its text.
std::string Expanded(const std::string& text, const TemplateData& data) {
  auto expanded = ExpandTemplate(text, data);
  return expanded ? std::move(*expanded) : "<error expanding template: " + expanded.error().message + ">";
}

Labels WithAll(const Labels& labels, const std::map<std::string, std::string>& added) {
  std::vector<metrics::Label> all(labels.pairs().begin(), labels.pairs().end());
  for (const auto& [name, value] : added) all.push_back({name, value});
  return Labels::From(std::move(all));
}

// The labels with those of `added` whose names they have not.
Labels WithMissing(const Labels& labels, const Labels& added) {
  std::vector<metrics::Label> all(added.pairs().begin(), added.pairs().end());
  all.insert(all.end(), labels.pairs().begin(), labels.pairs().end());
  return Labels::From(std::move(all));
}

// Percent-encoding of everything but RFC 3986's unreserved characters.
std::string UrlEscaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte < 0x80 && (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~');
    if (plain) {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  return out;
}

}  // namespace

GroupEvaluator::GroupEvaluator(RuleGroup group, EvaluatorOptions options)
    : group_(std::make_shared<const RuleGroup>(std::move(group))),
      options_(std::move(options)),
      active_(group_->rules.size()),
      recorded_(group_->rules.size()) {}

Evaluation GroupEvaluator::Evaluate(Millis now, const metrics::Querier& querier) {
  Evaluation evaluation;
  evaluation.at = now - group_->query_offset;
  std::vector<QuerySample>& series = evaluation.series;
  for (std::size_t i = 0; i < group_->rules.size(); ++i) {
    const Rule& rule = group_->rules[i];
    const std::size_t before = series.size();
    const WithRecorded view(querier, series, evaluation.at);  // what a rule makes is added when it has asked everything
    const MonotonicTime start = Now();
    const auto done =
        rule.is_alert ? EvaluateAlert(rule, active_[i], now, view, evaluation) : EvaluateRecording(rule, now, view, evaluation);
    evaluation.took.push_back(Now() - start);
    if (!done) {
      evaluation.problems.push_back({i, done.error().message});
      continue;
    }
    std::set<Labels> recorded;
    for (std::size_t k = before; k < series.size(); ++k) recorded.insert(series[k].labels);
    for (const Labels& labels : recorded_[i]) {
      if (!recorded.contains(labels)) series.push_back({labels, metrics::kStaleMarker});
    }
    recorded_[i] = std::move(recorded);
  }
  for (const Labels& labels : std::exchange(left_over_, {})) series.push_back({labels, metrics::kStaleMarker});
  return evaluation;
}

MonotonicTime GroupEvaluator::Now() const {
  const Clock* clock = options_.engine.clock;
  return clock == nullptr ? MonotonicTime{} : clock->Now();
}

Result<> GroupEvaluator::EvaluateRecording(const Rule& rule, Millis now, const metrics::Querier& querier, Evaluation& out) {
  INFERD_ASSIGN_OR_RETURN(auto samples, rule.expr.Ask(querier, now - group_->query_offset, options_.engine));
  std::map<Labels, double> recorded;
  for (const QuerySample& sample : samples) {
    const Labels labels = WithAll(sample.labels, rule.labels).With(metrics::kMetricName, rule.name);
    if (!recorded.emplace(labels, sample.value).second) {
      return Error(Code::kInvalidArgument, "vector contains metrics with the same labelset after applying rule labels");
    }
  }
  if (group_->limit > 0 && recorded.size() > group_->limit) {
    return Error(Code::kResourceExhausted,
                 "exceeded limit of " + std::to_string(group_->limit) + " with " + std::to_string(recorded.size()) + " series");
  }
  for (auto& [labels, value] : recorded) out.series.push_back({labels, value});
  return {};
}

// The alerts that the expression names at this moment.
Result<GroupEvaluator::ActiveAlerts> GroupEvaluator::Found(const Rule& rule, Millis now, const metrics::Querier& querier) const {
  const Millis at = now - group_->query_offset;
  INFERD_ASSIGN_OR_RETURN(const auto samples, rule.expr.Ask(querier, at, options_.engine));
  ActiveAlerts found;
  for (const QuerySample& sample : samples) {
    const TemplateData data{.labels = sample.labels,
                            .value = sample.value,
                            .external_labels = options_.external_labels,
                            .external_url = options_.external_url,
                            .query = [&](const std::string& text) -> Result<std::vector<QuerySample>> {
                              INFERD_ASSIGN_OR_RETURN(const auto expr, metrics::Expression::Parse(text));
                              // Without the offset: as Prometheus does it.
                              return expr.Ask(querier, now, options_.engine);
                            }};
    std::map<std::string, std::string> labels;
    for (const auto& [name, text] : rule.labels) labels[name] = Expanded(text, data);
    labels[std::string(kAlertName)] = rule.name;
    Alert alert{.labels = WithAll(sample.labels.WithoutName(), labels), .annotations = {}, .value = sample.value, .active_at = now};
    for (const auto& [name, text] : rule.annotations) alert.annotations[name] = Expanded(text, data);
    const Labels key = alert.labels;
    if (!found.emplace(key, std::move(alert)).second) {
      return Error(Code::kInvalidArgument, "vector contains metrics with the same labelset after applying alert labels");
    }
  }
  return found;
}

Result<> GroupEvaluator::EvaluateAlert(const Rule& rule, ActiveAlerts& active, Millis now, const metrics::Querier& querier,
                                       Evaluation& out) {
  INFERD_ASSIGN_OR_RETURN(ActiveAlerts found, Found(rule, now, querier));
  const auto moved = [&](const Alert& alert, AlertState from, AlertState to) {
    out.transitions.push_back({group_->name, rule.name, alert.labels, from, to, now, alert.annotations});
  };
  for (auto& [labels, alert] : found) {
    const auto known = active.find(labels);
    if (known != active.end() && known->second.state != AlertState::kInactive) {
      known->second.value = alert.value;
      known->second.annotations = alert.annotations;
    } else {
      moved(alert, AlertState::kInactive, AlertState::kPending);
      active[labels] = alert;
    }
  }
  std::size_t count = 0;
  std::vector<QuerySample> series;
  for (auto entry = active.begin(); entry != active.end();) {
    Alert& alert = entry->second;
    if (found.contains(entry->first)) {
      alert.missing_since.reset();
    } else {
      if (alert.state == AlertState::kPending) {
        moved(alert, AlertState::kPending, AlertState::kInactive);
        entry = active.erase(entry);
        continue;
      }
      if (alert.state == AlertState::kFiring && rule.keep_firing > 0 && !alert.missing_since) alert.missing_since = now;
      const bool keeps = alert.state == AlertState::kFiring && alert.missing_since && now - *alert.missing_since < rule.keep_firing;
      if (!keeps && alert.state == AlertState::kFiring) {
        moved(alert, AlertState::kFiring, AlertState::kInactive);
        alert.state = AlertState::kInactive;
        alert.resolved_at = now;
      }
      if (alert.state == AlertState::kInactive) {
        const bool forget = alert.resolved_at && now - *alert.resolved_at > kResolvedRetention;
        entry = forget ? active.erase(entry) : std::next(entry);
        continue;
      }
    }
    if (alert.state == AlertState::kPending && now - alert.active_at >= rule.hold) {
      moved(alert, AlertState::kPending, AlertState::kFiring);
      alert.state = AlertState::kFiring;
      alert.fired_at = now;
    }
    ++count;
    const std::string state(AlertStateName(alert.state));
    series.push_back({alert.labels.With(metrics::kMetricName, "ALERTS").With(kAlertState, state), 1});
    const Millis active_seconds = alert.active_at / 1000;
    series.push_back({alert.labels.With(metrics::kMetricName, "ALERTS_FOR_STATE"), static_cast<double>(active_seconds)});
    ++entry;
  }
  if (group_->limit > 0 && count > group_->limit) {
    active.clear();
    return Error(Code::kResourceExhausted,
                 "exceeded limit of " + std::to_string(group_->limit) + " with " + std::to_string(count) + " alerts");
  }
  out.series.insert(out.series.end(), series.begin(), series.end());
  return {};
}

std::vector<Notification> GroupEvaluator::TakeNotifications(Millis now, Millis interval, Millis resend_delay) {
  std::vector<Notification> notifications;
  for (std::size_t i = 0; i < active_.size(); ++i) {
    for (auto& [labels, alert] : active_[i]) {
      if (alert.state == AlertState::kPending) continue;
      const bool resolved_since = alert.resolved_at && (!alert.last_sent_at || *alert.resolved_at > *alert.last_sent_at);
      const bool due = !alert.last_sent_at || *alert.last_sent_at + resend_delay < now;
      if (!resolved_since && !due) continue;
      alert.last_sent_at = now;
      // Two evaluations or deliveries may fail before whoever hears of it takes the alert for resolved.
      const Millis valid_until = now + 4 * std::max(interval, resend_delay);
      notifications.push_back(Told(i, alert, alert.resolved_at.value_or(valid_until)));
    }
  }
  return notifications;
}

std::vector<Notification> GroupEvaluator::TakeFarewells(Millis now, const std::function<bool(const Labels&)>& goes_on) {
  std::vector<Notification> farewells;
  for (std::size_t i = 0; i < active_.size(); ++i) {
    for (auto& [labels, alert] : active_[i]) {
      if (alert.state != AlertState::kFiring || goes_on(labels)) continue;
      alert.state = AlertState::kInactive;
      alert.resolved_at = now;
      farewells.push_back(Told(i, alert, now));
    }
  }
  return farewells;
}

Notification GroupEvaluator::Told(std::size_t rule, const Alert& alert, Millis ends_at) const {
  Labels labels = WithMissing(alert.labels, options_.external_labels);
  const std::uint64_t fingerprint = labels.hash();
  return {.status = alert.resolved_at ? NotificationStatus::kResolved : NotificationStatus::kFiring,
          .labels = std::move(labels),
          .annotations = {alert.annotations.begin(), alert.annotations.end()},
          .starts_at = WallTime(std::chrono::milliseconds(alert.fired_at.value_or(alert.active_at))),
          .ends_at = WallTime(std::chrono::milliseconds(ends_at)),
          .generator_url = options_.external_url + "/api/v1/query?query=" + UrlEscaped(group_->rules[rule].expr.text()),
          .fingerprint = fingerprint,
          .value = alert.value};
}

std::vector<Alert> GroupEvaluator::Alerts(std::size_t rule) const {
  std::vector<Alert> alerts;
  for (const auto& [labels, alert] : active_[rule]) alerts.push_back(alert);
  return alerts;
}

void GroupEvaluator::Continue(GroupEvaluator& before) {
  std::vector<bool> used(before.group_->rules.size());
  for (std::size_t i = 0; i < group_->rules.size(); ++i) {
    const Rule& rule = group_->rules[i];
    for (std::size_t k = 0; k < used.size(); ++k) {
      const Rule& was = before.group_->rules[k];
      if (used[k] || was.is_alert != rule.is_alert || was.name != rule.name || was.labels != rule.labels) continue;
      used[k] = true;
      active_[i] = std::exchange(before.active_[k], {});
      recorded_[i] = std::exchange(before.recorded_[k], {});
      break;
    }
  }
  left_over_ = before.TakeSeries();
}

std::set<Labels> GroupEvaluator::TakeSeries() {
  std::set<Labels> series = std::exchange(left_over_, {});
  for (std::set<Labels>& recorded : recorded_) series.merge(std::exchange(recorded, {}));
  return series;
}

std::vector<GroupEvaluator::Saved> GroupEvaluator::Save() const {
  std::vector<Saved> saved;
  for (std::size_t i = 0; i < group_->rules.size(); ++i) {
    if (!active_[i].empty()) saved.push_back({group_->rules[i].name, group_->rules[i].labels, Alerts(i)});
  }
  return saved;
}

void GroupEvaluator::Restore(std::span<const Saved> saved) {
  std::vector<bool> used(saved.size());
  for (std::size_t i = 0; i < group_->rules.size(); ++i) {
    const Rule& rule = group_->rules[i];
    for (std::size_t k = 0; k < saved.size(); ++k) {
      if (!rule.is_alert || used[k] || saved[k].rule != rule.name || saved[k].labels != rule.labels) continue;
      used[k] = true;
      for (const Alert& alert : saved[k].alerts) active_[i].emplace(alert.labels, alert);
      break;
    }
  }
}

}  // namespace inferd::alerts
