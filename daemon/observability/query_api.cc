#include "daemon/observability/query_api.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "daemon/observability/query_json.h"
#include "daemon/observability/query_time.h"
#include "daemon/version.h"
#include "logging/json.h"
#include "metrics/catalogue.h"
#include "metrics/family.h"
#include "metrics/promql/engine.h"
#include "metrics/promql/parser.h"
#include "runtime/base/utf8.h"

namespace inferd::daemon {
namespace {

using logging::AppendJsonString;
using metrics::FamilyBuilder;
using metrics::Labels;
using metrics::Metric;
using metrics::Millis;

namespace promql = metrics::promql;

constexpr std::string_view kPrefix = "/api/v1/";
constexpr std::string_view kLabel = "/api/v1/label/";
constexpr std::string_view kValues = "/values";
constexpr std::array<std::string_view, 8> kPaths{"/api/v1/query",    "/api/v1/query_range", "/api/v1/series", "/api/v1/labels",
                                                 "/api/v1/metadata", "/api/v1/rules",       "/api/v1/alerts", "/api/v1/status/buildinfo"};
constexpr std::string_view kLabelValuesRoute = "/api/v1/label/values";
// Of Prometheus, whose language and answers these are; who asks decides by it what may be asked.
constexpr std::string_view kLanguageVersion = "3.5.0";

void AppendTexts(const auto& texts, std::string& out) {
  out += '[';
  bool first = true;
  for (const auto& text : texts) {
    if (!std::exchange(first, false)) out += ',';
    AppendJsonString(text, out);
  }
  out += ']';
}

}  // namespace

// Status and type as Prometheus gives them.
struct QueryApi::Failure {
  int status = 400;
  std::string_view type = "bad_data";
  std::string message;
  Outcome outcome = Outcome::kBad;

  static Failure Bad(std::string message) { return {.message = std::move(message)}; }
  static Failure Parameter(std::string_view name, const std::string& message) {
    return Bad("invalid parameter " + metrics::Quoted(name) + ": " + message);
  }
  static Failure Of(const Status& status) {
    switch (status.code) {
      case Code::kDeadlineExceeded: return {503, "timeout", status.message, Outcome::kTimeout};
      case Code::kCancelled: return {503, "canceled", status.message, Outcome::kTimeout};
      case Code::kResourceExhausted: return {422, "execution", status.message, Outcome::kRefused};
      case Code::kInternal: return {500, "internal", status.message, Outcome::kRefused};
      default: return {422, "execution", status.message, Outcome::kBad};
    }
  }
};

struct QueryApi::Answer {
  std::string data;  // JSON
  std::vector<std::string> warnings = {};
  std::vector<std::string> infos = {};
};

namespace {

std::string NoTime(std::string_view text) { return "cannot parse " + metrics::Quoted(text) + " to a valid timestamp"; }

// The parameter limit; 0 when there is none, nothing when it is no number that could be one.
std::optional<std::size_t> LimitOf(const Form& form) {
  const std::string_view text = form.Find("limit").value_or("0");
  std::size_t most = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), most);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(most) : std::nullopt;
}

// As many of them as the parameter limit says; tells when some were left out.
template <typename Items>
void Limit(const Form& form, Items& items, std::vector<std::string>& warnings) {
  const std::size_t most = LimitOf(form).value_or(0);
  if (most == 0 || items.size() <= most) return;
  items.erase(std::next(items.begin(), static_cast<std::ptrdiff_t>(most)), items.end());
  warnings.emplace_back("results truncated due to limit");
}

}  // namespace

QueryApi::QueryApi(const Watch& watch, const Clock& clock, QueryLimits limits)
    : watch_(watch),
      clock_(clock),
      limits_(limits),
      pool_(clock, limits.threads, limits.waiting),
      duration_(metrics::BucketsOf(Metric::kQueryTime)) {}

std::string_view QueryApi::RouteOf(std::string_view path) {
  const auto known = std::ranges::find(kPaths, path);
  if (known != kPaths.end()) return *known;
  const bool values = path.starts_with(kLabel) && path.ends_with(kValues) && path.size() > kLabel.size() + kValues.size();
  return values ? kLabelValuesRoute : std::string_view();
}

