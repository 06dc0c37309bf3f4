#include "metrics/promql/functions.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <numbers>

#include "metrics/promql/range_functions.h"

namespace inferd::metrics::promql {
namespace {

using enum ValueType;

double Sign(double v) { return std::isnan(v) || v == 0 ? v : v < 0 ? -1 : 1; }
double Degrees(double v) { return v * 180 / std::numbers::pi; }
double Radians(double v) { return v * std::numbers::pi / 180; }

// Calendar of a moment in UTC. What is more than 30 000 years away from 1970, or no number, counts as 1970.
std::chrono::year_month_day DateOf(double seconds) {
  constexpr double kFarthest = 3e4 * 365 * 86400;
  if (!(std::abs(seconds) < kFarthest)) seconds = 0;
  const auto time = std::chrono::sys_seconds(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
  return std::chrono::floor<std::chrono::days>(time);
}
std::int64_t SecondsOfDay(double seconds) {
  if (!(std::abs(seconds) < 1e15)) return 0;
  const auto whole = static_cast<std::int64_t>(seconds) % 86400;
  return whole < 0 ? whole + 86400 : whole;
}

double Year(double s) { return static_cast<int>(DateOf(s).year()); }
double Month(double s) { return static_cast<unsigned>(DateOf(s).month()); }
double DayOfMonth(double s) { return static_cast<unsigned>(DateOf(s).day()); }
double DayOfWeek(double s) { return std::chrono::weekday(std::chrono::sys_days(DateOf(s))).c_encoding(); }
double DayOfYear(double s) {
  const auto date = DateOf(s);
  const auto first = std::chrono::sys_days(date.year() / std::chrono::January / 1);
  return static_cast<double>((std::chrono::sys_days(date) - first).count() + 1);
}
double DaysInMonth(double s) {
  const auto date = DateOf(s);
  return static_cast<unsigned>((date.year() / date.month() / std::chrono::last).day());
}
double Hour(double s) { return static_cast<double>(SecondsOfDay(s) / 3600); }
double Minute(double s) { return static_cast<double>(SecondsOfDay(s) / 60 % 60); }

Function Make(std::string_view name, std::initializer_list<ValueType> arguments, ValueType result) {
  Function function{.name = name, .argument_count = arguments.size(), .result = result, .implementation = Special::kVector};
  std::ranges::copy(arguments, function.arguments.begin());
  return function;
}

// One row of each pattern.
Function Math(std::string_view name, MathFunction run) {
  Function function = Make(name, {kVector}, kVector);
  function.implementation = run;
  return function;
}
Function Calendar(std::string_view name, MathFunction run) {
  Function function = Math(name, run);
  function.optional = 1;
  function.depends_on_step = true;
  return function;
}
Function Range(std::string_view name, RangeFunction run, std::initializer_list<ValueType> arguments = {kMatrix}) {
  Function function = Make(name, arguments, kVector);
  function.implementation = run;
  return function;
}
Function Other(std::string_view name, Special special, std::initializer_list<ValueType> arguments, ValueType result = kVector,
               int optional = 0) {
  Function function = Make(name, arguments, result);
  function.implementation = special;
  function.optional = optional;
  return function;
}
Function DependingOnStep(Function function) {
  function.depends_on_step = true;
  return function;
}

// Sorted by name.
const std::array kFunctions = {
    Math("abs", std::abs),
    Other("absent", Special::kAbsent, {kVector}),
    Other("absent_over_time", Special::kAbsentOverTime, {kMatrix}),
    Math("acos", std::acos),
    Math("acosh", std::acosh),
    Math("asin", std::asin),
    Math("asinh", std::asinh),
    Math("atan", std::atan),
    Math("atanh", std::atanh),
    Range("avg_over_time", AvgOverTime),
    Math("ceil", std::ceil),
    Range("changes", Changes),
    Other("clamp", Special::kClamp, {kVector, kScalar, kScalar}),
    Other("clamp_max", Special::kClampMax, {kVector, kScalar}),
    Other("clamp_min", Special::kClampMin, {kVector, kScalar}),
    Math("cos", std::cos),
    Math("cosh", std::cosh),
    Range("count_over_time", CountOverTime),
    Calendar("day_of_month", DayOfMonth),
    Calendar("day_of_week", DayOfWeek),
    Calendar("day_of_year", DayOfYear),
    Calendar("days_in_month", DaysInMonth),
    Math("deg", Degrees),
    Range("delta", Delta),
    Range("deriv", Deriv),
    Math("exp", std::exp),
    Math("floor", std::floor),
    Other("histogram_avg", Special::kNativeHistogram, {kVector}),
    Other("histogram_count", Special::kNativeHistogram, {kVector}),
    Other("histogram_fraction", Special::kHistogramFraction, {kScalar, kScalar, kVector}),
    Other("histogram_quantile", Special::kHistogramQuantile, {kScalar, kVector}),
    Other("histogram_stddev", Special::kNativeHistogram, {kVector}),
    Other("histogram_stdvar", Special::kNativeHistogram, {kVector}),
    Other("histogram_sum", Special::kNativeHistogram, {kVector}),
    Calendar("hour", Hour),
    Range("idelta", Idelta),
    Range("increase", Increase),
    Range("irate", Irate),
    Other("label_join", Special::kLabelJoin, {kVector, kString, kString, kString}, kVector, -1),
    Other("label_replace", Special::kLabelReplace, {kVector, kString, kString, kString, kString}),
    Range("last_over_time", LastOverTime),
    Math("ln", std::log),
    Math("log10", std::log10),
    Math("log2", std::log2),
    Range("max_over_time", MaxOverTime),
    Range("min_over_time", MinOverTime),
    Calendar("minute", Minute),
    Calendar("month", Month),
    Other("pi", Special::kPi, {}, kScalar),
    DependingOnStep(Range("predict_linear", PredictLinear, {kMatrix, kScalar})),
    Range("present_over_time", PresentOverTime),
    Range("quantile_over_time", QuantileOverTime, {kScalar, kMatrix}),
    Math("rad", Radians),
    Range("rate", Rate),
    Range("resets", Resets),
    Other("round", Special::kRound, {kVector, kScalar}, kVector, 1),
    Other("scalar", Special::kScalar, {kVector}, kScalar),
    Math("sgn", Sign),
    Math("sin", std::sin),
    Math("sinh", std::sinh),
    Other("sort", Special::kSort, {kVector}),
    Other("sort_desc", Special::kSortDesc, {kVector}),
    Math("sqrt", std::sqrt),
    Range("stddev_over_time", StddevOverTime),
    Range("stdvar_over_time", StdvarOverTime),
    Range("sum_over_time", SumOverTime),
    Math("tan", std::tan),
    Math("tanh", std::tanh),
    DependingOnStep(Other("time", Special::kTime, {}, kScalar)),
    DependingOnStep(Other("timestamp", Special::kTimestamp, {kVector})),
    Other("vector", Special::kVector, {kScalar}),
    Calendar("year", Year),
};

constexpr std::array<std::string_view, 10> kExperimental = {"double_exponential_smoothing",
                                                            "info",
                                                            "limit_ratio",
                                                            "limitk",
                                                            "mad_over_time",
                                                            "sort_by_label",
                                                            "sort_by_label_desc",
                                                            "ts_of_last_over_time",
                                                            "ts_of_max_over_time",
                                                            "ts_of_min_over_time"};

}  // namespace

std::span<const Function> Functions() { return kFunctions; }

const Function* FindFunction(std::string_view name) {
  const auto found = std::ranges::lower_bound(kFunctions, name, {}, &Function::name);
  return found != kFunctions.end() && found->name == name ? &*found : nullptr;
}

bool IsExperimental(std::string_view name) { return std::ranges::find(kExperimental, name) != kExperimental.end(); }

}  // namespace inferd::metrics::promql