HttpResponse QueryApi::Handle(const RequestHead& head, const BodyReader& body) {
  const MonotonicTime start = clock_.Now();
  Asked asked = AskOnPool(head, body, start);
  ++outcomes_[static_cast<std::size_t>(asked ? Outcome::kOk : asked.error().outcome)];
  duration_.Observe(ToSeconds(clock_.Now() - start));

  HttpResponse response;
  if (!asked) {
    response.status = asked.error().status;
    response.body = R"({"status":"error","errorType":)";
    AppendJsonString(asked.error().type, response.body);
    response.body += ",\"error\":";
    AppendJsonString(asked.error().message, response.body);
    response.body += '}';
    return response;
  }
  response.body = R"({"status":"success","data":)" + std::move(asked->data);
  for (const auto& [name, notes] : {std::pair{"warnings", &asked->warnings}, {"infos", &asked->infos}}) {
    if (notes->empty()) continue;
    response.body.append(",\"").append(name).append("\":");
    AppendTexts(*notes, response.body);
  }
  response.body += '}';
  return response;
}

QueryApi::Asked QueryApi::AskOnPool(const RequestHead& head, const BodyReader& body, MonotonicTime start) {
  Form form;
  form.Add(head.query);
  if (head.method == "POST") {
    const auto text = body();
    if (!text) return tl::unexpected(Failure::Bad("error parsing form values: " + text.error().message));
    form.Add(*text);
  }
  Duration timeout = limits_.timeout;
  if (const auto wanted = form.Find("timeout")) {
    const auto parsed = ParseQueryDuration(*wanted);
    if (!parsed || *parsed < 0) {
      return tl::unexpected(Failure::Parameter("timeout", "cannot parse " + metrics::Quoted(*wanted) + " to a valid duration"));
    }
    if (*parsed < std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count()) timeout = std::chrono::milliseconds(*parsed);
  }
  const MonotonicTime deadline = start + timeout;
  Asked asked = tl::unexpected(Failure{503, "unavailable", "too many queries wait for a thread", Outcome::kBusy});
  const auto ran = pool_.Run(deadline, [&] { asked = Ask(head.path, form, deadline); });
  if (ran == QueryPool::Ran::kTooLate) return tl::unexpected(Failure{503, "timeout", "query timed out in query queue", Outcome::kTimeout});
  return asked;
}

QueryApi::Asked QueryApi::Ask(std::string_view path, const Form& form, MonotonicTime deadline) const {
  promql::EngineOptions options;
  options.max_samples = limits_.samples;
  options.clock = &clock_;
  options.timeout = deadline - clock_.Now();
  options.stop = &stopping_;
  if (const auto lookback = form.Find("lookback_delta")) {
    const auto parsed = ParseQueryDuration(*lookback);
    if (!parsed || *parsed <= 0) return tl::unexpected(Failure::Parameter("lookback_delta", "must be a positive duration"));
    options.lookback = *parsed;
  }
  if (!LimitOf(form)) return tl::unexpected(Failure::Parameter("limit", "must be a whole number of 0 or more"));
  const std::string_view name = path.substr(std::min(path.size(), kPrefix.size()));
  if (name == "query") return Query(form, options);
  if (name == "query_range") return QueryRange(form, options);
  if (name == "series") return Series(form, deadline);
  if (name == "labels") return LabelNames(form, deadline);
  if (name == "metadata") return Metadata(form);
  if (name == "rules") return Rules(form);
  if (name == "alerts") return Alerts();
  if (name == "status/buildinfo") return BuildInfo();
  return LabelValues(path.substr(kLabel.size(), path.size() - kLabel.size() - kValues.size()), form, deadline);
}

QueryApi::Asked QueryApi::Query(const Form& form, const promql::EngineOptions& options) const {
  const auto time = form.Find("time");
  const auto at = time ? ParseQueryTime(*time) : watch_.Now();
  if (!at) return tl::unexpected(Failure::Parameter("time", NoTime(*time)));
  const auto node = promql::Parse(form.Find("query").value_or(""));
  if (!node) return tl::unexpected(Failure::Parameter("query", node.error().message));
  auto result = promql::QueryInstant(**node, watch_.history(), *at, options);
  if (!result) return tl::unexpected(Failure::Of(result.error()));
  Answer answer{.data = {}, .warnings = std::move(result->warnings), .infos = std::move(result->infos)};
  if (auto* vector = std::get_if<promql::Vector>(&result->value)) Limit(form, *vector, answer.warnings);
  if (auto* matrix = std::get_if<promql::Matrix>(&result->value)) Limit(form, *matrix, answer.warnings);
  AppendQueryValue(result->value, answer.data);
  return answer;
}

QueryApi::Asked QueryApi::QueryRange(const Form& form, const promql::EngineOptions& options) const {
  std::array<Millis, 2> bounds{};
  for (const auto& [name, bound] : {std::pair{"start", &bounds[0]}, {"end", &bounds[1]}}) {
    const auto text = form.Find(name);
    const auto time = ParseQueryTime(text.value_or(""));
    if (!time) return tl::unexpected(Failure::Parameter(name, NoTime(text.value_or(""))));
    *bound = *time;
  }
  const auto [start, end] = bounds;
  if (end < start) return tl::unexpected(Failure::Parameter("end", "end timestamp must not be before start time"));
  const auto text = form.Find("step");
  const auto step = ParseQueryDuration(text.value_or(""));
  if (!step)
    return tl::unexpected(Failure::Parameter("step", "cannot parse " + metrics::Quoted(text.value_or("")) + " to a valid duration"));
  if (*step <= 0) {
    return tl::unexpected(
        Failure::Parameter("step", "zero or negative query resolution step widths are not accepted. Try a positive integer"));
  }
  if ((end - start) / *step >= options.max_steps) {
    return tl::unexpected(
        Failure::Bad("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"));
  }
  const auto node = promql::Parse(form.Find("query").value_or(""));
  if (!node) return tl::unexpected(Failure::Parameter("query", node.error().message));
  if ((*node)->type != promql::ValueType::kScalar && (*node)->type != promql::ValueType::kVector) {
    return tl::unexpected(Failure::Parameter("query", "invalid expression type " + metrics::Quoted(promql::TypeName((*node)->type)) +
                                                          " for range query, must be Scalar or instant Vector"));
  }
  auto result = promql::QueryRange(**node, watch_.history(), start, end, *step, options);
  if (!result) return tl::unexpected(Failure::Of(result.error()));
  Answer answer{.data = {}, .warnings = std::move(result->warnings), .infos = std::move(result->infos)};
  Limit(form, std::get<promql::Matrix>(result->value), answer.warnings);
  AppendQueryValue(result->value, answer.data);
  return answer;
}

tl::expected<std::vector<Labels>, QueryApi::Failure> QueryApi::Chosen(const Form& form, bool all, MonotonicTime deadline) const {
  Millis from = std::numeric_limits<Millis>::min();
  Millis to = std::numeric_limits<Millis>::max();
  for (const auto& [name, bound] : {std::pair{"start", &from}, {"end", &to}}) {
    const auto text = form.Find(name);
    if (!text) continue;
    const auto time = ParseQueryTime(*text);
    if (!time) return tl::unexpected(Failure::Parameter(name, NoTime(*text)));
    *bound = *time;
  }
  const std::vector<std::string> selectors = form.All("match[]");
  if (selectors.empty() && !all) return tl::unexpected(Failure::Bad("no match[] parameter provided"));
  std::set<Labels> chosen;
  const auto choose = [&](std::span<const metrics::Matcher> matchers) {
    const auto found = watch_.history().Select(matchers, from, to);
    for (std::size_t i = 0; i < found->size(); ++i) chosen.insert(found->labels(i));
  };
  if (selectors.empty()) choose({});
  for (const std::string& text : selectors) {
    const auto node = promql::Parse(text);
    if (!node) return tl::unexpected(Failure::Parameter("match[]", node.error().message));
    const auto* selector = (*node)->Get<promql::VectorSelector>();
    if (selector == nullptr || selector->shift.has_offset || selector->shift.at.kind != promql::At::Kind::kNone) {
      return tl::unexpected(Failure::Parameter("match[]", metrics::Quoted(text) + " is no series selector"));
    }
    choose(selector->matchers);
    // One looks at every series at most; there may be thousands of them.
    if (clock_.Now() >= deadline) return tl::unexpected(Failure{503, "timeout", "query timed out", Outcome::kTimeout});
  }
  return std::vector<Labels>(chosen.begin(), chosen.end());
}

QueryApi::Asked QueryApi::Series(const Form& form, MonotonicTime deadline) const {
  auto chosen = Chosen(form, /*all=*/false, deadline);
  if (!chosen) return tl::unexpected(std::move(chosen.error()));
  Answer answer;
  Limit(form, *chosen, answer.warnings);
  answer.data += '[';
  for (const Labels& labels : *chosen) {
    if (answer.data.size() > 1) answer.data += ',';
    AppendLabels(labels, answer.data);
  }
  answer.data += ']';
  return answer;
}

QueryApi::Asked QueryApi::LabelNames(const Form& form, MonotonicTime deadline) const {
  const auto chosen = Chosen(form, /*all=*/true, deadline);
  if (!chosen) return tl::unexpected(chosen.error());
  std::set<std::string> names;
  for (const Labels& labels : *chosen) {
    for (const metrics::Label& label : labels.pairs()) names.insert(label.name);
  }
  Answer answer;
  Limit(form, names, answer.warnings);
  AppendTexts(names, answer.data);
  return answer;
}

QueryApi::Asked QueryApi::LabelValues(std::string_view name, const Form& form, MonotonicTime deadline) const {
  if (!IsValidUtf8(name)) return tl::unexpected(Failure::Bad("invalid label name: " + metrics::Quoted(name)));
  const auto chosen = Chosen(form, /*all=*/true, deadline);
  if (!chosen) return tl::unexpected(chosen.error());
  std::set<std::string> values;
  for (const Labels& labels : *chosen) {
    if (labels.Has(name)) values.emplace(labels.Get(name));
  }
  Answer answer;
  Limit(form, values, answer.warnings);
  AppendTexts(values, answer.data);
  return answer;
}

QueryApi::Asked QueryApi::Metadata(const Form& form) {
  const auto wanted = form.Find("metric");
  std::vector<const metrics::MetricInfo*> metrics;
  for (const metrics::MetricInfo& metric : metrics::Catalogue()) {
    if (!wanted || metric.name == *wanted) metrics.push_back(&metric);
  }
  Answer answer;
  Limit(form, metrics, answer.warnings);
  answer.data = "{";
  for (const metrics::MetricInfo* metric : metrics) {
    if (answer.data.size() > 1) answer.data += ',';
    AppendJsonString(metric->name, answer.data);
    answer.data.append(R"(:[{"type":")").append(MetricTypeName(metric->type)).append(R"(","help":)");
    AppendJsonString(metric->help, answer.data);
    answer.data += R"(,"unit":""}])";
  }
  answer.data += '}';
  return answer;
}

QueryApi::Asked QueryApi::Rules(const Form& form) const {
  RuleFilter filter;
  if (const auto type = form.Find("type")) {
    if (*type != "alert" && *type != "record") {
      return tl::unexpected(Failure::Parameter("type", "not supported value " + metrics::Quoted(*type)));
    }
    filter.recording = *type == "record";
    filter.alerting = *type == "alert";
  }
  if (const auto without = form.Find("exclude_alerts")) filter.without_alerts = *without == "true" || *without == "1";
  filter.names = form.All("rule_name[]");
  filter.groups = form.All("rule_group[]");
  filter.files = form.All("file[]");
  Answer answer{.data = R"({"groups":)"};
  AppendRules(*watch_.rules(), filter, answer.data);
  answer.data += '}';
  return answer;
}

QueryApi::Asked QueryApi::Alerts() const {
  Answer answer{.data = R"({"alerts":[)"};
  bool first = true;
  const auto state = watch_.rules();
  for (const alerts::GroupState& group : *state) {
    for (const alerts::RuleState& rule : group.rules) {
      for (const alerts::Alert& alert : rule.alerts) {
        if (alert.state == alerts::AlertState::kInactive) continue;
        if (!std::exchange(first, false)) answer.data += ',';
        AppendAlert(alert, answer.data);
      }
    }
  }
  answer.data += "]}";
  return answer;
}

QueryApi::Asked QueryApi::BuildInfo() {
  Answer answer{.data = R"({"application":"inferd","version":)"};
  AppendJsonString(kLanguageVersion, answer.data);
  for (const auto& [name, value] : {std::pair{"revision", Revision()}, {"inferdVersion", Version()}}) {
    answer.data.append(",\"").append(name).append("\":");
    AppendJsonString(value, answer.data);
  }
  answer.data += '}';
  return answer;
}

std::vector<prometheus::MetricFamily> QueryApi::Collect() const {
  constexpr std::array<std::string_view, 5> kOutcomes{"ok", "bad", "refused", "timeout", "busy"};
  FamilyBuilder queries(Metric::kQueries), duration(Metric::kQueryTime);
  for (std::size_t i = 0; i < kOutcomes.size(); ++i) queries.Add({kOutcomes[i]}, static_cast<double>(outcomes_[i]));
  duration.Add({}, duration_);
  return {queries.Take(), duration.Take()};
}

}  // namespace inferd::daemon
